"""How far a long job is: a bar where someone is watching, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Takes note of work done; this one keeps silent."""

    def read(self, size: int) -> None:
        """``size`` more bytes of a document were read."""

    def done(self) -> None:
        """One more document, or other unit of the job, is finished."""


SILENT = Progress()


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Progress]:
    """Show a bar for ``total`` units while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    from hefu.bar import bar  # rich is imported only to be seen

    with bar(title, total) as progress:
        yield progress
