"""A data directory and its database belong together, wherever the database is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url
from tests.fault.ledger_data import accept
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres
from tests.support.serving import ENVIRONMENT, ORIGIN, get, run, serving

from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.publishing.fsck import fsck
from hefu_service.wiring import create_data, open_services, upgrade_data


@pytest.fixture
def server(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """The setting that names a database with nothing in it."""
    url = postgres.create()
    if isinstance(url.password, str):
        monkeypatch.setenv("PGPASSWORD", url.password)
        monkeypatch.setitem(ENVIRONMENT, "PGPASSWORD", url.password)
    return str(url._replace(password=None))


def test_a_ledger_on_postgresql_keeps_nothing_but_files_in_its_directory(server: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    create_data(data, ORIGIN, server)
    with open_services(data, server) as services:
        signer = enrol(services)
        accept(services, make_statement(signer, 0))
        settle(services)
        assert list(fsck(services)) == []
    upgrade_data(data, server)
    assert not list(data.rglob("*sqlite*"))


def test_a_database_that_is_not_there_leaves_a_directory_to_try_again_with(server: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        create_data(tmp_path / "data", ORIGIN, str(make_url(server).set(database="nowhere")))
    create_data(tmp_path / "data", ORIGIN, server)


def test_a_ledger_is_begun_once_in_a_database(server: str, tmp_path: Path) -> None:
    create_data(tmp_path / "data", ORIGIN, server)
    with pytest.raises(PortError, match="holds a ledger already"):
        create_data(tmp_path / "other", ORIGIN, server)
    assert not (tmp_path / "other/keys").exists()


def test_without_the_name_of_its_database_a_ledger_is_not_found(server: str, tmp_path: Path) -> None:
    create_data(tmp_path / "data", ORIGIN, server)
    with pytest.raises(PortError, match="HEFU_DATABASE_URL must name it"), open_services(tmp_path / "data"):
        pass


def test_another_ledger_s_database_is_refused(server: str, tmp_path: Path) -> None:
    create_data(tmp_path / "data", ORIGIN, server)
    create_data(tmp_path / "other", ORIGIN)
    with pytest.raises(PortError, match="not those of the ledger's genesis"), open_services(tmp_path / "other", server):
        pass


def test_the_programs_take_the_database_from_the_environment(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "HEFU_DATABASE_URL", server)
    with serving(tmp_path / "data") as service:
        assert "." in service.enrol("上海某化妆品有限公司", "91310120MA1HP00194")
        assert get(service.port, "/ledger/checkpoint")[0] == 200
        assert service.stop() == 0
    run("hefu-service", "upgrade", "--data", tmp_path / "data")
    run("hefu-service", "fsck", "--data", tmp_path / "data")
    assert not (tmp_path / "data/hefu.sqlite3").exists()


def test_a_directory_that_cannot_be_looked_into_is_said_plainly(tmp_path: Path) -> None:
    with (
        pytest.raises(PortError, match=r"cannot look into .*File name too long"),
        open_services(tmp_path / (300 * "x")),
    ):
        pass
