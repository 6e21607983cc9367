"""The mark of a database that a move has emptied of meaning, or has not filled yet: no service starts on either."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import (
    URL,
    CheckConstraint,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    inspect,
    select,
)

from hefu_service.ports.errors import StorageError
from hefu_service.store.tables import RECORDS
from hefu_service.texts import Text, sentence

MARK: Final = Table(  # not of the schema: most databases never have it
    "move",
    MetaData(),
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("state", String(8), nullable=False),
    Column("place", String, nullable=False),
    Column("ledger", LargeBinary, nullable=False),
)
SQLITE: Final = "sqlite"
COMING: Final = "coming"
GONE: Final = "gone"


class Mark(NamedTuple):
    """``state``: ``coming`` from the database ``place``, not whole yet, or ``gone`` to it. ``ledger``: 32 bytes."""

    state: str
    place: str
    ledger: bytes


def read_mark(connection: Connection) -> Mark | None:
    """The mark of a database; None for one that no move has touched."""
    if not inspect(connection).has_table(MARK.name):
        return None
    row = connection.execute(select(MARK.c.state, MARK.c.place, MARK.c.ledger)).first()
    return None if row is None else Mark(*row)


def check_mark(mark: Mark | None) -> None:
    """Raise StorageError, which names the other database, if a service must not start on a database so marked."""
    if mark is not None:
        raise StorageError(_refusal(mark))


def _refusal(mark: Mark) -> Text:
    if mark.state == COMING:
        return sentence("move.coming", place=mark.place)
    return sentence("move.gone_sqlite") if mark.place == SQLITE else sentence("move.gone", place=mark.place)


def place_of(url: URL) -> str:
    """The name of a database as it is given to ``move --to``; it holds no password."""
    if url.get_backend_name() == "sqlite":
        return SQLITE
    return url._replace(password=None).difference_update_query(["password"]).render_as_string(hide_password=True)


def ledger_of(connection: Connection) -> bytes | None:
    """The SHA-256 of a ledger's first record, by which a ledger is known; None where there is no ledger."""
    if not inspect(connection).has_table(RECORDS.name):
        return None
    genesis = connection.scalar(select(RECORDS.c.data).where(RECORDS.c.index == 0))
    return None if genesis is None else sha256(genesis).digest()
