"""Ignore rules of a folder: lock files and half-saved files always, and the patterns of its ``.hefuignore``.

``.hefuignore`` has the grammar of ``.gitignore`` (git-scm.com/docs/gitignore): one pattern a line, ``!`` for an
exception, ``**`` for any depth, ``/`` at the end for folders alone. One file counts, at the top of the folder. Its
patterns come after the built-in ones, so that an exception can bring one of those back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import cache
from typing import Final

from hefu.errors import ClientError
from hefu.files.scan import Found, printable, scan
from hefu.ui.language import say

FILE: Final = ".hefuignore"
# Files that office programs, editors, systems and downloads leave beside documents.
NAMES: Final = (
    FILE,
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "~$*",
    ".~lock.*#",
    "*.tmp",
    "*.swp",
    "*.part",
    "*.crdownload",
)
FOLDERS: Final = (".git",)

_NAME: Final = re.compile("|".join(map(translate, NAMES)))
_FOLDER: Final = re.compile("|".join(map(translate, (*NAMES, *FOLDERS))))

Rule = Callable[[str], bool]
"""Tells of a path in the folder, with ``/`` between names, whether it is ignored."""


def built_in(path: str) -> bool:
    """The built-in rules; ``path`` has ``/`` between names.

    Regular expressions, because matching through the library is slow and a folder may hold a million files.
    """
    above, _, name = path.rpartition("/")
    return bool(_NAME.match(name)) or (above != "" and any(map(_FOLDER.match, above.split("/"))))


def read_rule(folder: str) -> Rule:
    """Read the rules of a folder; ClientError for a ``.hefuignore`` that is not UTF-8 or not understood."""
    own = _patterns(folder)
    return _gitignore(own, folder) if own else built_in


def scan_documents(folder: str) -> Found:
    """Walk ``folder``, with all that its rules ignore apart."""
    ignored, found = read_rule(folder), scan(folder)
    names, left = list[str](), list[str]()
    for name in found.names:
        (left if ignored(name) else names).append(name)
    problems = [problem for problem in found.problems if not ignored(problem.path)]
    return Found(names, problems, found.odd, left)


def _patterns(folder: str) -> list[str]:
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8-sig") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise ClientError(say("ignore.not_utf8", path=f"{printable(folder)}/{FILE}")) from None
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _gitignore(own: Sequence[str], folder: str) -> Rule:
    """Git's own order: the last pattern that names a path decides, and no exception reaches into an ignored folder.

    ``GitIgnoreSpec.match_file`` lets exceptions reach there, so that only its reading of patterns is taken.
    """
    from pathspec import GitIgnoreSpec  # slow to import, and most folders have no rules of their own

    patterns = list[tuple[re.Pattern[str], bool]]()
    for line in (*NAMES, *(f"{name}/" for name in FOLDERS), *own):
        try:
            read = GitIgnoreSpec.from_lines([line]).patterns
            patterns += [(each.regex, bool(each.include)) for each in read if each.regex]
        except ValueError:
            path = f"{printable(folder)}/{FILE}"
            raise ClientError(say("ignore.not_understood", path=path, line=line)) from None
    patterns.reverse()

    def named(path: str) -> bool:
        return next((include for regex, include in patterns if _names(regex, path)), False)

    @cache
    def inside(path: str) -> bool:
        return path != "" and (inside(path.rpartition("/")[0]) or named(f"{path}/"))

    return lambda path: inside(path.rpartition("/")[0]) or named(path)


def _names(regex: re.Pattern[str], path: str) -> bool:
    """Whether a pattern names this very path, a folder's with ``/`` at its end, and not only a folder above it.

    The library's expressions have one group, the ``/`` behind a folder; ``a/**`` has none, and names no folder ``a``.
    """
    return any(
        found.end() == len(path) if found.lastgroup else not path.endswith("/") or found.end() < len(path)
        for found in regex.finditer(path)
    )
