"""Names of files that are made of the names of documents: every disk can hold them, and none steers a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from hefu.ui.escape import STEERING

LONGEST: Final = 255  # bytes of a name, on nearly every disk
_ROOM: Final = 48  # bytes for all that is appended: .hefu.bundle, .statement, a process's number, .tmp
_MARK: Final = 8  # hex digits that keep two long names apart
_SHOWN: Final = {code: f"[U+{code:04X}]" for code in STEERING}


def stem(name: str) -> str:
    """How the files about a document or a folder begin: its name, with controls spelt out, and cut where it is long."""
    return _cut(name.translate(_SHOWN), name, LONGEST - _ROOM)


def spelt_out(folder: str) -> str:
    """The name of a folder with controls spelt out."""
    return _cut(folder.translate(_SHOWN), folder, LONGEST)


def passing(path: str, ending: str) -> str:
    """The path of a file beside ``path`` with ``ending`` appended to its name, under a short one where that is long."""
    folder, name = os.path.split(path)
    if len(os.fsencode(name + ending)) > LONGEST:
        name = "." + sha256(os.fsencode(name)).hexdigest()[:32]
    return os.path.join(folder, name + ending)


def spelling(name: str) -> str:
    """One spelling of a name that systems spell in two ways: é is one character, or e and an accent."""
    from unicodedata import normalize  # a cold start goes without it

    return normalize("NFC", name)


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Names by their one spelling; those that ASCII can write have no other, and are left out."""
    return {spelling(name): name for name in names if not name.isascii()}


def _cut(shown: str, name: str, most: int) -> str:
    data = shown.encode("utf-8", "surrogateescape")
    if len(data) <= most:
        return shown
    mark = f"~{sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:_MARK]}"
    return data[: most - len(mark)].decode("utf-8", "ignore") + mark
