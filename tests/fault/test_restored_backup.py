"""A database that is behind or beside what was published or signed: the service says so, and signs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fault.ledger_data import LedgerData, accept, files_of
from tests.support.enrolling import make_statement
from tests.support.serving import free_port, run

from hefu_service.jobs.tasks import settle
from hefu_service.publishing.publish import publish
from hefu_service.sealing.stops import RolledBackError, SealingStoppedError
from hefu_service.wiring import open_services

Fresh = Callable[[], LedgerData]


def deposit(data: LedgerData, *numbers: int) -> None:
    """Deposit and settle, one by one."""
    with open_services(data.path) as services:
        for number in numbers:
            accept(services, make_statement(data.signer, number))
            settle(services)


def restore(backup: Path, path: Path, *names: str) -> None:
    """Put parts of a backup in their places."""
    for name in names:
        if (path / name).is_dir():
            shutil.rmtree(path / name)
            shutil.copytree(backup / name, path / name)
        else:
            shutil.copy(backup / name, path / name)


def shown(path: Path) -> dict[str, bytes]:
    """What anyone was ever shown, and what the signer remembers."""
    return {f"{part}/{name}": data for part in ("ledger", "signer") for name, data in files_of(path / part).items()}


def refused(path: Path) -> str:
    """Why `hefu-service serve` does not start; it has shown nothing new to anyone."""
    before = shown(path)
    serve = run("hefu-service", "serve", "--data", path, "--port", free_port(), expect=3)
    assert shown(path) == before
    with open_services(path) as services:
        for job in (settle, publish):
            with pytest.raises(SealingStoppedError):
                job(services)
    assert shown(path) == before
    return serve.stderr


@pytest.fixture
def restored(fresh: Fresh, tmp_path: Path) -> Callable[..., Path]:
    """Makes data directories whose named parts are of before the last two batches."""

    def make(*names: str) -> Path:
        data = fresh()
        shutil.copytree(data.path, tmp_path / "backup")
        deposit(data, 100, 101)
        restore(tmp_path / "backup", data.path, *names)
        return data.path

    return make


def test_a_database_behind_all_else_is_refused(restored: Callable[..., Path]) -> None:
    reason = refused(restored("hefu.sqlite3"))
    assert "stopped: a checkpoint of 256 records was published, the database has 254: it has lost records" in reason


def test_a_database_behind_the_signer_alone_is_refused(restored: Callable[..., Path]) -> None:
    reason = refused(restored("hefu.sqlite3", "ledger", "batches"))
    assert "stopped: a checkpoint of 256 records was signed, the database has 254" in reason


def test_a_database_behind_the_published_checkpoint_alone_is_refused(restored: Callable[..., Path]) -> None:
    reason = refused(restored("hefu.sqlite3", "signer", "batches"))
    assert "stopped: a checkpoint of 256 records was published, the database has 254" in reason


def test_what_a_restored_database_accepts_is_never_sealed(restored: Callable[..., Path], grown: LedgerData) -> None:
    path = restored("hefu.sqlite3")
    with open_services(path) as services:
        accept(services, make_statement(grown.signer, 200))
    assert "lost records" in refused(path)


def test_fsck_names_a_database_that_has_lost_records(restored: Callable[..., Path]) -> None:
    done = run("hefu-service", "fsck", "--data", restored("hefu.sqlite3"), expect=1)
    assert "error: checkpoint: a checkpoint of 256 records was published, the database has 254" in done.stdout


def test_a_whole_older_copy_is_a_ledger_that_goes_on(restored: Callable[..., Path], grown: LedgerData) -> None:
    # Nothing on this machine can tell: only whoever has seen the later checkpoint, a client or a witness.
    path = restored("hefu.sqlite3", "ledger", "signer", "batches")
    deposit(grown._replace(path=path), 300)


@pytest.mark.parametrize("more", [(201, 202), (201, 202, 203)], ids=["as long", "longer"])
def test_a_database_that_grew_elsewhere_is_refused(fresh: Fresh, tmp_path: Path, more: tuple[int, ...]) -> None:
    data = fresh()
    elsewhere = data._replace(path=tmp_path / "elsewhere")
    shutil.copytree(data.path, elsewhere.path)
    deposit(data, 100, 101)
    deposit(elsewhere, *more)
    restore(elsewhere.path, data.path, "hefu.sqlite3")
    assert "stopped: " in refused(data.path)


def test_a_database_put_back_where_it_belongs_goes_on(fresh: Fresh, tmp_path: Path) -> None:
    data = fresh()
    elsewhere = data._replace(path=tmp_path / "elsewhere")
    shutil.copytree(data.path, elsewhere.path)
    deposit(data, 100, 101)
    deposit(elsewhere, 201, 202, 203)
    shutil.copy(data.path / "hefu.sqlite3", tmp_path / "right")
    restore(elsewhere.path, data.path, "hefu.sqlite3")
    refused(data.path)
    shutil.copy(tmp_path / "right", data.path / "hefu.sqlite3")
    deposit(data, 102)
    assert run("hefu-service", "fsck", "--data", data.path).stdout == "clean\n"


def test_a_running_service_stops_signing_when_its_past_is_taken_away(fresh: Fresh) -> None:
    data = fresh()
    deposit(data, 100)
    later = shown(data.path)
    with open_services(fresh().path) as services:
        for name, content in later.items():
            (data.path / name).parent.mkdir(parents=True, exist_ok=True)
            (data.path / name).unlink(missing_ok=True)
            (data.path / name).write_bytes(content)
        accept(services, make_statement(data.signer, 200))
        with pytest.raises(RolledBackError, match="of 255 records was published, the database has 254"):
            settle(services)
    assert shown(data.path) == later
