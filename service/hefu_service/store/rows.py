"""Rows as values: what everything that reads the database is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from sqlalchemy import Connection, Executable

from hefu_service.store.engines import translated

T = TypeVar("T")

_AT_ONCE: Final = 1000  # of a stream


class Rows:
    """Queries on a connection, each row made into a value."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _first(self, make: Callable[..., T], query: Executable, **parameters: object) -> T | None:
        with translated():
            row = self._connection.execute(query, parameters).first()
        return None if row is None else make(*row)

    def _all(self, make: Callable[..., T], query: Executable, **parameters: object) -> list[T]:
        with translated():
            rows = self._connection.execute(query, parameters).all()
        return [make(*row) for row in rows]

    def _stream(self, make: Callable[..., T], query: Executable, **parameters: object) -> Iterator[T]:
        options = {"yield_per": _AT_ONCE}
        with translated(), self._connection.execute(query, parameters, execution_options=options) as rows:
            for row in rows:
                yield make(*row)
