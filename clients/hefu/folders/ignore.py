"""Which files of a folder are not documents: lock files, half-saved files, and what its ``.hefuignore`` names.

One pattern a line, ``*``, ``?`` and ``[…]`` as in a shell, ``#`` for a comment. Without a ``/`` it is about any file or
folder of that name; with one, about a path from the top; a ``/`` at the end means folders alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Final

from hefu.errors import ClientError
from hefu.files.scan import printable
from hefu.ui.language import say

FILE: Final = ".hefuignore"
# What office programs, editors, systems and downloads leave lying beside documents, and git's own folder.
ALWAYS: Final = (
    FILE,
    ".git/",
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


class Rules:
    """The rules of one folder; each folder in it is judged once, since it may hold many files."""

    def __init__(self, patterns: Iterable[str]) -> None:
        known = [pattern.rstrip() for pattern in patterns]
        for pattern in known:
            if pattern.startswith("!"):
                raise ClientError(say("ignore.exception", file=FILE, pattern=pattern))
        self._files = _Patterns([pattern for pattern in known if not pattern.endswith("/")])
        self._folders = _Patterns([pattern.rstrip("/") for pattern in known])
        self._judged: dict[str, bool] = {"": False}

    def ignored(self, name: str) -> bool:
        """Whether the file ``name``, a path in the folder, is left out, by itself or with a folder it is in."""
        return self._files.match(name) or self._ignored_folder(name.rpartition("/")[0])

    def _ignored_folder(self, path: str) -> bool:
        found = self._judged.get(path)
        if found is None:
            found = self._folders.match(path) or self._ignored_folder(path.rpartition("/")[0])
            self._judged[path] = found
        return found


class _Patterns:
    """Patterns as two regular expressions: of last names, and of whole paths."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._last = _compile([pattern for pattern in patterns if "/" not in pattern])
        self._whole = _compile([pattern.removeprefix("/") for pattern in patterns if "/" in pattern])

    def match(self, path: str) -> bool:
        return bool(self._last.match(path.rpartition("/")[2]) or self._whole.match(path))


def read_rules(folder: str) -> Rules:
    """The rules of a folder; ClientError for ones that are not understood."""
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8-sig") as file:
            own = [line for line in file.read().splitlines() if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        own = []
    except UnicodeDecodeError:
        raise ClientError(say("ignore.not_utf8", path=f"{printable(folder)}/{FILE}")) from None
    return Rules((*ALWAYS, *own))


def _compile(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or "(?!)")
