"""The disk is full, or the data read-only, under a running service: it says so, loses nothing, and recovers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from tests.fault.figures import Figures
from tests.fault.ledger_data import replay
from tests.fault.small_disk import SmallDisk, small_disk
from tests.support.enrolling import make_statement
from tests.support.serving import BIN, ORIGIN, VERIFIED, Serving, get, redeem, request

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.names import depositor_key_name
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import verify_receipt

MEGABYTES = 24
PATIENCE_S = 60
AMID = 40  # deposits while the fault lasts
PAGE = 4096


class DiskServing(Serving):
    """The service on the small disk, which nobody outside can look into."""

    def __init__(self, disk: SmallDisk, log: Path) -> None:
        super().__init__(disk.path / "data", window_ms=20)
        self.prefix = disk.within()
        self.log = log


@dataclass
class Tenant:
    """An enterprise whose service lives on a small disk."""

    disk: SmallDisk
    service: DiskServing
    signer: Ed25519Signer
    acknowledged: dict[bytes, bytes] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def deposit(self, *expected: int) -> int:
        """Deposit one more; the status."""
        statement = make_statement(self.signer, next(self.numbers))
        status, headers, body = request(
            self.service.port, "POST", "/v1/deposits", statement, {"Content-Type": "text/plain"}
        )
        assert status in expected, body
        if status == 201:
            self.acknowledged[statement] = body
        else:
            self.refused.append(statement)
            assert headers["content-type"] == "application/problem+json"
            assert headers["retry-after"] == "5"
            assert b"Traceback" not in body
        return status

    def until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.service.ready():
            assert time.monotonic() < deadline, get(self.service.port, "/readyz")
            time.sleep(0.05)

    def account(self, figures: Figures, export: Path) -> None:
        """Everything acknowledged has its receipt; fsck and a full replay find nothing."""
        policy = parse_policy(get(self.service.port, "/v1/trust")[1].decode())
        for statement, acknowledgement in self.acknowledged.items():
            data = self._receipt(f"/v1/deposits/{statement_id(statement).hex()}/receipt")
            figures.acknowledged += 1
            figures.lost += json.loads(data)["acknowledgement"].encode() != acknowledgement
            assert verify_receipt(data, policy=policy).verdict == "proven"
        assert figures.lost == 0
        assert self.disk.service("fsck", "--data", self.service.data) == "clean\n"
        self.disk.service("export", "--data", self.service.data, "--out", export, "--statements")
        machine = replay(export, (), policy.logs[0].key)
        assert machine.deposits == len(self.acknowledged)
        figures.broken_promises = machine.broken_promises
        assert machine.broken_promises == 0

    def _receipt(self, path: str) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status, data = get(self.service.port, path)
            if status == 200:
                return data
            assert status == 202, data
            time.sleep(0.02)
        raise AssertionError(f"{path}: {self.service.log.read_text()[-2000:]}")


def enrol(disk: SmallDisk, service: Serving) -> Ed25519Signer:
    words = (
        "enrol",
        "--data",
        service.data,
        "--name",
        "上海某某化妆品有限公司",
        "--uscc",
        "91310120MA1HP00194",
        *VERIFIED,
    )
    code = disk.service(*words).splitlines()[-1]
    depositor = code.partition(".")[0]
    signer = Ed25519Signer(depositor_key_name(ORIGIN, depositor), sha256(depositor.encode()).digest())
    assert redeem(service.port, code, signer)[0] == 201
    return signer


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with small_disk(tmp_path / "disk", MEGABYTES) as disk:
        service = DiskServing(disk, tmp_path / "log")
        disk.service("init", "--data", service.data, "--origin", ORIGIN)
        service.start()
        try:
            tenant = Tenant(disk, service, enrol(disk, service))
            for _ in range(5):
                tenant.deposit(201)
            yield tenant
        finally:
            service.kill()


@pytest.mark.parametrize("times", [2, pytest.param(100, marks=pytest.mark.soak)])
def test_a_full_disk_is_said_and_nothing_is_lost(
    tenant: Tenant, times: int, chance: random.Random, figures: Figures, tmp_path: Path
) -> None:
    for number in range(times):
        tenant.disk.fill(leave=number and PAGE * chance.randrange(200))  # where it ends is another place each time
        for _ in range(AMID):
            tenant.deposit(201, 503, 507)
        tenant.disk.empty()
        figures.faults += 1
        tenant.until_ready()
        tenant.deposit(201)
    assert tenant.refused
    tenant.account(figures, tmp_path / "export")


def test_what_a_full_disk_refused_can_be_sent_again(tenant: Tenant, figures: Figures, tmp_path: Path) -> None:
    tenant.disk.fill()
    while tenant.deposit(201, 503, 507) == 201:
        pass
    (statement,) = tenant.refused
    tenant.disk.empty()
    figures.faults += 1
    answers = [
        request(tenant.service.port, "POST", "/v1/deposits", statement, {"Content-Type": "text/plain"})[::2]
        for _ in range(2)
    ]
    assert [status for status, _ in answers] == [201, 200]
    assert len({body for _, body in answers}) == 1
    tenant.acknowledged[statement] = answers[0][1]
    tenant.account(figures, tmp_path / "export")


def test_data_made_read_only_is_said_and_nothing_is_lost(tenant: Tenant, figures: Figures, tmp_path: Path) -> None:
    tenant.disk.freeze(tenant.service.data)
    for _ in range(AMID):
        tenant.deposit(201, 503)
    deadline = time.monotonic() + PATIENCE_S
    while tenant.service.ready():  # what is accepted cannot be sealed
        assert time.monotonic() < deadline
        time.sleep(0.02)
    tenant.disk.thaw(tenant.service.data)
    figures.faults += 1
    tenant.until_ready()
    tenant.deposit(201)
    tenant.account(figures, tmp_path / "export")


def test_a_service_that_was_killed_on_a_full_disk_loses_nothing(
    tenant: Tenant, figures: Figures, tmp_path: Path
) -> None:
    tenant.disk.fill()
    for _ in range(AMID):
        tenant.deposit(201, 503, 507)
    tenant.service.kill()
    serve = ("serve", "--data", tenant.service.data, "--port", tenant.service.port)
    tenant.disk.run("timeout", "2", BIN / "hefu-service", *serve, expect=None)  # whatever it does, no harm is done
    tenant.disk.empty()
    figures.faults += 2
    tenant.service.start()
    tenant.deposit(201)
    tenant.account(figures, tmp_path / "export")
