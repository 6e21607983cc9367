"""The progress bar itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hefu.ui.escape import plain

_STEP = 8 << 20  # bytes between two redraws of the amount read


class Bar:
    """Draws the progress of one job; documents are counted, bytes are named."""

    def __init__(self, shown: Progress, title: str, total: int) -> None:
        self._shown = shown
        self._task = shown.add_task(title, total=total, amount="")
        self._size = 0
        self._drawn = 0

    def read(self, size: int) -> None:
        """Redraw the amount read, every 8 MiB."""
        self._size += size
        if self._size - self._drawn >= _STEP:
            self._drawn = self._size
            self._shown.update(self._task, amount=decimal(self._size))

    def done(self) -> None:
        """Redraw the count."""
        self._shown.advance(self._task)


@contextmanager
def bar(title: str, total: int) -> Iterator[Bar]:
    """Draw on standard error until the block ends."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[amount]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:
        yield Bar(shown, plain(title), total)
