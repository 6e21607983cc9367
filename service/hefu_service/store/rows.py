"""Rows as values: the base of all that reads the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, TypeVar

from sqlalchemy import ClauseElement, ColumnElement, Connection, Executable, bindparam

from hefu_service.store.direct import fetch
from hefu_service.store.engines import translated

T = TypeVar("T")

_AT_ONCE: Final = 1000  # of a stream


class Rows:
    """Queries on a connection whose transaction has begun, each row made into a value."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _first(self, make: Callable[..., T], query: ClauseElement, **parameters: object) -> T | None:
        rows = self._all(make, query, **parameters)
        return rows[0] if rows else None

    def _all(self, make: Callable[..., T], query: ClauseElement, **parameters: object) -> list[T]:
        return [make(*row) for row in fetch(self._connection, query, parameters)]

    def _all_of(
        self, make: Callable[..., T], query: Callable[[int], ClauseElement], values: Sequence[object]
    ) -> list[T]:
        """The rows that ``query``, made for so many values as ``one_of`` names them, finds for any of ``values``."""
        if not values:
            return []
        size = 1 << (len(values) - 1).bit_length()  # few sizes, so that few texts are ever written and planned
        padded = [*values, *repeat(values[-1], size - len(values))]
        return self._all(make, query(size), **{_name(place): value for place, value in enumerate(padded)})

    def _stream(self, make: Callable[..., T], query: Executable, **parameters: object) -> Iterator[T]:
        options = {"yield_per": _AT_ONCE}
        with translated(), self._connection.execute(query, parameters, execution_options=options) as rows:
            for row in rows:
                yield make(*row)


def one_of(column: ColumnElement[Any], size: int) -> ColumnElement[bool]:
    """That a column has one of ``size`` values."""
    return column.in_([bindparam(_name(place)) for place in range(size)])


def _name(place: int) -> str:
    return f"value_{place}"
