"""Messages say numbers and states alone, and arrive at least once and in order, twice only after a crash."""

from __future__ import annotations

import base64
import email
import email.policy
import hmac
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import URL
from tests.receivers import SECRET, MailBox, Post, Receiver, mailing, receiving
from tests.sample_service import DAY, ORIGIN, RECOVERY, START, SampleService, SetClock, services_on
from tests.serving import free_port
from tests.valkey import Valkey

from hefu_ledger.encoding import canonical, format_time, parse_canonical
from hefu_ledger.number import format_number
from hefu_service import cli
from hefu_service.jobs import slow
from hefu_service.jobs.queue import SLOW, TELL, Hints, connect, ledger_queue, queue_of, task
from hefu_service.jobs.slow import SlowTicker, tell
from hefu_service.jobs.worker import LedgerWorker, SlowWorker
from hefu_service.outbox import delivery
from hefu_service.outbox.alarms import CLOCK, DISK, PROMISE, SEALING, STOPPED
from hefu_service.outbox.delivery import CLAIM_MS, FIRST_BACK_OFF_MS, GIVE_UP_MS, LONGEST_BACK_OFF_MS, deliver_next
from hefu_service.outbox.messages import MAIL, WEBHOOK
from hefu_service.outbox.ports import DeliveryError, Message, Sender, Undelivered
from hefu_service.outside import mail, webhook
from hefu_service.outside.disk import is_low
from hefu_service.outside.mail import MailSender, mail_server
from hefu_service.outside.webhook import WebhookSender, parse_secret, signed_headers
from hefu_service.ports import ClockError, PortError, StorageError, Store
from hefu_service.sealing.genesis import begin_ledger
from hefu_service.sealing.stops import RolledBackError
from hefu_service.senders import make_senders
from hefu_service.services import Services
from hefu_service.settings import SettingsError, read_settings
from hefu_service.store.engines import sqlite_url
from hefu_service.store.sql import open_store

PATIENCE_S = 20
HTTP = b"HTTP/1.1 200 OK\r\nX: "
GREETING = b"220-mail.example\r\n220-"
MESSAGE = Message(WEBHOOK, 0, "0" * 32, START, b'{"data":{},"timestamp":"","type":""}')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Told:
    """A service on one kind of database, whose messages go to these senders, at the time that a test sets."""

    def __init__(self, sample: SampleService, senders: dict[str, Sender], monkeypatch: pytest.MonkeyPatch) -> None:
        self.sample = sample
        self.services = replace(sample.services, senders=senders)
        self.now_ms = START
        monkeypatch.setattr(slow, "time_ms", lambda: self.now_ms)

    def tell(self, *, after_ms: int = 0) -> None:
        self.now_ms += after_ms
        tell(self.services)

    @property
    def undelivered(self) -> list[Undelivered]:
        return [*self.services.store.undelivered(1000)]

    def publish(self, times: int) -> list[int]:
        """As many checkpoints; their sizes."""
        sizes = []
        for _ in range(times):
            self.sample.enrol(str(time.monotonic_ns()))
            self.sample.settle()
            with self.services.store.view() as view:
                sizes.append(view.ledger_head().size)
        return sizes


on_each = pytest.mark.parametrize("sample", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleService]:
    if getattr(request, "param", "sqlite") == "sqlite":
        url: URL = sqlite_url(request.getfixturevalue("path"))
    else:
        url = request.getfixturevalue("postgres").emptied()
    clock = SetClock()
    with closing(open_store(url)) as store:
        sample = SampleService(tmp_path, services_on(tmp_path, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        sample.settle()
        yield sample


@pytest.fixture
def told(sample: SampleService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Told:
    """One that tells a webhook."""
    return Told(sample, {WEBHOOK: WebhookSender(receiver.url, parse_secret(SECRET))}, monkeypatch)


def sizes(receiver: Receiver) -> list[int]:
    return [post.said["data"]["size"] for post in receiver.posts]


# --- publications ---


@on_each
def test_each_checkpoint_is_told_once_in_order_and_with_nothing_but_numbers(told: Told, receiver: Receiver) -> None:
    told.tell()
    assert [post.said["data"] for post in receiver.posts] == [{"entries": 0, "origin": ORIGIN, "size": 1}]
    key = told.sample.enrol()
    told.sample.deposit(key, 3)
    told.sample.settle()
    published = told.publish(3)
    told.tell()
    told.tell()
    assert sizes(receiver) == [1, 3, *published]
    last = receiver.posts[-1]
    assert set(last.said) == {"data", "timestamp", "type"}
    assert last.said["type"] == "checkpoint.published"
    with told.services.store.view() as view:
        batch = view.batch_of(2)
    assert batch is not None
    sealed_at = parse_canonical(batch.data, limit=10_000)["sealed_at"]
    assert last.said["data"] == {"entries": 3, "origin": ORIGIN, "sealed_at": sealed_at, "size": published[-1]}
    assert canonical(last.said) == last.body
    assert told.undelivered == []


def test_a_destination_that_is_new_hears_of_the_newest_checkpoint_first(told: Told, receiver: Receiver) -> None:
    published = told.publish(3)
    told.tell()
    assert sizes(receiver) == published[-1:]


@on_each
def test_processes_that_tell_at_once_send_each_message_once_and_in_order(
    told: Told, receiver: Receiver, url_of: Callable[[], URL]
) -> None:
    told.tell()
    published = told.publish(8)
    with closing(open_store(url_of())) as other:
        everyone = [told.services, replace(told.services, store=other)] * 2
        threads = [threading.Thread(target=tell, args=(services,)) for services in everyone]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told.tell()
    assert sizes(receiver) == [1, *published]
    assert len({post.id for post in receiver.posts}) == 9


@pytest.fixture
def url_of(sample: SampleService) -> Callable[[], URL]:
    """The database of the service, for another pool."""
    store: Any = sample.services.store
    return lambda: store._engines.writer.url.set(drivername="postgresql") if _is_server(store) else _file(store)


def _is_server(store: Any) -> bool:
    return bool(store._engines.writer.dialect.name == "postgresql")


def _file(store: Any) -> URL:
    path = store._engines.writer.url.database.removeprefix("file:")
    return sqlite_url(Path(path))


# --- at least once, in order ---


@pytest.mark.parametrize("status", [302, 404, 410, 503])
def test_what_is_not_taken_is_sent_again_with_the_same_id_and_holds_back_the_next(
    told: Told, receiver: Receiver, status: int
) -> None:
    told.tell()
    published = told.publish(2)
    receiver.answer = lambda _: status
    told.tell()
    assert [(each.state, each.outlet.status) for each in told.undelivered] == [("waiting", f"HTTP {status}")] * 2
    told.tell(after_ms=FIRST_BACK_OFF_MS - 1)
    assert sizes(receiver) == [1, published[0]], "it waits, and a redirect is not followed"
    receiver.answer = lambda _: 200
    told.tell(after_ms=1)
    assert sizes(receiver) == [1, published[0], *published]
    assert receiver.posts[1].id == receiver.posts[2].id
    assert receiver.posts[1].body == receiver.posts[2].body
    assert told.undelivered == []


@on_each
def test_a_receiver_that_was_down_gets_everything_when_it_is_up(told: Told, receiver: Receiver) -> None:
    receiver.stop()
    told.tell()
    published = told.publish(3)
    told.tell(after_ms=FIRST_BACK_OFF_MS)
    assert {each.outlet.status for each in told.undelivered} == {"cannot connect"}
    receiver.start()
    told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert sizes(receiver) == [1, *published]


def test_waiting_doubles_up_to_an_hour(told: Told, receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    waits = []
    for _ in range(12):
        told.tell(after_ms=LONGEST_BACK_OFF_MS)
        waits.append(told.undelivered[0].outlet.not_before - told.now_ms)
    assert waits == [min(FIRST_BACK_OFF_MS * 2**number, LONGEST_BACK_OFF_MS) for number in range(12)]


@on_each
def test_what_was_sent_and_not_marked_is_sent_again(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_finish", crash)
        with pytest.raises(InterruptedError):
            told.tell()
    told.tell(after_ms=CLAIM_MS - 1)
    assert len(receiver.posts) == 1, "whoever has claimed it might still be sending"
    told.tell(after_ms=1)
    assert [post.id for post in receiver.posts] == [receiver.posts[0].id] * 2
    assert told.undelivered == []


@on_each
def test_an_attempt_that_outlasts_its_claim_changes_nothing_but_its_own_message(told: Told, receiver: Receiver) -> None:
    sent = threading.Event()

    def overtaken(_: Post) -> int:
        if not sent.is_set():
            sent.set()
            told.tell(after_ms=CLAIM_MS)
            return 500
        return 200

    receiver.answer = overtaken
    told.tell()
    assert (len(receiver.posts), told.undelivered) == (2, [])
    told.publish(1)
    told.tell()
    assert len(receiver.posts) == 3, "the late failure made nobody wait"


def test_an_unexpected_failure_of_a_sender_is_a_failure_like_any_other(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def send(self, message: Message) -> None:
            raise ZeroDivisionError(message)

    told.services = replace(told.services, senders={WEBHOOK: Broken()})
    with caplog.at_level(logging.CRITICAL):
        told.tell()
    assert told.undelivered[0].outlet.status == "unexpected ZeroDivisionError"


@on_each
def test_after_three_days_it_is_given_up_and_newer_ones_go_on(
    told: Told, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: 500
    with caplog.at_level(logging.CRITICAL):
        for _ in range(19):
            told.tell(after_ms=LONGEST_BACK_OFF_MS)
        made_at = told.undelivered[0].message.made_at
        told.tell(after_ms=made_at + GIVE_UP_MS - told.now_ms)
        assert [each.state for each in told.undelivered] == ["waiting"]
        told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert [each.state for each in told.undelivered] == ["given up"]
    receiver.answer = lambda _: 200
    published = told.publish(1)
    told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert sizes(receiver)[-1:] == published
    assert [each.state for each in told.undelivered] == ["given up"]


def test_a_leap_of_the_clock_gives_nothing_up_and_holds_nothing_back(
    told: Told, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: 500
    with caplog.at_level(logging.CRITICAL):
        told.tell()
        told.tell(after_ms=365 * DAY)
    assert [each.state for each in told.undelivered] == ["waiting"]
    receiver.answer = lambda _: 200
    told.tell(after_ms=-365 * DAY)
    assert told.undelivered == []


# --- webhooks ---


def test_the_signature_is_that_of_standard_webhooks(receiver: Receiver) -> None:
    # The example that the implementations of the specification share.
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secret=parse_secret(SECRET),
        timestamp_s=1614265330,
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    WebhookSender(receiver.url, parse_secret(SECRET)).send(MESSAGE)
    (post,) = receiver.posts
    signed = f"{post.id}.{post.headers['webhook-timestamp']}.".encode() + post.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert post.headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize(
    "text", ["", "whsec_", SECRET[6:], "whsec_c2hvcnQ=", "whsec_" + "A" * 88, "whsec_?" + "A" * 40]
)
def test_a_webhook_s_secret_is_long_and_marked(text: str) -> None:
    with pytest.raises(PortError, match="openssl rand") as caught:
        parse_secret(text)
    assert len(text) < 10 or text not in str(caught.value)


def test_no_line_of_the_log_holds_a_webhook_s_url(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    WebhookSender(f"{receiver.url}?key=capability", parse_secret(SECRET)).send(MESSAGE)
    assert len(receiver.posts) == 1
    assert caplog.messages == []


def test_a_receiver_that_hangs_is_cut(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUTS", 0.1)
    done = threading.Event()
    receiver.answer = lambda _: 200 if done.wait(PATIENCE_S) else 500
    with pytest.raises(DeliveryError, match="no answer in time"):
        WebhookSender(receiver.url, parse_secret(SECRET)).send(MESSAGE)
    done.set()


def test_a_receiver_that_answers_byte_by_byte_is_cut(
    dripping: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_LONGEST_S", 0.2)
    sender = WebhookSender(f"http://127.0.0.1:{dripping(HTTP)}/", parse_secret(SECRET))
    with pytest.raises(DeliveryError, match="no answer in time"):
        sender.send(MESSAGE)


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes], int]]:
    """Starts a server, on the port that it returns, that begins like this and then never ends."""
    done = threading.Event()
    threads: list[threading.Thread] = []

    def drip(listener: socket.socket, start: bytes) -> None:
        with listener, listener.accept()[0] as connection, suppress(OSError):
            connection.sendall(start)
            while not done.wait(0.02):
                connection.sendall(b"a")

    def begin(start: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        threads.append(threading.Thread(target=drip, args=(listener, start)))
        threads[-1].start()
        return int(listener.getsockname()[1])

    yield begin
    done.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def tls(authority: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    return context


def test_only_a_receiver_whose_certificate_is_trusted_is_told(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    receiver.certificate = tls(authority)
    receiver.start()
    try:
        with pytest.raises(DeliveryError, match="TLS"):
            WebhookSender(receiver.url, parse_secret(SECRET)).send(MESSAGE)
        assert receiver.posts == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
        WebhookSender(receiver.url, parse_secret(SECRET)).send(MESSAGE)
        assert len(receiver.posts) == 1
    finally:
        receiver.stop()


# --- alarms ---


def alarms(receiver: Receiver) -> list[tuple[str, str]]:
    said = [post.said for post in receiver.posts]
    return [(each["type"], each["data"]["alarm"]) for each in said if "alarm" in each["data"]]


@on_each
def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_has_been_over_for_a_minute(
    told: Told, receiver: Receiver
) -> None:
    low = [True]
    told.services = replace(told.services, disk_low=lambda: low[0])
    for _ in range(5):
        told.tell(after_ms=2_000)
    assert alarms(receiver) == [("alarm.raised", DISK)]
    low[0] = False
    told.tell(after_ms=50_000)
    low[0] = True
    told.tell(after_ms=5_000)
    low[0] = False
    told.tell(after_ms=59_999)
    assert alarms(receiver) == [("alarm.raised", DISK)], "another process may see it still"
    told.tell(after_ms=60_000)
    told.tell(after_ms=60_000)
    assert alarms(receiver) == [("alarm.raised", DISK), ("alarm.cleared", DISK)]
    low[0] = True
    told.tell()
    assert alarms(receiver)[2:] == [("alarm.raised", DISK)]


def test_deposits_that_nobody_seals_are_told_of_before_the_promise_is_broken(told: Told, receiver: Receiver) -> None:
    key = told.sample.enrol()
    told.sample.settle()
    first = told.sample.deposit(key, 2)[0].deposit
    told.tell(after_ms=120_000)
    assert alarms(receiver) == []
    told.tell(after_ms=1_000)
    assert alarms(receiver) == [("alarm.raised", SEALING)]
    told.tell(after_ms=DAY // 2)
    assert alarms(receiver) == [("alarm.raised", SEALING), ("alarm.raised", PROMISE)]
    data = receiver.posts[-1].said["data"]
    assert (data["oldest"], data["waiting"], data["origin"]) == (format_number("FX", first.seq), 2, ORIGIN)
    assert set(data) == {"alarm", "anchor_by", "oldest", "origin", "received_at", "waiting"}
    told.sample.settle()
    told.tell(after_ms=60_000)
    assert sorted(alarms(receiver)[2:]) == [("alarm.cleared", PROMISE), ("alarm.cleared", SEALING)]


@pytest.mark.parametrize("wrong", ["leapt", "behind"])
def test_a_clock_that_is_not_believed_is_told_of(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def leapt() -> int:
        raise ClockError("leapt")

    told.sample.deposit(told.sample.enrol())
    told.sample.settle()
    told.tell()
    if wrong == "leapt":
        monkeypatch.setattr(told.sample.clock, "now_ms", leapt)
    else:
        told.sample.clock.time_ms -= 2_000
    told.tell()
    assert alarms(receiver) == [("alarm.raised", CLOCK)]


def test_a_ledger_that_has_stopped_is_told_of(told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def rolled_back(_: object) -> None:
        raise RolledBackError("the database is yesterday's")

    monkeypatch.setattr(slow, "check_past", rolled_back)
    told.tell()
    assert alarms(receiver) == [("alarm.raised", STOPPED)]
    assert b"yesterday" not in receiver.posts[0].body


def test_an_alarm_goes_out_though_it_cannot_be_told_what_was_published(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> bool:
        raise StorageError("record 1 is not there")

    monkeypatch.setattr(slow, "announce", damaged)
    told.services = replace(told.services, disk_low=lambda: True)
    with pytest.raises(StorageError, match="record 1"):
        told.tell()
    assert [post.said["data"]["alarm"] for post in receiver.posts] == [DISK]


def test_a_disk_is_low_when_a_twentieth_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk(total: int, free: int) -> bool:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=total, free=free))
        return is_low(tmp_path)

    assert [disk(1000, free) for free in (49, 50)] == [True, False]
    assert [disk(1000 << 30, free << 30) for free in (19, 20)] == [True, False]


def test_nobody_is_told_and_nothing_kept_where_no_destination_is_set(sample: SampleService) -> None:
    tell(replace(sample.services, disk_low=lambda: True))
    with sample.services.store.outbox() as outbox:
        assert (outbox.alarms(), outbox.first_waiting(MAIL)) == ({}, None)


# --- mail ---

ALARM = Message(
    MAIL,
    0,
    "f" * 32,
    START,
    canonical(
        {
            "data": {"alarm": SEALING, "origin": ORIGIN, "waiting": 3},
            "timestamp": format_time(START),
            "type": "alarm.raised",
        }
    ),
)


def sender_to(url: str, password: str | None = None) -> MailSender:
    return MailSender(mail_server(url, password), sender="hefu@office.example", receiver="operator@office.example")


def test_an_operator_gets_the_alarm_in_both_languages_and_its_numbers_alone() -> None:
    box, port = MailBox(), free_port()
    with mailing(box, port):
        for _ in range(2):
            sender_to(f"smtp://127.0.0.1:{port}").send(ALARM)
    first, again = [email.message_from_bytes(each, policy=email.policy.default) for each in box.mails]
    assert first["Message-ID"] == again["Message-ID"] == f"<{'f' * 32}@office.example>"
    assert (first["From"], first["To"]) == ("hefu@office.example", "operator@office.example")
    assert "封存滞后 sealing is late" in first["Subject"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_content().splitlines()[2:] == [
        f"alarm: {SEALING}",
        f"origin: {ORIGIN}",
        "waiting: 3",
        f"time: {format_time(START)}",
    ]


@pytest.mark.parametrize("scheme", ["starttls", "smtps"])
def test_mail_goes_by_tls_with_the_password_of_the_file(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    box, port = MailBox(), free_port()
    # aiosmtpd takes only what STARTTLS has begun for TLS
    secured: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": tls(authority), "require_starttls": True},
        "smtps": {"auth_require_tls": False},
    }
    over = tls(authority) if scheme == "smtps" else None
    with mailing(box, port, ssl_context=over, authenticator=box.login, **secured[scheme]):
        sender_to(f"{scheme}://hefu%40office@127.0.0.1:{port}", "secret").send(ALARM)
    assert (box.logins, len(box.mails)) == ([(b"hefu@office", b"secret")], 1)


def test_mail_is_not_sent_where_tls_is_not_to_be_had_or_not_trusted(authority: tuple[Path, Path]) -> None:
    box, port = MailBox(), free_port()
    with mailing(box, port), pytest.raises(DeliveryError, match="NotSupported"):
        sender_to(f"starttls://127.0.0.1:{port}").send(ALARM)
    with mailing(box, port, tls_context=tls(authority)), pytest.raises(DeliveryError, match="TLS"):
        sender_to(f"starttls://127.0.0.1:{port}").send(ALARM)
    assert box.mails == []


def test_a_mail_server_that_refuses_hangs_or_is_gone_is_a_state_without_addresses(
    dripping: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = MailBox(), free_port()
    box.reply = "550 operator@office.example is unknown"
    with mailing(box, port), pytest.raises(DeliveryError, match=r"^SMTP 550$"):
        sender_to(f"smtp://127.0.0.1:{port}").send(ALARM)
    with pytest.raises(DeliveryError, match=r"^cannot connect$"):
        sender_to(f"smtp://127.0.0.1:{port}").send(ALARM)
    monkeypatch.setattr(mail, "_LONGEST_S", 0.2)
    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        sender_to(f"smtp://127.0.0.1:{dripping(GREETING)}").send(ALARM)


def test_a_webhook_that_hangs_does_not_keep_mail_waiting(told: Told, receiver: Receiver) -> None:
    box, port = MailBox(), free_port()
    receiver.answer = lambda _: 500
    told.services = replace(
        told.services,
        senders={**told.services.senders, MAIL: sender_to(f"smtp://127.0.0.1:{port}")},
        disk_low=lambda: True,
    )
    with mailing(box, port):
        told.tell()
    assert len(box.mails) == 1
    assert [each.message.destination for each in told.undelivered] == [WEBHOOK] * 2


def test_destinations_take_turns(told: Told) -> None:
    sent: list[str] = []

    class Keep:
        def send(self, message: Message) -> None:
            sent.append(message.destination)

    told.tell()
    told.publish(3)
    told.services = replace(told.services, senders={WEBHOOK: Keep(), MAIL: Keep()}, disk_low=lambda: True)
    told.tell()
    assert sent == [WEBHOOK, MAIL, WEBHOOK, WEBHOOK, WEBHOOK]


# --- the queue, and who does its work ---


@pytest.fixture(params=["in-process", "redis"])
def turn(request: pytest.FixtureRequest, told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A turn of whoever does the slow work."""
    if request.param == "in-process":
        monkeypatch.setattr(slow, "_SWEEP_S", 0.01)
        ticker = SlowTicker(told.services)
        ticker.start()
        yield lambda: time.sleep(0.01)
        ticker.stop()
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    valkey.flush()
    with connect(valkey.url) as redis:

        def work() -> None:
            Hints(redis).ask(told.services)
            LedgerWorker(redis, told.services).work(burst=True, logging_level="WARNING")
            thread = threading.Thread(  # as in a worker that seals beside it
                target=lambda: SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
            )
            thread.start()
            thread.join()

        yield work


@on_each
def test_what_is_sealed_is_told(told: Told, receiver: Receiver, turn: Callable[[], None]) -> None:
    key = told.sample.enrol()
    deadline = time.monotonic() + PATIENCE_S
    for count in (1, 2):
        told.sample.deposit(key, 1, first=count)
        if turn.__name__ != "work":
            told.sample.settle()
        while not any(post.said["data"]["entries"] == count for post in receiver.posts):
            assert time.monotonic() < deadline
            turn()


def test_sealing_asks_for_what_it_has_published_to_be_told_once(told: Told, valkey: Valkey) -> None:
    valkey.flush()
    with connect(valkey.url) as redis:
        told.sample.enrol()
        Hints(redis).ask(told.services)
        LedgerWorker(redis, told.services).work(burst=True, logging_level="WARNING")
        Hints(redis).ask_to_tell(told.services)
        assert queue_of(redis, SLOW).count == 1
        assert ledger_queue(redis).count == 0
        SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
        assert redis.keys("rq:job:*") == []


def test_slow_work_is_no_task_of_the_ledger_s_queue() -> None:
    assert task(TELL, SLOW) is tell
    with pytest.raises(PortError, match="no task of this program"):
        task(TELL)


def test_what_a_flushed_redis_forgot_is_found_in_the_database(told: Told, receiver: Receiver, valkey: Valkey) -> None:
    with connect(valkey.url) as redis:
        told.tell()
        published = told.publish(1)
        Hints(redis).ask_to_tell(told.services)
        valkey.flush()
        SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
        assert sizes(receiver) == [1]
        told.tell()
        assert sizes(receiver) == [1, *published]


def test_the_store_keeps_one_order_for_each_destination(store: Store) -> None:
    sent: list[int] = []

    class Keep:
        def send(self, message: Message) -> None:
            sent.append(message.number)

    with store.outbox() as outbox:
        outlet = outbox.outlet(WEBHOOK)
        for number in (1, 0, 2):
            outbox.add_message(replace(MESSAGE, number=number, id=f"{number:032}"))
        outbox.put_outlet(replace(outlet, next_message=3))
    while deliver_next(store, WEBHOOK, Keep(), time_ms=lambda: START):
        pass
    assert sent == [0, 1, 2]
    assert not deliver_next(store, MAIL, Keep(), time_ms=lambda: START)


# --- settings, and what the operator sees ---

WEBHOOKS = {"HEFU_WEBHOOK_URL": "https://system.example/hook", "HEFU_WEBHOOK_SECRET_FILE": "secret"}
MAILS = {
    "HEFU_SMTP_URL": "smtp://mail.example",
    "HEFU_MAIL_FROM": "a@office.example",
    "HEFU_MAIL_TO": "b@office.example",
}


def problems(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment, data=Path("data"))
    return str(caught.value).split("; ")


@pytest.mark.parametrize("name", [*WEBHOOKS, *MAILS])
def test_what_messages_need_is_set_together(name: str) -> None:
    read_settings(WEBHOOKS | MAILS, data=Path("data"))
    (problem,) = problems({key: value for key, value in (WEBHOOKS | MAILS).items() if key != name})
    assert problem.startswith(f"{name}: missing")


def test_a_mail_user_and_a_password_go_together() -> None:
    (problem,) = problems(MAILS | {"HEFU_SMTP_URL": "smtps://hefu@mail.example"})
    assert problem.startswith("HEFU_SMTP_PASSWORD_FILE: missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEFU_WEBHOOK_URL", "http://system.example/hook"),
        ("HEFU_WEBHOOK_URL", "http://localhost.example/hook"),
        ("HEFU_WEBHOOK_URL", "https://hefu:secret@system.example/hook"),
        ("HEFU_WEBHOOK_URL", "https:///secret"),
        ("HEFU_WEBHOOK_URL", "file:///secret"),
        ("HEFU_WEBHOOK_URL", "https://secret:99999/hook"),
        ("HEFU_SMTP_URL", "smtps://hefu:secret@mail.example"),
        ("HEFU_SMTP_URL", "smtp://secret@mail.example"),
        ("HEFU_SMTP_URL", "smtp://secret:99999"),
        ("HEFU_SMTP_URL", "mail.example"),
        ("HEFU_MAIL_TO", "secret"),
        ("HEFU_MAIL_TO", "secret@office.example, other@office.example"),
        ("HEFU_MAIL_TO", "secret@office.example\nBcc: other@office.example"),
        ("HEFU_MAIL_FROM", "Hefu <secret@office.example>"),
    ],
)
def test_where_messages_go_is_named_exactly_and_without_a_secret(name: str, value: str) -> None:
    found = problems(WEBHOOKS | MAILS | {name: value})
    assert found[0].startswith(f"{name}: ")
    assert "secret" not in found[0]


def test_a_webhook_of_this_machine_may_do_without_tls() -> None:
    for host in ("127.0.0.1:8000", "[::1]:8000", "localhost:8000"):
        read_settings(WEBHOOKS | {"HEFU_WEBHOOK_URL": f"http://{host}/"}, data=Path("data"))


def test_senders_are_made_from_the_settings_and_a_secret_is_read_when_it_starts(tmp_path: Path) -> None:
    settings = read_settings(WEBHOOKS | MAILS | {"HEFU_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}, data=tmp_path)
    with pytest.raises(PortError, match="cannot read the secret"):
        make_senders(settings)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert sorted(make_senders(settings)) == [MAIL, WEBHOOK]
    assert make_senders(read_settings({}, data=tmp_path)) == {}


def test_the_operator_sees_what_waits_and_why_and_nothing_else(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(_: object) -> Iterator[Services]:
        yield told.services

    monkeypatch.setattr(cli, "_opened", opened)
    receiver.answer = lambda _: 503
    told.publish(2)
    told.tell()
    told.publish(1)
    told.tell()
    monkeypatch.setattr(cli, "MOST_SHOWN", 1)
    ran = CliRunner().invoke(cli.command, ["messages"])
    due = format_time(START + FIRST_BACK_OFF_MS)
    assert ran.output.splitlines() == [
        f"webhook 0 {format_time(START)} waiting: HTTP 503, 1 times, next {due}",
        "… and more 尚有更多",
    ]
    receiver.answer = lambda _: 204
    told.tell(after_ms=FIRST_BACK_OFF_MS)
    assert CliRunner().invoke(cli.command, ["messages"]).output == "all are delivered 全部已送达\n"
