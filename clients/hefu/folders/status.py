"""A folder held against the index: which documents are as deposited, changed, gone, moved, or never deposited.

A file whose size and times are as they were when it was last read is not read again, unless asked to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from hefu.errors import ClientError, Problem
from hefu.files.document import UnreadableError, digest_document
from hefu.files.ignore import read_rule, scan_documents
from hefu.files.names import spelling, spellings
from hefu.files.platform import reach, why
from hefu.files.scan import printable
from hefu.home.index import Index, Reading
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu_ledger.deposit.state import ANCHORED

if TYPE_CHECKING:
    from hefu.evidence.stamps import Stamp

# A file written within its clock's grain after it was read would look untouched; FAT counts in 2 s.
_GRAIN_NS: Final = 2_500_000_000
_BATCH: Final = 1000  # files read between two times that this is remembered


class Moved(NamedTuple):
    """A deposited document that is under another name now."""

    name: str
    was: str


class Survey(NamedTuple):
    """Names are relative to the folder. ``read``, ``skipped``: files read now, and not since they look untouched."""

    intact: list[str]
    changed: list[str]
    new: list[str]
    moved: list[Moved]
    missing: list[str]
    unreadable: list[Problem]
    digests: dict[str, bytes]
    read: int
    skipped: int
    ignored: int


class Contents(NamedTuple):
    """The documents of a folder; ``ignored`` counts the files that a rule leaves out.

    ``odd``: links, pipes, sockets and devices.
    """

    names: list[str]
    problems: list[Problem]
    ignored: int
    odd: list[Problem]


def list_folder(folder: str) -> Contents:
    """Walk a folder. ClientError if it is none."""
    if not os.path.isdir(folder):
        raise ClientError(say("folder.none", folder=printable(folder)))
    found = scan_documents(folder)
    odd = [problem for problem in found.problems if problem.path in found.odd]
    problems = [problem for problem in found.problems if problem.path not in found.odd]
    return Contents(found.names, problems, len(found.ignored), odd)


def survey(index: Index, folder: str, *, content: bool = False) -> Survey:
    """Hold all of a folder against the index; ``content`` reads every file again."""
    contents = list_folder(folder)
    found = survey_files(index, folder, contents.names, content=content)
    known = index.below(folder) or index.moved_here(found.digests)
    deposited, present = _respelt(known, contents.names), set(contents.names)
    ignored = read_rule(folder)
    gone = {name: digests for name, digests in deposited.items() if name not in present and not ignored(name)}
    for name in [name for name in found.intact if name not in deposited]:
        was = next((old for old, digests in gone.items() if found.digests[name] in digests), None)
        if was is not None:
            del gone[was]
            found.moved.append(Moved(name, was))
    unreadable = [*contents.problems, *contents.odd, *found.unreadable]
    return found._replace(missing=sorted(gone), unreadable=unreadable, ignored=contents.ignored)


def stamped(index: Index, folder: str, tsa: Sequence[str]) -> dict[str, list[Stamp]]:
    """The timestamps that hold in each finished evidence of a folder, by the certificates in the files ``tsa``."""
    from hefu.evidence.receipt import receipt_of
    from hefu.evidence.stamps import read_roots, stamps_of

    roots, path = read_roots(tsa), os.path.abspath(folder)
    found = [entry.evidence for entry in index.deposits() if entry.state == ANCHORED and entry.folder == path]
    return {each: list(stamps_of(receipt_of(each).proofs, roots)) for each in found if os.path.isfile(reach(each))}


def survey_files(index: Index, folder: str, names: Sequence[str], *, content: bool = False) -> Survey:
    """Hold some files of a folder against the index."""
    reader = _Reader(index, folder, {} if content else index.readings(folder))
    digests = dict(reader.digests(names))
    found = Survey([], [], [], [], [], reader.problems, digests, reader.read, len(digests) - reader.read, 0)
    deposited = _respelt(index.below(folder), names)
    for name, sha256 in digests.items():
        if sha256 in deposited.get(name, ()) or index.holds(sha256):
            found.intact.append(name)
        else:
            (found.changed if name in deposited else found.new).append(name)
    return found


def _respelt(deposited: dict[str, set[bytes]], names: Sequence[str]) -> dict[str, set[bytes]]:
    """Deposited documents by the names that they have here, which a Mac may have spelt otherwise."""
    present = set(names)
    other = spellings(name for name in deposited if name not in present)
    found = {other.get(spelling(name), ""): name for name in names if other and name not in deposited}
    return {found.get(name, name): digests for name, digests in deposited.items()} if found else deposited


class _Reader:
    """Reads what may have changed, and remembers it a batch at a time, so that an interrupted run was not in vain."""

    def __init__(self, index: Index, folder: str, known: dict[str, Reading]) -> None:
        self._index = index
        self._folder = folder
        self._known = known
        self._new: list[tuple[str, Reading]] = []
        self.problems: list[Problem] = []
        self.read = 0

    def digests(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The digest of each file that can be read."""
        with progress_bar("check", len(names)) as progress:
            try:
                for name in names:
                    try:
                        yield name, self._digest(name, progress.read)
                    except UnreadableError as error:
                        self.problems.append(error.problem)
                    except OSError as error:
                        self.problems.append(Problem(printable(f"{self._folder}/{name}"), why(error)))
                    progress.done()
            finally:
                self._remember()

    def _digest(self, name: str, tell: Callable[[int], None]) -> bytes:
        path = f"{self._folder}/{name}"
        now, status = time_ns(), os.lstat(path)
        as_now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(name)
        if known is not None and known[:3] == as_now:
            return known.sha256
        sha256 = digest_document(path, tell).sha256
        self.read += 1
        if status.st_mtime_ns < now - _GRAIN_NS:
            self._new.append((name, Reading(*as_now, sha256)))
        if len(self._new) >= _BATCH:
            self._remember()
        return sha256

    def _remember(self) -> None:
        self._index.remember(self._folder, self._new)
        self._new = []
