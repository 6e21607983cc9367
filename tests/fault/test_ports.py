"""Each call of a port fails, done or undone, or is a worker's last: nothing acknowledged is lost, and all goes on."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.fault.accounting import account
from tests.fault.databases import Beginning, Begun, opened, process
from tests.fault.figures import Figures
from tests.fault.ports import Calls, die
from tests.support.sample_service import make_empty_database, statement

from hefu_ledger.deposit.statement import statement_id
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.committer import Committer
from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import StorageError
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services

FAILED, KILLED = 8, 4  # of the calls, in the short form
DEPOSITS = 3


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_empty_database(tmp_path_factory.mktemp("empty"))


@pytest.fixture(params=["sqlite", "postgresql"])
def begin(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> Beginning:
    return Beginning(tmp_path, request.getfixturevalue("postgres") if request.param == "postgresql" else empty_database)


def audit(begun: Begun, acknowledged: dict[bytes, bytes], figures: Figures) -> None:
    """Account for everything, as after a restart, and take one more deposit."""
    export = begun.data.with_name("export")
    with opened(begun.data, begun.url) as sample:
        keep(acknowledged, deposit(sample.services, statement(begun.key, 99)))
        account(sample.services, acknowledged, figures, export)
    shutil.rmtree(export)


def deposit(services: Services, *statements: bytes) -> dict[bytes, bytes]:
    accepted = FrontDoor(Committer(services)).accept(statements)
    notes = [acknowledge(services, each.deposit).encode() for each in accepted]
    return dict(zip(statements, notes, strict=True))


def keep(acknowledged: dict[bytes, bytes], more: dict[bytes, bytes]) -> None:
    """Note what was acknowledged; a statement never gets another acknowledgement."""
    acknowledged |= more | {each: acknowledged[each] for each in more.keys() & acknowledged.keys()}
    assert {each: acknowledged[each] for each in more} == more


# --- each call fails ---


def deposit_to_receipt(begun: Begun, services: Services, acknowledged: dict[bytes, bytes]) -> None:
    """The whole way of a few statements, of which the first comes twice, as when an answer was lost."""
    first, *others = (statement(begun.key, number) for number in range(DEPOSITS))
    for _ in range(2):
        keep(acknowledged, deposit(services, first))
    keep(acknowledged, deposit(services, *others))
    settle(services)
    assert Receipts(services).make(statement_id(first)) is not None


def calls_of(begun: Begun, work: Callable[[Begun, Services, dict[bytes, bytes]], None]) -> list[str]:
    calls = Calls()
    with opened(begun.data, begun.url) as sample:
        work(begun, calls.over(sample.services), {})
    return calls.made


def check_failing_call(begun: Begun, calls: Calls, figures: Figures) -> None:
    acknowledged: dict[bytes, bytes] = {}
    with opened(begun.data, begun.url) as sample:
        with suppress(StorageError):
            deposit_to_receipt(begun, calls.over(sample.services), acknowledged)
        deposit_to_receipt(begun, sample.services, acknowledged)  # by the same process, as an impatient client wants it
    figures.faults += 1
    audit(begun, acknowledged, figures)


def picked(made: list[str], most: int | None, chance: random.Random) -> Iterator[int]:
    yield from sorted(chance.sample(range(len(made)), most)) if most else range(len(made))


def test_a_deposit_calls_every_port(begin: Beginning) -> None:
    assert set(calls_of(begin(), deposit_to_receipt)) >= {
        "store.intake enters", "store.intake.known", "store.intake.add_deposits", "store.intake.move_intake",
        "store.intake leaves", "acknowledger.sign", "batch_files.write", "store.append", "files.alone enters",
        "files.write_leaves", "files.write_tile", "files.read_tile", "signer.last", "signer.sign",
        "files.write_checkpoint", "store.add_checkpoint", "files.read_leaves",
    }  # fmt: skip


@pytest.mark.parametrize("persisted", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("most", [FAILED, pytest.param(None, marks=pytest.mark.soak)], ids=["some", "all"])
def test_a_call_that_fails_loses_nothing_acknowledged(
    begin: Beginning, persisted: bool, most: int | None, chance: random.Random, figures: Figures
) -> None:
    for at in picked(calls_of(begin(), deposit_to_receipt), most, chance):
        check_failing_call(begin(), Calls(at, persisted), figures)


# --- a worker is killed ---


def seal_and_publish(_: Begun, services: Services, __: dict[bytes, bytes]) -> None:
    settle(services)


def work_until_killed(data: Path, url: URL, at: int) -> None:
    with opened(data, url) as sample:
        settle(Calls(at, act=die).over(sample.services))


def owing(begin: Beginning, sealed: bool) -> tuple[Begun, dict[bytes, bytes]]:
    """A ledger that owes a batch, or the publishing of one."""
    begun = begin()
    with opened(begun.data, begun.url) as sample:
        acknowledged = deposit(sample.services, *(statement(begun.key, number) for number in range(DEPOSITS)))
        if sealed:
            assert seal_once(sample.services)
    return begun, acknowledged


def check_killed(begun: Begun, acknowledged: dict[bytes, bytes], at: int, figures: Figures) -> None:
    worker = process(work_until_killed, begun.data, begun.url, at)
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    figures.faults += 1
    audit(begun, acknowledged, figures)


@pytest.mark.parametrize("sealed", [False, True], ids=["sealing", "publishing"])
@pytest.mark.parametrize("most", [KILLED, pytest.param(None, marks=pytest.mark.soak)], ids=["some", "all"])
def test_a_worker_killed_at_a_step_is_followed_by_another(
    begin: Beginning, sealed: bool, most: int | None, chance: random.Random, figures: Figures
) -> None:
    made = calls_of(owing(begin, sealed)[0], seal_and_publish)
    assert made.index("files.write_checkpoint") < made.index("store.add_checkpoint")
    for at in picked(made, most, chance):
        check_killed(*owing(begin, sealed), at, figures)
