"""A ledger moves between databases: killed at any step and run again it is whole, and never in two places."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, Engine, event, select
from tests.fault.databases import process
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres, execute
from tests.support.sample_service import copied
from tests.support.serving import ORIGIN

from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Committer
from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.publishing.fsck import fsck
from hefu_service.services import Services
from hefu_service.store import move as move_module
from hefu_service.store.engines import open_engines, server_url, sqlite_url
from hefu_service.store.mark import place_of
from hefu_service.store.sql import open_store
from hefu_service.store.tables import METADATA
from hefu_service.wiring import create_data, move_data, open_services, upgrade_data

KILLED = 9


def silent(step: str, table: str, done: int, total: int) -> None:
    """No one watches."""


def deposit(services: Services, key: Any, number: int) -> None:
    FrontDoor(Committer(services)).accept([make_statement(key, number)])
    settle(services)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The data of a small office, to copy, and the key of its depositor."""
    data = tmp_path_factory.mktemp("office") / "data"
    create_data(data, ORIGIN)
    with open_services(data) as services:
        key = enrol(services, "1")
        for number in range(5):
            deposit(services, key, number)
    return data, key


@pytest.fixture
def office(begun: tuple[Path, Any], tmp_path: Path) -> Path:
    return copied(begun[0], tmp_path / "data")


@pytest.fixture
def server(postgres: Postgres) -> Callable[[], str]:
    return lambda: postgres.create().set(drivername="postgresql").render_as_string(hide_password=False)


def rows(url: URL) -> dict[str, list[tuple[Any, ...]]]:
    engines = open_engines(url)
    with engines.reader.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in METADATA.sorted_tables
        }
    engines.dispose()
    return found


def file_of(data: Path) -> URL:
    return sqlite_url(data / "hefu.sqlite3")


def test_there_and_back_everything_is_equal_and_the_service_goes_on(
    begun: tuple[Path, Any], office: Path, server: Callable[[], str]
) -> None:
    before, url = rows(file_of(office)), server()
    told: list[tuple[str, str, int, int]] = []
    proofs = move_data(office, None, url, lambda *said: told.append(said))
    assert {proof.table: proof.rows for proof in proofs} == {name: len(found) for name, found in before.items()}
    assert {("copied", "deposits", 5, 5), ("compared", "deposits", 10, 10)} <= {*told}
    assert rows(server_url(url)) == before
    with open_services(office, url) as services:
        deposit(services, begun[1], 5)
        assert list(fsck(services)) == []
    with pytest.raises(StorageError, match="has moved from this database to postgresql://"):
        open_store(file_of(office))
    after = rows(server_url(url))
    move_data(office, url, None, silent)
    assert rows(file_of(office)) == after
    with open_services(office) as services:
        deposit(services, begun[1], 6)
        assert list(fsck(services)) == []
    assert (office / "hefu.sqlite3.1").is_file(), "the first database is kept"
    with pytest.raises(PortError, match="moved from this database to SQLite"):
        open_store(server_url(url))


def killed_at(step: int, rows: int, data: str, source: str | None, target: str | None) -> None:
    """Move, so many rows at a time, and die before the commit of this number."""
    commits = iter(range(1, 1000))

    def die(_: Connection) -> None:
        if next(commits) == step:
            os._exit(KILLED)

    event.listen(Engine, "commit", die)
    move_module.ROWS = rows  # type: ignore[misc]  # so that tables take several steps
    move_data(Path(data), source, target, silent)


@pytest.mark.parametrize(("back", "rows_a_step"), [(False, 4), (True, 1000)], ids=["to the server", "to the file"])
def test_killed_at_every_step_in_turn_the_same_command_ends_equal(
    begun: tuple[Path, Any], tmp_path: Path, server: Callable[[], str], back: bool, rows_a_step: int
) -> None:
    before, url = rows(file_of(begun[0])), server()
    source, target = (url, None) if back else (None, url)
    for step in count(1):
        execute(server_url(url), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")  # sooner than another database
        data = copied(begun[0], tmp_path / f"{step}")
        if back:
            move_data(data, None, url, silent)
        dying = process(killed_at, step, rows_a_step, str(data), source, target)
        dying.join()
        if dying.exitcode == 0:
            break
        assert dying.exitcode == KILLED
        assert startable(data, source) + startable(data, target) <= 1
        move_data(data, source, target, silent)
        assert rows(file_of(data) if target is None else server_url(target)) == before
        assert (startable(data, source), startable(data, target)) == (False, True)
    assert step > 8


def startable(data: Path, database_url: str | None) -> bool:
    """Whether a service would start."""
    try:
        with open_services(data, database_url):
            return True
    except PortError:
        return False


def test_what_was_deposited_between_two_attempts_arrives_too(
    begun: tuple[Path, Any], office: Path, server: Callable[[], str]
) -> None:
    url = server()

    def interrupted(_: str, table: str, *__: object) -> None:
        if table == "outlets":  # it changes, and so comes after all that only grows
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_data(office, None, url, interrupted)
    with pytest.raises(PortError, match="on its way from sqlite into this database"):
        open_store(server_url(url))
    with open_services(office) as services:  # the operator has changed their mind, for a day
        deposit(services, begun[1], 5)
        key = enrol(services, "2")
        deposit(services, key, 6)
    before = rows(file_of(office))
    move_data(office, None, url, silent)
    assert rows(server_url(url)) == before


@pytest.mark.parametrize("full", ["a ledger", "one row"])
def test_a_database_that_is_not_empty_is_left_as_it_is(
    office: Path, tmp_path: Path, server: Callable[[], str], full: str
) -> None:
    url = server()
    create_data(tmp_path / "other", "log.example/other", url) if full == "a ledger" else fill(url)
    before = rows(server_url(url))
    with pytest.raises(StorageError, match="is not empty"):
        move_data(office, None, url, silent)
    assert rows(server_url(url)) == before
    assert startable(office, None)


def fill(url: str) -> None:
    from hefu_service.store.migrate import upgrade  # noqa: PLC0415 -- only here

    upgrade(server_url(url))
    execute(server_url(url), "INSERT INTO alarms VALUES ('disk-low', false, 0)")


def test_a_table_that_differs_ends_the_move_and_the_source_lives_on(office: Path, server: Callable[[], str]) -> None:
    url = server()
    change = "UPDATE deposits SET acceptance = acceptance || ' ' WHERE seq = 2"

    def interfere(step: str, table: str, *_: object) -> None:
        if (step, table) == ("copied", "deposits"):
            execute(server_url(url), f"ALTER TABLE deposits DISABLE TRIGGER USER; {change}")

    with pytest.raises(StorageError, match="table deposits differs"):
        move_data(office, None, url, interfere)
    assert startable(office, None)
    assert not startable(office, url)


def test_a_program_that_has_the_old_database_open_can_write_no_more(
    begun: tuple[Path, Any], office: Path, server: Callable[[], str]
) -> None:
    first, second = server(), server()
    move_data(office, None, first, silent)
    with open_services(office, first) as services:
        move_data(office, first, second, silent)
        with pytest.raises(StorageError, match="this ledger has moved"):
            deposit(services, begun[1], 5)
        with pytest.raises(StorageError, match="this ledger has moved"), services.store.outbox() as outbox:
            outbox.outlet("webhook")
    with open_services(office, second) as services:
        deposit(services, begun[1], 5)


def test_a_running_service_is_named_and_nothing_moves(office: Path, server: Callable[[], str]) -> None:
    from hefu_service.outside.lock import only_service  # noqa: PLC0415 -- only here

    url = server()
    with only_service(office / "lock"), pytest.raises(PortError, match=r"runs on .*: stop it first"):
        move_data(office, None, url, silent)
    assert execute(server_url(url), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_the_setting_alone_is_no_move(office: Path, server: Callable[[], str]) -> None:
    url, said = server(), "To move there: stop the service, unset it, and run `hefu-service move"
    with pytest.raises(PortError, match=said):
        upgrade_data(office, url)
    with pytest.raises(PortError, match=said), open_services(office, url):
        pass


def test_a_place_holds_no_password() -> None:
    url = server_url("postgresql://hefu:secret@db.example/hefu?password=secret&sslmode=require")
    assert place_of(url) == "postgresql://hefu@db.example/hefu?sslmode=require"
