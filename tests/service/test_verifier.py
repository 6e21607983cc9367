"""Receipts of strangers are verified in a process of their own, one at a time, and depositors do not wait for them."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.sample_api import api_of
from tests.support.sample_ledger import POLICY, sample
from tests.support.sample_service import SampleService, depositor_key, statement
from tests.support.serving import Serving, redeem, request, serving

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.policy import format_policy
from hefu_service.api.fast_path import FastPath
from hefu_service.intake.refusals import PrivateHalfError, VerifierBusyError
from hefu_service.outside.verifier import PATIENCE_S, ProcessVerifier
from hefu_service.outside.verifier_process import NICE
from hefu_service.receipts.verdict import receipt_verdict

RECEIPT = format_receipt(sample().receipt(1, [1]))
TRUSTED = format_policy(POLICY).encode()
JSON = {"Content-Type": "application/json"}


def nothing(_: bytes) -> bytes:
    return b"null"


@pytest.fixture
def verifier() -> Iterator[ProcessVerifier]:
    made = ProcessVerifier(patience_s=1)
    yield made
    made.close()


def test_the_other_process_gives_the_verdict_that_this_one_would(verifier: ProcessVerifier) -> None:
    verdict = verifier.verdict(RECEIPT, TRUSTED, nothing)
    assert verdict == receipt_verdict(RECEIPT, TRUSTED, b"null")
    assert json.loads(verdict)["verdict"] == "proven"
    first = verifier.pid
    with pytest.raises(MalformedError, match="not JSON"):
        verifier.verdict(b"{", TRUSTED, nothing)
    with pytest.raises(PrivateHalfError) as refused:
        verifier.verdict(b'{"\\u0073eed": "ab"}', TRUSTED, nothing)
    assert refused.value.args[0].zh.startswith("请求中含有私密部分")
    assert verifier.verdict(RECEIPT, TRUSTED, nothing) == verdict
    assert verifier.pid == first, "begun once"


def test_one_at_a_time_and_each_for_a_limited_time(verifier: ProcessVerifier) -> None:
    verifier.verdict(RECEIPT, TRUSTED, nothing)
    assert verifier.pid is not None
    os.kill(verifier.pid, signal.SIGSTOP)  # it takes for ever
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        slow = pool.submit(verifier.verdict, RECEIPT * 300, TRUSTED, nothing)  # more than a pipe holds
        while not slow.running():
            time.sleep(0.01)
        time.sleep(0.05)
        with pytest.raises(VerifierBusyError, match="another receipt"):
            verifier.check_free()
        with pytest.raises(VerifierBusyError, match="another receipt"):
            verifier.verdict(RECEIPT, TRUSTED, nothing)
        with pytest.raises(VerifierBusyError, match="within 1 s"):
            slow.result(timeout=10)
        assert 0.9 < time.monotonic() - started < 5
    verifier.check_free()
    assert verifier.verdict(RECEIPT, TRUSTED, nothing), "by another process"


def test_a_process_that_was_killed_is_begun_anew(verifier: ProcessVerifier) -> None:
    verifier.verdict(RECEIPT, TRUSTED, nothing)
    assert verifier.pid is not None
    os.kill(verifier.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert verifier.verdict(RECEIPT, TRUSTED, nothing)


def test_it_holds_nothing_of_the_service_and_has_a_low_priority(
    verifier: ProcessVerifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("HEFU_DATA", "/srv/hefu")
    with (tmp_path / "log.key").open("w") as key:
        os.set_inheritable(key.fileno(), True)
        verifier.verdict(RECEIPT, TRUSTED, nothing)
        process = Path(f"/proc/{verifier.pid}")
        names = {entry.partition(b"=")[0] for entry in (process / "environ").read_bytes().split(b"\0") if entry}
        assert {name for name in names if not name.startswith(b"PYTHON")} <= {b"LC_CTYPE"}
        held = {str(entry.readlink()) for entry in (process / "fd").iterdir()}
        assert not any(str(tmp_path) in path for path in held)
        assert sum(path.startswith("pipe:") for path in held) <= 3
    assert verifier.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, verifier.pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICE


def test_a_receipt_is_refused_unread_while_another_is_verified(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = ProcessVerifier(patience_s=1)
    api = api_of(service, verifier=busy)
    try:
        assert api.post("/v1/verify", data=RECEIPT, content_type="application/json").status_code == 200
        assert busy.pid is not None
        os.kill(busy.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(busy.verdict, RECEIPT, TRUSTED, nothing)
            time.sleep(0.1)
            answer = api.post("/v1/verify", data=b"x" * 2_000_000, content_type="application/json")
            assert (answer.status_code, answer.get_json()["type"]) == (503, "about:hefu/verifier-busy")
            assert int(answer.headers["Retry-After"]) >= 1
            express = api.application.wsgi_app
            assert isinstance(express, FastPath)
            monkeypatch.setattr(api.application, "wsgi_app", express.behind)
            by_flask = api.post("/v1/verify", data=RECEIPT, content_type="application/json")
            assert (by_flask.status_code, by_flask.data) == (503, answer.data)
            assert by_flask.headers["Retry-After"] == answer.headers["Retry-After"]
            with pytest.raises(VerifierBusyError):
                slow.result(timeout=10)
    finally:
        busy.close()


def below(pid: int) -> set[int]:
    """All processes that a process started, and those that they did."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child} | below(child)
    return found


def verifying(service: Serving) -> int:
    """The process that verifies, begun by a first receipt."""
    assert request(service.port, "POST", "/v1/verify", RECEIPT, JSON)[0] == 200
    (found,) = (pid for pid in below(service.pid) if b"hefu_service.outside.verifier_process" in _cmdline(pid))
    assert os.sched_getaffinity(found) == os.sched_getaffinity(0), "not to the one core that answers depositors"
    return found


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_service_whose_verifier_hangs_takes_deposits_and_they_end_together(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        code = service.enrol("上海某某化妆品有限公司", "91310120MA1HP00194")
        key = depositor_key(code, "key")
        redeem(service.port, code, key)
        os.kill(verifying(service), signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            started = time.monotonic()
            slow = pool.submit(request, service.port, "POST", "/v1/verify", RECEIPT, JSON)
            time.sleep(0.2)
            with socket.create_connection(("127.0.0.1", service.port), timeout=1) as wire:
                wire.sendall(b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 700000\r\n\r\n")
                assert wire.recv(12) == b"HTTP/1.1 503", "answered before a body came"
            headers = {"Content-Type": "text/plain"}
            answers = [request(service.port, "POST", "/v1/deposits", statement(key, n), headers)[0] for n in range(5)]
            assert (answers, time.monotonic() - started < PATIENCE_S) == ([201] * 5, True)
            status, told, _ = slow.result(timeout=10)
            assert (status, int(told["retry-after"]) >= 1) == (503, True)
        verifier = verifying(service)
        service.kill()
        deadline = time.monotonic() + 5
        while not ended(verifier) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ended(verifier)
        service.start()
        verifier = verifying(service)
        assert service.stop() == 0
        assert ended(verifier)
    assert "Traceback" not in service.log.read_text()
