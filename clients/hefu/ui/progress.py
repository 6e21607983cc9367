"""Progress of a long job: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Takes note of work done."""

    def read(self, size: int) -> None:
        """``size`` more bytes of a document were read."""

    def done(self) -> None:
        """One more document, or other unit of the job, is finished."""


class _Silent:
    def read(self, size: int) -> None:
        pass

    def done(self) -> None:
        pass


SILENT: Progress = _Silent()


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Progress]:
    """Show a bar for ``total`` units while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    from hefu.ui.bar import bar  # rich is imported only to be seen

    with bar(title, total) as progress:
        yield progress
