"""Files that survive a crash: written aside, synced, given their name in one step, and the directory synced.

A crash leaves a file in ``.unfinished``; the next writer removes it when its writer has surely ended.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hefu_service.outside.lock import exclusive
from hefu_service.ports.errors import ImmutableError, StorageError
from hefu_service.texts import sentence

UNFINISHED: Final = ".unfinished"
_ABANDONED_S: Final = 3600  # no write lasts that long


class DurableFolder:
    """A folder of durable files, named by relative paths. Threads and processes may share it.

    Every method raises StorageError where the disk fails.
    """

    def __init__(self, root: Path, *, mode: int) -> None:
        """Nothing is touched yet. ``mode`` is that of new files. The root's parent should exist, durably."""
        self._root = root
        self._mode = mode
        self._settled: set[Path] = set()  # directories whose names are known to be on disk

    def make(self) -> None:
        """Make the folder itself, durably, if it is missing."""
        with _disk("make", self._root):
            self._settle(self._root)

    def create(self, name: str, data: bytes) -> None:
        """Write a file once, durable on return; the same bytes again are harmless, others are ImmutableError."""
        path = self._root / name
        with _disk("write", path):
            self._settle(path.parent)
            if not path.exists():
                with self._unfinished(data) as temporary, suppress(FileExistsError):
                    path.hardlink_to(temporary)  # unlike a rename, it never takes another's place
            if path.read_bytes() != data:
                raise ImmutableError(sentence("file.immutable", path=path))
            _sync(path.parent)

    def replace(self, name: str, data: bytes) -> None:
        """Write a file in the place of the last one, if any: readers see one or the other. Durable on return."""
        path = self._root / name
        with _disk("write", path):
            self._settle(path.parent)
            with self._unfinished(data) as temporary:
                temporary.replace(path)
            _sync(path.parent)

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes, None if there is none."""
        path = self._root / name
        with _disk("read", path), suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    @contextmanager
    def pieces(self, name: str) -> Iterator[Callable[[int, int], bytes] | None]:
        """Open a file, None if there is none, to be read from: an offset first, then how many bytes."""
        path = self._root / name
        with _disk("read", path):
            try:
                file = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                yield None
                return
            try:
                yield lambda offset, size: os.pread(file, size, offset)
            finally:
                os.close(file)

    def names(self, name: str) -> list[str]:
        """Give the names in a directory, none if there is no such directory."""
        path = self._root / name
        with _disk("list", path), suppress(FileNotFoundError):
            return sorted(entry.name for entry in path.iterdir())
        return []

    def remove(self, name: str) -> None:
        """Remove a directory of files, if it is there."""
        path = self._root / name
        self._settled.discard(path)
        with _disk("remove", path), suppress(FileNotFoundError):
            for entry in path.iterdir():
                entry.unlink(missing_ok=True)
            path.rmdir()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other thread or process is within such a block; made if missing, since it is what is locked."""
        self.make()
        with exclusive(self._root):
            yield

    @contextmanager
    def _unfinished(self, data: bytes) -> Iterator[Path]:
        """Have a synced file of ``data``, for as long as it takes to give it its name."""
        file, name = tempfile.mkstemp(dir=self._root / UNFINISHED)
        try:
            try:
                os.fchmod(file, self._mode)
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(file, rest) :]
                os.fsync(file)
            finally:
                os.close(file)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _settle(self, directory: Path) -> None:
        """Make a directory of the folder, and see that its name and those above it are on disk."""
        if directory in self._settled:
            return
        if not self._settled:
            unfinished = self._root / UNFINISHED
            unfinished.mkdir(parents=True, exist_ok=True)
            _clear(unfinished)
        directory.mkdir(parents=True, exist_ok=True)
        inside = directory.relative_to(self._root).parts
        for depth in range(len(inside) + 1):  # existing ones too: their maker may have crashed before syncing
            _sync(self._root.joinpath(*inside[:depth]).parent)
        self._settled.add(directory)


def _clear(unfinished: Path) -> None:
    for left in unfinished.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _disk(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(sentence(f"file.{verb}", path=path, reason=error.strerror)) from error
