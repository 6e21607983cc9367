"""Two web processes and a worker on PostgreSQL and Redis: deposits over both, receipts that verify, a clean ledger."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.serving import get, request, run
from tests.support.valkey import Valkey

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import verify_receipt
from hefu_service.publishing.fsck import fsck
from hefu_service.wiring import open_services

DEPOSITS = 40
PATIENCE_S = 20


@pytest.fixture
def production(postgres: Postgres, valkey: Valkey, tmp_path: Path) -> Iterator[Production]:
    valkey.flush()
    made = Production(tmp_path / "data", postgres.create(), valkey.url)
    try:
        made.add_worker()
        made.add_web()
        made.add_web()
        yield made
    finally:
        made.kill()


def receipt_of(port: int, statement: bytes) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        status, body = get(port, f"/v1/deposits/{sha256(statement).hexdigest()}/receipt")
        if status == 200:
            return body
        time.sleep(0.02)
    raise AssertionError("no receipt")


def test_deposits_over_two_webs_become_one_ledger(production: Production) -> None:
    ports = [web.port for web in production.webs]
    with open_services(production.data, production.database) as services:
        signer = enrol(services)
    statements = [make_statement(signer, number) for number in range(DEPOSITS)]

    def deposit(number: int) -> bytes:
        headers = {"Content-Type": "text/plain"}
        status, _, body = request(ports[number % 2], "POST", "/v1/deposits", statements[number], headers)
        assert status == 201, body
        return body

    with ThreadPoolExecutor(8) as pool:
        acknowledgements = list(pool.map(deposit, range(DEPOSITS)))
    seqs = sorted(parse_acceptance(parse_note(each).text).seq for each in acknowledgements)
    assert seqs == list(range(DEPOSITS))
    policy = parse_policy(get(ports[0], "/v1/trust")[1].decode())
    for number, statement in enumerate(statements):  # from the other web than took it
        receipt = receipt_of(ports[(number + 1) % 2], statement)
        assert verify_receipt(receipt, policy=policy).verdict == "proven"
    assert production.stop() == [0, 0, 0], production.log.read_text()
    with open_services(production.data, production.database) as services:
        assert list(fsck(services)) == []


def test_a_worker_seals_what_it_finds_drains_and_ends(production: Production) -> None:
    with open_services(production.data, production.database) as services:
        signer = enrol(services)
    (worker,) = production.workers
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    statement = make_statement(signer, 0)
    assert request(production.webs[0].port, "POST", "/v1/deposits", statement, {"Content-Type": "text/plain"})[0] == 201
    production.add_worker()
    receipt_of(production.webs[0].port, statement)


def test_whoever_seals_gives_way_to_whoever_answers(production: Production) -> None:
    nice = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (production.workers[0].pid, production.webs[0].pid)]
    assert nice[0] - nice[1] == 5


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are chosen on Linux alone")
def test_whoever_answers_keeps_to_a_core_that_no_other_keeps_to(production: Production) -> None:
    cores = os.sched_getaffinity(0)
    production.webs[0].kill()
    production.webs[0].start()  # in the place that was left
    while len(production.webs) < min(len(cores), 4):
        production.add_web()
    kept = [os.sched_getaffinity(answering(web.pid)) for web in production.webs]
    assert {len(each) for each in kept} == {1}
    assert len(set().union(*kept)) == len(kept)
    assert os.sched_getaffinity(production.workers[0].pid) == cores


def answering(pid: int) -> int:
    """The process that a `serve` has started to answer."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_a_worker_needs_a_queue_and_a_database_server(tmp_path: Path) -> None:
    words = ("worker", "--data", tmp_path)
    assert "HEFU_REDIS_URL: missing" in run("hefu-service", *words, expect=2).stderr
