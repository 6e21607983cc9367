"""Which documents a folder holds, in a fixed order, and what in it is none.

Links are never followed: what they lead to may lie outside the folder, and a loop would not end. Everything that is
not a readable regular file with a UTF-8 name is named, since evidence of a folder must not silently leave things out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Final, NamedTuple

from hefu.errors import Problem
from hefu.files.platform import check_names, reach, why
from hefu.ui.language import say

_KINDS: Final = {
    stat.S_IFLNK: "folder.link",
    stat.S_IFIFO: "folder.pipe",
    stat.S_IFSOCK: "folder.socket",
    stat.S_IFCHR: "folder.device",
    stat.S_IFBLK: "folder.device",
    stat.S_IFDIR: "folder.folder",
}


class Found(NamedTuple):
    """A folder's documents, as paths relative to it in the order of their UTF-8 bytes, and all the rest.

    ``odd``: the paths of links, pipes, sockets and devices, which are never documents. ``ignored``: files that a rule
    leaves out.
    """

    names: list[str]
    problems: list[Problem]
    odd: frozenset[str] = frozenset()
    ignored: Sequence[str] = ()


def scan(folder: str) -> Found:
    """Walk ``folder``; never raises for what it finds there. ClientError where names are not read as UTF-8."""
    check_names()
    found, odd = Found([], []), set[str]()
    walked: dict[tuple[int, int], str] = {}
    waiting = [""]
    while waiting:
        _list(folder, waiting.pop(), found, walked, waiting, odd)
    found.names.sort()  # code points sort like their UTF-8 bytes
    found.problems.sort()
    return found._replace(odd=frozenset(odd))


def printable(path: str) -> str:
    """A path as text that any terminal and any JSON can carry; bytes that are not UTF-8 become ``\\\\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def kind_of(mode: int) -> str:
    """What a file that is neither regular nor a folder is."""
    return say(_KINDS.get(stat.S_IFMT(mode), "folder.odd"))


def _list(
    folder: str, prefix: str, found: Found, walked: dict[tuple[int, int], str], waiting: list[str], odd: set[str]
) -> None:
    path = reach(f"{folder}/{prefix}")
    try:
        status = os.stat(path)
        # Some network disks number nothing.
        twin = walked.setdefault((status.st_dev, status.st_ino), prefix) if status.st_ino else prefix
        if twin != prefix:
            cause = say("folder.twin", twin=printable(twin) or say("folder.whole"))
            found.problems.append(Problem(printable(prefix), cause))
            return
        with os.scandir(path) as entries:
            for entry in entries:
                _classify(entry, prefix + entry.name, found, waiting, odd)
    except OSError as error:
        found.problems.append(Problem(printable(prefix or folder), why(error)))


def _classify(entry: os.DirEntry[str], name: str, found: Found, waiting: list[str], odd: set[str]) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        found.problems.append(Problem(printable(name), say("folder.not_utf8")))
        return
    if entry.is_file(follow_symlinks=False):
        if os.access(entry.path, os.R_OK):
            found.names.append(name)
        else:
            found.problems.append(Problem(name, say("folder.unreadable")))
    elif entry.is_dir(follow_symlinks=False):
        waiting.append(f"{name}/")
    else:
        odd.add(name)
        found.problems.append(Problem(name, kind_of(entry.stat(follow_symlinks=False).st_mode)))
