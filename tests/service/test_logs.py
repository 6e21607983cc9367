"""Lines of the log are whole, say whose request or job they are of, hold nothing secret, and delay nobody."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_api import TOKEN, SampleApi, api_of
from tests.support.sample_service import USCC, SampleService, depositor_key, depositor_of, possession, statement
from tests.support.valkey import Valkey

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.note import parse_note
from hefu_service.jobs.queue import LEDGER, Hints, connect, queue_of
from hefu_service.jobs.worker import LedgerWorker
from hefu_service.observing import logs
from hefu_service.observing.logs import LineHandler, flush_logs, log_about, logged_about

LOG = logging.getLogger("hefu.test")
PATIENCE_S = 10


class Logged:
    """What was logged, as it was written to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def text(self) -> str:
        flush_logs()
        return self.path.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def logging_to(file: int, level: int = logging.DEBUG) -> Iterator[LineHandler]:
    """Log to a file descriptor, and let the whole program log at this level."""
    root = logging.getLogger()
    before, handler = root.level, LineHandler(file)
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        log_about()


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    path = tmp_path / "log"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        with logging_to(file) as handler:
            yield Logged(path)
            handler.flush()
            time.sleep(2 * logs._PAUSE_S)  # its thread may still write
    finally:
        os.close(file)


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def run_python(script: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


# Lines


def test_lines_are_json_in_their_order_and_none_is_lost_between_threads(logged: Logged) -> None:
    def work(number: int) -> None:
        for count in range(200):
            LOG.info("%d %d", number, count)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = [line["message"].split() for line in logged.lines if line["logger"] == "hefu.test"]
    for number in range(8):
        assert [count for who, count in messages if who == str(number)] == [str(count) for count in range(200)]


def test_a_line_is_written_soon_without_being_asked_for(logged: Logged) -> None:
    LOG.info("soon")
    deadline = time.monotonic() + PATIENCE_S
    while "soon" not in logged.path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_error_is_written_at_once_and_all_that_came_before_it(logged: Logged) -> None:
    LOG.info("first")
    LOG.error("second", exc_info=ValueError("wrong"))
    first, second = [json.loads(line) for line in logged.path.read_text().splitlines()]
    assert (first["message"], second["message"]) == ("first", "second")
    assert (first["level"], second["level"]) == ("info", "error")
    assert second["exception"].endswith("ValueError: wrong")


def test_a_line_that_cannot_be_formatted_costs_only_itself_and_shows_no_value(
    logged: Logged, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = next(each for each in logging.getLogger().handlers if isinstance(each, LineHandler))
    for message, value in (("%d", "a secret"), ("and %s on", "\ud800")):
        handler.handle(logging.LogRecord("x", logging.INFO, "", 0, message, (value,), None))
    assert [line["message"] for line in logged.lines] == ["a line that could not be formatted", "and \ud800 on"]
    assert capfd.readouterr().err == ""


def test_a_reader_that_does_not_read_stops_nobody_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "_MOST", 10)
    reader, writer = os.pipe()
    filled = 0
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"\n" * 4096)
    os.set_blocking(writer, True)
    with logging_to(writer, logging.INFO):
        deadline = time.monotonic() + PATIENCE_S
        for number in range(10_000):
            LOG.info("line %d", number)
        assert time.monotonic() < deadline
        received = b""
        while b"lines were dropped" not in received:
            received += os.read(reader, 65536)
    found = [json.loads(line)["message"] for line in received.decode().splitlines() if line]
    written = [message for message in found if message.startswith("line ")]
    dropped = sum(int(message.split()[0]) for message in found if message.endswith("were dropped"))
    assert written[:3] == ["line 0", "line 1", "line 2"]
    assert 0 < len(written) <= 10_000 - dropped
    time.sleep(2 * logs._PAUSE_S)
    os.close(reader)
    os.close(writer)


def test_lines_are_written_whole_beside_those_of_other_processes() -> None:
    reader, writer = os.pipe()
    sizes: list[int] = []

    class Seen(LineHandler):
        def _put(self, data: bytes) -> None:
            sizes.append(len(data))
            super()._put(data)

    handler = Seen(writer)
    for number in range(200):
        handler.handle(logging.makeLogRecord({"name": "x", "msg": f"{number} " + "x" * 100, "levelno": logging.INFO}))
    handler.flush()
    assert 0 < max(sizes) <= 4096, "what a pipe takes in one piece"
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert len([json.loads(line) for line in lines]) == 200
    handler.flush()


SETTING_UP = "from hefu_service.observing.logs import log_to_stderr; import logging, os; log_to_stderr(); "


@pytest.mark.parametrize(
    "meanwhile", ["", "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False}); "]
)
def test_what_a_process_logged_last_is_written_when_it_ends(meanwhile: str) -> None:
    done = run_python(SETTING_UP + "import logging.config; " + meanwhile + "logging.info('the last')")
    assert json.loads(done.stderr)["message"] == "the last"


@pytest.mark.parametrize(("child", "lines"), [("logging.error('child')", ["child", "parent"]), ("0", ["parent"])])
def test_a_fork_writes_its_own_lines_and_no_others_twice(child: str, lines: list[str]) -> None:
    done = run_python(SETTING_UP + f"logging.info('parent'); pid = os.fork(); os.waitpid(pid, 0) if pid else {child}")
    assert sorted(json.loads(line)["message"] for line in done.stderr.splitlines()) == lines


def test_a_terminal_that_has_gone_is_no_error() -> None:
    done = run_python(SETTING_UP + "os.close(2); logging.error('nobody reads it'); print('on')")
    assert (done.returncode, done.stdout) == (0, "on\n")


# Whose they are


@pytest.mark.parametrize("given", ["a", "7f3a-00", "x" * 63])
def test_a_request_id_from_a_proxy_is_kept(api: SampleApi, logged: Logged, given: str) -> None:
    assert api.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    (line,) = [line for line in logged.lines if line["logger"] == "hefu.request"]
    assert (line["request"], line["route"], line["status"]) == (given, "/healthz", 200)


@pytest.mark.parametrize("given", ["", "a b", "a_b", "é", "١", 'a"', "x" * 64, "0f" * 32, "a,b", "a\tb"])
def test_any_other_request_id_is_replaced(api: SampleApi, logged: Logged, given: str) -> None:
    answer = api.get("/healthz", headers={"X-Request-Id": given.encode().decode("latin-1")})
    own = answer.headers["X-Request-Id"]
    assert own != given
    assert len(own) == 16
    assert [line["request"] for line in logged.lines if line["logger"] == "hefu.request"] == [own]


def test_every_line_of_a_request_has_its_id(api: SampleApi, logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        LOG.info("on the way")
        raise RuntimeError("a defect")

    monkeypatch.setattr("hefu_service.store.sql.SqlStore.view", broken)
    answer = api.get("/v1/enrolments/x")
    lines = [line for line in logged.lines if line["logger"].startswith("hefu")]
    assert [line["message"] for line in lines] == ["on the way", "request failed", "request"]
    assert {line["request"] for line in lines} == {answer.headers["X-Request-Id"]}
    assert lines[-1]["problem"] == "internal"


def test_ids_end_with_what_they_are_about(logged: Logged) -> None:
    with logged_about(job="settle-1"):
        LOG.info("within")
    LOG.info("after")
    assert [line.get("job") for line in logged.lines] == ["settle-1", None]


def test_a_worker_s_lines_have_the_job_s_id(service: SampleService, valkey: Valkey, logged: Logged) -> None:
    valkey.flush()
    service.deposit(service.enrol())
    with connect(valkey.url) as redis:
        Hints(redis).ask(service.services)
        (job,) = queue_of(redis, LEDGER).job_ids
        LedgerWorker(redis, service.services).work(burst=True, logging_level="DEBUG")
    done = [line for line in logged.lines if line["logger"] == "hefu.worker"]
    assert [(line["job"], line["task"], line["done"]) for line in done] == [(job, "settle", True)]


def test_a_job_that_is_none_of_ours_is_told_by_no_name_of_its_own(
    service: SampleService, valkey: Valkey, logged: Logged
) -> None:
    valkey.flush()
    with connect(valkey.url) as redis:
        queue_of(redis, LEDGER).enqueue_call("os.getpid", job_id="j" * 500, failure_ttl=0)
        LedgerWorker(redis, service.services).work(burst=True, logging_level="WARNING")
    done = [line for line in logged.lines if line["logger"] == "hefu.worker"]
    assert [(line["job"], line["task"], line["done"]) for line in done] == [("j" * 100, "other", False)]


# Nothing secret


def sent(api: SampleApi) -> Sequence[str]:
    """Use every way in, rightly and wrongly, with things that must not be logged; all of these."""
    code = api.service.code()
    key = depositor_key(code, "key")
    api.redeem(code, key)
    api.enrol(f"{code}x", possession(key))
    note = statement(key)
    identity = statement_id(parse_note(note)).hex()
    acknowledgement = api.statement(note).get_data(as_text=True)
    api.statement(note.replace(b'"count":1', b'"count":2'))
    api.statements([note, b"no note of " + identity.encode()])
    api.service.settle()
    number = api.get(f"/v1/deposits/{identity}").get_json()["number"]
    api.get(f"/v1/deposits/{identity}/receipt")
    planted = ("X-Request-Id", "User-Agent", "Cookie")
    headers = {"Authorization": f"Bearer {identity}", **dict.fromkeys(planted, identity)}
    for path in (
        f"/{identity}",
        f"/v1/deposits/{identity}x?{identity}",
        f"/v1/numbers/{number}",
        f"/v1/enrolments/{depositor_of(key)}",
        f"/v1/vault/{identity}",
        "/v1/vault",
        "/v1/batches/2/entries",
    ):
        api.get(path, headers=headers)
    api.get("/v1/batches/2/entries", headers={"Authorization": f"Bearer {TOKEN}"})
    api.post("/v1/verify", json={"seed": identity, "digests": {"sha-256": identity}, "name": "配方.docx"})
    api.open("/v1/deposits", method=f"X{identity}", headers=headers)
    depositor, _, secret = code.partition(".")
    signatures = [text.splitlines()[-1].rpartition(" ")[2] for text in (note.decode(), acknowledgement)]
    return [depositor, secret, identity, number, TOKEN, *signatures, "上海", "配方", USCC, "127.0.0.1"]


def test_nothing_secret_is_logged_even_where_everything_is(api: SampleApi, logged: Logged) -> None:
    hidden = sent(api)
    assert len([line for line in logged.lines if line["logger"] == "hefu.request"]) == 17
    assert logging.getLogger().isEnabledFor(logging.DEBUG)
    assert [each for each in hidden if each in logged.text] == []


def test_the_log_of_a_service_that_was_set_up_is_quiet_about_libraries() -> None:
    script = "[logging.getLogger(n).debug('%s', n) for n in ('sqlalchemy.engine.Engine', 'rq.worker', 'werkzeug', 'x')]"
    done = run_python(SETTING_UP + "logging.getLogger().setLevel(logging.DEBUG); " + script)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["x"]


def test_a_worker_logs_no_more_than_ids_of_a_job(
    service: SampleService, valkey: Valkey, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("rq"), "level", logging.WARNING)  # as log_to_stderr has it
    valkey.flush()
    key = service.enrol()
    note = statement(key)
    service.accept(note)
    with connect(valkey.url) as redis:
        Hints(redis).ask(service.services)
        LedgerWorker(redis, service.services).work(burst=True, logging_level="WARNING")
    assert "settle-" in logged.text
    for hidden in (depositor_of(key), statement_id(parse_note(note)).hex()):
        assert hidden not in logged.text


def test_an_error_waits_no_longer_than_a_moment_for_who_should_read_it() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    handler = LineHandler(writer)
    logged = threading.Thread(target=handler.emit, args=[logging.makeLogRecord({"levelno": logging.ERROR})])
    logged.start()
    logged.join(10)
    assert not logged.is_alive()
    os.read(reader, 1 << 20)
    handler.flush()
    os.close(writer)
    os.close(reader)
