"""Bring a database's schema up to this program's, and refuse to work with any other.

There is no way back down: a ledger is never taken back, and a backup is restored whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, inspect, text

from hefu_service.ports.errors import StorageError
from hefu_service.store.engines import begin_upgrade, open_engines, translated
from hefu_service.store.mark import GONE, check_mark, read_mark

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def upgrade(url: URL) -> None:
    """Apply the migrations that a database lacks, in one transaction; SQLite's file is made if there is none.

    Harmless to repeat, and for several processes at once.
    """
    # a fifth of every start, and only needed here
    from alembic import command  # noqa: PLC0415 -- a tenth of a second, and only to upgrade
    from alembic.config import Config  # noqa: PLC0415 -- the same

    engines = open_engines(url, create=True)
    try:
        with translated(), engines.writer.begin() as connection:
            begin_upgrade(connection)
            mark = read_mark(connection)
            if mark is not None and mark.state == GONE:
                check_mark(mark)
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))  # it interpolates
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engines.dispose()


def check_schema(engine: Engine) -> None:
    """Raise StorageError unless the schema is this program's and the ledger has not moved, nor is it on its way."""
    check_revision(engine)
    with translated(), engine.connect() as connection:
        check_mark(read_mark(connection))


def check_revision(engine: Engine) -> None:
    """Raise StorageError unless the schema is this program's, neither older nor newer."""
    known = sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    expected = known[-1]
    found = _revision(engine)
    if found == expected:
        return
    older = found is None or found in known
    remedy = "run `hefu-service upgrade`" if older else "a newer program made it; run that one"
    raise StorageError(f"the database's schema is {found or 'missing'}, this program's is {expected}: {remedy}")


def _revision(engine: Engine) -> str | None:
    """The number of the last migration, from the table in which alembic keeps it."""
    with translated(), engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
