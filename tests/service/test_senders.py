"""Webhooks and mail are signed or sent by TLS, cut where they hang, and named exactly by the settings."""

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
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.service.told import MESSAGE, PATIENCE_S, Told
from tests.support.cases import every_case
from tests.support.receivers import SECRET, MailBox, Receiver, mailing
from tests.support.sample_service import ORIGIN, START
from tests.support.serving import free_port

from hefu_ledger.encoding import canonical, format_time
from hefu_service.outbox.alarms import SEALING
from hefu_service.outbox.messages import MAIL, WEBHOOK
from hefu_service.outside import mail, webhook
from hefu_service.outside.mail import MailSender, mail_server
from hefu_service.outside.webhook import WebhookSender, parse_secret, signed_headers
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import DeliveryError, Message
from hefu_service.settings import SettingsError, read_settings
from hefu_service.wiring import make_senders

HTTP = b"HTTP/1.1 200 OK\r\nX: "
GREETING = b"220-mail.example\r\n220-"


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


@every_case("text", ["", "whsec_", SECRET[6:], "whsec_c2hvcnQ=", "whsec_" + "A" * 88, "whsec_?" + "A" * 40])
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
    monkeypatch.setattr(webhook, "LONGEST_S", 0.2)
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
    monkeypatch.setattr(mail, "LONGEST_S", 0.2)
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


# --- settings ---

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


@every_case(
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
