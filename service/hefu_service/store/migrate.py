"""Bring a database's schema up to this program's, and refuse to work with any other.

There is no way back down: a ledger is never taken back, and a backup is restored whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine

from hefu_service.ports import StorageError
from hefu_service.store.engines import begin_upgrade, open_engines, translated

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def upgrade(url: URL) -> None:
    """Apply what migrations a database lacks, in one transaction; SQLite's file is made if there is none.

    Harmless to repeat, and for several processes at once.
    """
    engines = open_engines(url, create=True)
    try:
        with translated(), engines.writer.begin() as connection:
            begin_upgrade(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engines.dispose()


def check_schema(engine: Engine) -> None:
    """Raise StorageError unless the schema is this program's, neither older nor newer."""
    known = ScriptDirectory.from_config(_config())
    expected = known.get_current_head()
    with translated(), engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == expected:
        return
    older = found is None or any(script.revision == found for script in known.walk_revisions())
    remedy = "run `hefu-service upgrade`" if older else "a newer program made it; run that one"
    raise StorageError(f"the database's schema is {found or 'missing'}, this program's is {expected}: {remedy}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))  # it interpolates
    return config
