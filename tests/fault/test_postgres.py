"""PostgreSQL is cut off or crashes in the middle of its work: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import URL
from tests.fault.accounting import account
from tests.fault.figures import Figures
from tests.support.postgres import Postgres
from tests.support.sample_service import (
    RECOVERY,
    SampleService,
    SetClock,
    depositor_key,
    services_on,
    statement,
)

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.enrolment import enrol
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.store.sql import open_store

DEPOSITORS = 4
BEFORE_A_CRASH = 40  # acknowledgements


@contextmanager
def opened(data: Path, url: URL) -> Iterator[SampleService]:
    """A service on PostgreSQL, as if after a restart."""
    clock = SetClock()
    with closing(open_store(url)) as store:
        yield SampleService(data, services_on(data, store, clock), clock)


@pytest.fixture
def begun(postgres: Postgres, tmp_path: Path) -> URL:
    """A database whose ledger has just begun; its files are in ``tmp_path``."""
    url = postgres.emptied()
    with opened(tmp_path, url) as sample:
        begin_ledger(sample.services, recovery=RECOVERY.key)
    return url


# --- a connection that is cut off ---


class Cutter:
    """Stands before a server's socket and cuts a connection at its COMMIT: before it, or between it and its answer."""

    def __init__(self, url: URL, folder: Path) -> None:
        name = f".s.PGSQL.{url.port or 5432}"
        self._server = f"{url.query['host']}/{name}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/{name}")
        self._listener.listen()
        self.url = url.update_query_dict({"host": str(folder)})
        self.cuts: list[bool | None] = []  # of the next commits: whether each is to happen; None lets it pass
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                Link(self, self._listener.accept()[0], self._server)


class Link:
    """One connection through it."""

    def __init__(self, cutter: Cutter, client: socket.socket, server: str) -> None:
        self._cutter = cutter
        self._client = client
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(server)
        self._muted = False
        ends = [threading.Thread(target=work, daemon=True) for work in (self._up, self._down)]
        threading.Thread(target=self._run, args=(ends,), daemon=True).start()

    def _run(self, ends: list[threading.Thread]) -> None:
        for end in ends:
            end.start()
        for end in ends:
            end.join()
        self._client.close()
        self._server.close()

    def _up(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(65536):
                cut = self._cutter.cuts.pop(0) if b"COMMIT\0" in data and self._cutter.cuts else None
                if cut is False:
                    break
                self._muted = cut is True
                self._server.sendall(data)
        self._cut()

    def _down(self) -> None:
        with suppress(OSError):
            while (data := self._server.recv(65536)) and not self._muted:
                self._client.sendall(data)
        self._cut()

    def _cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cutter(begun: URL) -> Iterator[Cutter]:
    if "host" not in begun.query:
        pytest.skip("this PostgreSQL has no socket in the file system to stand before")
    with TemporaryDirectory(prefix="hefu-") as folder, closing(Cutter(begun, Path(folder))) as cutter:
        yield cutter


@pytest.mark.parametrize("persisted", [True, False])
def test_the_outcome_of_a_commit_without_an_answer_is_unknown(cutter: Cutter, tmp_path: Path, persisted: bool) -> None:
    with opened(tmp_path, cutter.url) as sample:
        code = sample.code()
        note = sample.possession(code, depositor_key(code, "key"))
        cutter.cuts = [persisted]
        with pytest.raises(StorageError) as caught:
            enrol(sample.services, note, code=code)
        assert caught.value.unknown
        assert enrol(sample.services, note, code=code).again == persisted


@pytest.mark.parametrize("persisted", [True, False])
def test_a_deposit_whose_commit_had_no_answer_is_acknowledged_once(
    cutter: Cutter, tmp_path: Path, persisted: bool
) -> None:
    with opened(tmp_path, cutter.url) as sample:
        key = sample.enrol()
        cutter.cuts = [persisted]
        (accepted,) = sample.deposit(key)
        assert accepted.again == persisted
        assert [each.deposit.seq for each in sample.deposit(key, 2)] == [0, 1]
        sample.settle()
        assert sample.findings() == []


@pytest.mark.parametrize("passed", [0, 1], ids=["appending", "keeping the checkpoint"])
@pytest.mark.parametrize("persisted", [True, False])
def test_sealing_whose_commit_had_no_answer_is_taken_up_again(
    cutter: Cutter, tmp_path: Path, persisted: bool, passed: int
) -> None:
    with opened(tmp_path, cutter.url) as sample:
        sample.deposit(sample.enrol(), 3)
        cutter.cuts = [*[None] * passed, persisted]
        with pytest.raises(StorageError) as caught:
            sample.settle()
        assert caught.value.unknown
        sample.settle()
        assert sample.findings() == []
        with sample.services.store.view() as view:
            assert [record.type for record in view.records(0, 10)] == ["genesis", "enrolment", "batch"]


# --- a server that crashes ---


@dataclass
class Enterprises:
    """Deposit and seal without end, over every crash; a statement without an answer is sent again."""

    sample: SampleService
    acknowledged: dict[bytes, str] = field(default_factory=dict)
    progress: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    running: threading.Event = field(default_factory=threading.Event)  # whether the server is
    failures: list[BaseException] = field(default_factory=list)
    done: bool = False

    def deposit(self, key: Ed25519Signer) -> None:
        """Deposit one statement after the other."""
        for number in count():
            note = statement(key, number)
            while note not in self.acknowledged:
                self.attempt(partial(self.accept, note))
                if self.done:
                    return

    def accept(self, note: bytes) -> None:
        """Send a statement."""
        (accepted,) = self.sample.accept(note)
        self.acknowledged[note] = acknowledge(self.sample.services, accepted.deposit)
        self.progress.release()

    def settle(self) -> None:
        """Seal and publish."""
        while not self.done:
            self.attempt(self.sample.settle)

    def attempt(self, work: Callable[[], object]) -> None:
        """Do it; what fails because the server is gone waits for it to be there again."""
        try:
            work()
        except PortError:
            self.running.wait()
        except BaseException as error:
            self.failures.append(error)
            raise


@pytest.mark.parametrize("crashes", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_a_server_that_crashes_amid_commits_loses_nothing_acknowledged(
    postgres: Postgres, begun: URL, tmp_path: Path, crashes: int, figures: Figures
) -> None:
    if postgres.own is None:
        pytest.skip("this PostgreSQL is not ours to stop")
    with opened(tmp_path, begun) as sample:
        work = Enterprises(sample)
        work.running.set()
        keys = [sample.enrol(f"{number}") for number in range(DEPOSITORS)]
        threads = [threading.Thread(target=work.deposit, args=(key,)) for key in keys]
        threads.append(threading.Thread(target=work.settle))
        for thread in threads:
            thread.start()
        for _ in range(crashes):
            for _ in range(BEFORE_A_CRASH):
                assert work.progress.acquire(timeout=60), work.failures
            work.running.clear()
            postgres.crash()
            postgres.start()
            work.running.set()
            figures.faults += 1
        work.done = True
        for thread in threads:
            thread.join()
        assert work.failures == []
    check_all_is_there(begun, tmp_path, work.acknowledged, figures)


def check_all_is_there(url: URL, data: Path, acknowledged: dict[bytes, str], figures: Figures) -> None:
    """Every acknowledged deposit is there once, as acknowledged, and the whole ledger is consistent."""
    with opened(data, url) as sample:
        sample.settle()
        again = {note: accepted for note in acknowledged for accepted in sample.accept(note)}
        assert all(accepted.again for accepted in again.values())
        assert {note: acknowledge(sample.services, each.deposit) for note, each in again.items()} == acknowledged
        with sample.services.store.view() as view:
            notes = [deposit.statement for deposit in view.deposits(0, 10**9)]
        assert len(set(notes)) == len(notes)
        kept = {note: acknowledgement.encode() for note, acknowledgement in acknowledged.items()}
        account(sample.services, kept, figures, data / "export")
