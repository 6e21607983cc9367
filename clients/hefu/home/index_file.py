"""The file of a home's index 索引: opened, begun, and changed by one process at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from hefu.errors import ClientError, UnreachableError
from hefu.files.platform import reach
from hefu.home.home import GENESIS, parse_genesis, read
from hefu.home.index_schema import SCHEMA, VERSION
from hefu.ui.language import say

FILE: Final = "index.sqlite3"
_PATIENCE_S: Final = 60.0  # another process may be taking in a large deposit


class IndexFile:
    """A home's index as a file; to be closed. One process writes at a time, others wait."""

    def __init__(self, home: str) -> None:
        """Open the index, or begin one. ClientError where it is damaged, or of another version."""
        self._home = home
        genesis = read(home, GENESIS)
        if genesis is None:
            raise ClientError(say("home.none", path=home))
        self._prefix = parse_genesis(genesis).number_prefix
        path = os.path.join(home, FILE)
        os.close(os.open(reach(path), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        self._db = sqlite3.connect(reach(path), timeout=_PATIENCE_S, isolation_level=None)
        try:
            self._begin()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise ClientError(say("index.unusable", path=path, error=error)) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def knows_vault(self) -> bool:
        """Whether the deposits that the vault had were taken in since this index was begun."""
        return bool(self._one("PRAGMA application_id")[0])

    def remember_vault(self) -> None:
        """Note that they were."""
        self._db.execute("PRAGMA application_id = 1")

    def _begin(self) -> None:
        with self._transaction():
            (version,) = self._one("PRAGMA user_version")
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    self._db.execute(statement)
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"version {version}, this program knows {VERSION}")

    def _all(self, query: str, *values: object) -> list[Any]:
        return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise UnreachableError(say("index.busy", path=f"{self._home}/{FILE}", error=error)) from None
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
