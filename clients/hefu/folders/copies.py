"""``hefu check --keep``: a read-only copy of each document as it was deposited, by deposit, in the deposit's own shape.

A deposit's folder below DIR serves ``hefu verify BUNDLE`` when the originals have changed or gone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256

from hefu.errors import Problem
from hefu.files.atomic import make_private, publish, temporary_name
from hefu.files.document import UnreadableError, digest_document
from hefu.files.platform import WRITE_NEW, reach, why
from hefu.files.scan import printable
from hefu.home.index import Index
from hefu.ui.language import say
from hefu.ui.progress import progress_bar

_READ_ONLY = 0o400  # a copy is as private as the original
_PIECE = 1 << 20  # bytes


def keep(index: Index, folder: str, digests: Mapping[str, bytes], out: str) -> tuple[int, list[Problem]]:
    """Copy what is not copied yet of the files in ``folder`` with these digests: how many, and what was not possible.

    Durable on return; a copy appears whole or not at all, and is what was deposited or does not appear.
    """
    copied, problems = 0, list[Problem]()
    with progress_bar("keep", len(digests)) as progress:
        for name, digest in digests.items():
            try:
                copied += _keep(index, f"{folder}/{name}", digest, out)
            except UnreadableError as error:
                problems.append(error.problem)
            except OSError as error:
                problems.append(Problem(printable(name), why(error)))
            progress.done()
    return copied, problems


def _keep(index: Index, path: str, digest: bytes, out: str) -> bool:
    same = index.with_digest(digest)
    document = next((item for item in same if item.path == os.path.abspath(path)), same[0])
    copy = f"{out}/{document.number or document.statement}/{document.name}"
    if os.path.lexists(reach(copy)):
        _check(copy, digest)
        return False
    make_private(os.path.dirname(copy))
    temporary = temporary_name(copy)
    try:
        _copy(path, temporary, digest)
        publish(temporary, copy)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(reach(temporary))
    return True


def _check(copy: str, digest: bytes) -> None:
    """UnreadableError unless a copy made earlier is still what was deposited; it stays as it is."""
    if digest_document(copy).sha256 != digest:
        raise UnreadableError(copy, say("keep.copy_changed"))


def _copy(path: str, copy: str, digest: bytes) -> None:
    try:
        source = open(reach(path), "rb")  # noqa: SIM115 -- closed below
    except OSError as error:
        raise UnreadableError(path, why(error)) from error
    with suppress(FileNotFoundError):  # left by a crash
        os.unlink(reach(copy))
    found = sha256()
    with source, open(os.open(reach(copy), WRITE_NEW, _READ_ONLY), "wb") as target:
        while piece := source.read(_PIECE):
            found.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    if found.digest() != digest:
        raise UnreadableError(path, say("keep.changed"))
