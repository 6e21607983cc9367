"""Files that appear whole or not at all, and survive a power cut once the call has returned."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import ParamSpec, Self

from hefu.files import platform
from hefu.files.names import passing
from hefu.files.platform import reach

P = ParamSpec("P")
PRIVATE = 0o600  # bundles, evidence and keys can open what a deposit hides
PUBLIC = 0o644


def write_new(path: str, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write a file that must not exist yet; FileExistsError otherwise, with nothing changed. Durable on return."""
    with _temporary(path, data, mode) as temporary:
        publish(temporary, path)


def replace(path: str, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write a file, or the new contents of one, in a single step. Durable on return."""
    with _temporary(path, data, mode) as temporary:
        os.replace(reach(temporary), reach(path))
    sync_folder(path)


class Batch:
    """Many files that must not exist yet, written together: all are written before the first is waited for.

    A ``with`` block; what has no name at its end is removed.
    """

    def __init__(self) -> None:
        self._written: list[tuple[str, str]] = []  # passing names, and names

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for temporary, _ in self._written:
            _remove(temporary)

    def add(self, path: str, data: bytes, *, mode: int = PRIVATE) -> None:
        """Write a file under a passing name; it has no other before ``publish``. OSError: nothing of it is left."""
        temporary = _own_name(path)
        try:
            with open(_open_anew(reach(temporary), mode), "wb") as file:
                file.write(data)
        except BaseException:
            _remove(temporary)
            raise
        self._written.append((temporary, path))

    def publish(self) -> list[tuple[str, OSError | None]]:
        """Give each file its name, durably; the paths in their order, and why one could not have its name."""
        synced = [(temporary, path, _attempt(_sync, temporary)) for temporary, path in self._written]
        told = [(path, error or _attempt(_name, temporary, path)) for temporary, path, error in synced]
        for (temporary, _), (_, error) in zip(self._written, told, strict=True):
            if error is not None:
                _remove(temporary)
        self._written.clear()
        for folder in {os.path.dirname(path): path for path, error in told if error is None}.values():
            sync_folder(folder)
        return told


def _attempt(step: Callable[P, None], *given: P.args, **options: P.kwargs) -> OSError | None:
    try:
        step(*given, **options)
    except OSError as error:
        return error
    return None


def _sync(temporary: str) -> None:
    descriptor = os.open(reach(temporary), os.O_RDWR)  # Windows syncs no file that is open for reading alone
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(temporary: str, path: str) -> None:
    platform.name(reach(temporary), reach(path))


def _remove(temporary: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(reach(temporary))


def publish(part: str, path: str) -> None:
    """Give a finished file its name, which must be free (FileExistsError). Durable on return."""
    platform.name(reach(part), reach(path))
    sync_folder(path)


def temporary_name(path: str) -> str:
    """Under which name a file is written, and may be left by a crash."""
    return passing(path, ".tmp") if platform.can_lock_open_files() else _own_name(path)


def clear_away(path: str) -> None:
    """Remove the passing name of a file that has its own, left by a crash between the two steps of ``publish``."""
    temporary = reach(temporary_name(path))
    with suppress(FileNotFoundError):
        if os.path.samefile(temporary, reach(path)):
            os.unlink(temporary)


def make_private(folder: str) -> None:
    """Make a folder and those above it that only their owner can enter; what is there stays as it is."""
    if folder and not os.path.isdir(reach(folder)):
        make_private(os.path.dirname(folder))  # makedirs would give its mode to the last alone
        try:
            os.mkdir(reach(folder), 0o700)
        except FileExistsError:
            if not os.path.isdir(reach(folder)):  # else another process was faster
                raise


def sync_folder(path: str) -> None:
    """Make the names in the folder of ``path`` durable."""
    platform.sync_folder(reach(os.path.dirname(path) or "."))


@contextmanager
def _temporary(path: str, data: bytes, mode: int) -> Iterator[str]:
    """A durable file beside ``path`` under a passing name; a name left by a crash is taken over."""
    temporary, descriptor, waits = _begin(path, mode)
    try:
        with open(descriptor, "wb", closefd=not waits) as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(reach(temporary))
        raise
    finally:
        if waits:
            os.close(descriptor)


def _own_name(path: str) -> str:
    """A passing name of this process alone, where no process can wait for another."""
    return passing(path, f".{os.getpid()}.tmp")


def _begin(path: str, mode: int) -> tuple[str, int, bool]:
    """A passing name and its file, empty, and whether other processes wait for it: some disks cannot lock."""
    temporary = temporary_name(path)
    if platform.can_lock_open_files():
        try:
            return temporary, _open_alone(reach(temporary), mode), True
        except OSError as error:
            if error.errno not in platform.NO_LOCKS:
                raise
        temporary = _own_name(path)
    return temporary, _open_anew(reach(temporary), mode), False


def _open_anew(path: str, mode: int) -> int:
    """Open a file, empty, that has another name in every other process; it must be closed before it can be moved."""
    return os.open(path, platform.WRITE | os.O_TRUNC, mode)


def _open_alone(path: str, mode: int) -> int:
    """Open a file, empty, that no other process has open this way; it waits for one that has."""
    while True:
        descriptor = os.open(path, platform.WRITE, mode)
        try:
            platform.lock(descriptor)
        except OSError:
            os.close(descriptor)
            os.unlink(path)
            raise
        with suppress(FileNotFoundError):
            found = os.fstat(descriptor)
            if os.path.samestat(found, os.stat(path)):
                if found.st_nlink == 1:
                    os.truncate(descriptor, 0)
                    return descriptor
                os.unlink(path)  # a crash's, which has its final name as well: what has that is never cut short
        os.close(descriptor)  # it was given its name, or removed, while we waited
