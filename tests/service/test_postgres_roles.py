"""With the role of deploy/postgres-roles.sql the service works, and cannot change what it has accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import URL
from tests.support.postgres import Postgres, execute
from tests.support.sample_service import RECOVERY, SampleService, SetClock, services_on, statement

from hefu_service.jobs.messages import tell
from hefu_service.outbox.messages import WEBHOOK
from hefu_service.ports.outbox import Message
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import open_store
from hefu_service.store.tables import APPEND_ONLY, METADATA

ROLES = Path(__file__).parents[2] / "deploy" / "postgres-roles.sql"


@pytest.fixture(scope="module")
def owned(postgres: Postgres) -> Iterator[URL]:
    """A database as its owner sees it, the triggers dropped."""
    url = postgres.create()
    role = f"{url.database}_service"
    upgrade(url)
    for _ in range(2):  # it may be run again
        execute(url, ROLES.read_text().replace("hefu_service", role))
    for table in APPEND_ONLY:
        execute(url, f"DROP FUNCTION {table}_refuse CASCADE")
    yield url
    execute(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture(scope="module")
def url(owned: URL) -> URL:
    """The same database as the service sees it."""
    return owned.update_query_dict({"options": f"-crole={owned.database}_service"})


class Taking:
    """A receiver of messages."""

    def send(self, message: Message) -> None:
        """Take it."""


@pytest.fixture(scope="module")
def sample(url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleService]:
    """A service that runs as that role, with a row in every table."""
    data, clock = tmp_path_factory.mktemp("data"), SetClock()
    with closing(open_store(url)) as store:
        sample = SampleService(data, services_on(data, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        key = sample.enrol()
        sample.deposit(key, 3)
        sample.settle()
        sample.enrol_another(key, "another", key)
        tell(replace(sample.services, senders={WEBHOOK: Taking()}, disk_low=lambda: True))
        yield sample


def test_the_service_does_all_its_work(sample: SampleService) -> None:
    key = sample.enrol("third")
    accepted = sample.deposit(key, 2)
    sample.settle()
    assert sample.accept(statement(key, 0))[0].deposit == accepted[0].deposit
    assert sample.findings() == []
    assert sample.services.store.undelivered(1) == []


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TABLE {table}",
        "CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger()",
    ],
)
@pytest.mark.usefixtures("sample")
def test_what_only_grows_cannot_be_changed_even_without_triggers(url: URL, table: str, change: str) -> None:
    key = ", ".join(f'"{column.name}"' for column in METADATA.tables[table].primary_key)
    column = METADATA.tables[table].columns.keys()[-1]
    with pytest.raises(InsufficientPrivilege, match=r"permission denied|must be owner"):
        execute(url, change.format(table=table, key=key, column=column))


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_no_row_of_any_table_can_be_deleted(url: URL, table: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied"):
        execute(url, f"DELETE FROM {table}")  # noqa: S608 -- our own table's name


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '9'",
        "CREATE TABLE mine (x int)",
        "SET session_replication_role = replica",  # under which triggers would not run
    ],
)
def test_neither_schema_nor_triggers_can_be_changed(url: URL, change: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        execute(url, change)
