"""The progress bar itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from hefu.plain import plain
from hefu.progress import Progress

_STEP = 8 << 20  # bytes between two redraws of the amount read


class _Bar(Progress):
    def __init__(self, shown: RichProgress, title: str, total: int) -> None:
        self._shown = shown
        self._task = shown.add_task(title, total=total, amount="")
        self._size = 0
        self._drawn = 0

    def read(self, size: int) -> None:
        self._size += size
        if self._size - self._drawn >= _STEP:
            self._drawn = self._size
            self._shown.update(self._task, amount=decimal(self._size))

    def done(self) -> None:
        self._shown.advance(self._task)


@contextmanager
def bar(title: str, total: int) -> Iterator[Progress]:
    """Draw on standard error until the block ends."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[amount]}"),
    )
    with RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:
        yield _Bar(shown, plain(title), total)
