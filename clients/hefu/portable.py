"""How ``hefu.pyz`` starts: Python imports modules from a zip file, but not compiled ones.

Modules in Python come from the file itself. A compiled module is unpacked once into a private folder of the user, under
the name of its SHA-256, and its bytes are hashed at every start before they run. Nothing else in that folder is read.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any, Final, NamedTuple, NoReturn

from hefu.errors import CANNOT_TELL
from hefu.ui.language import say

MANIFEST: Final = "compiled.json"
COMPILED: Final = "compiled"
PACKAGES: Final = "packages"
_FAMILIES: Final = {"linux": "manylinux", "win": "win", "macosx": "macosx"}
_OURS: Final = re.compile(
    r"[0-9a-f]{64}\.(pyd|so)(\.[0-9]+)?"
)  # a module; while it is written, with a process's number
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

Read = Callable[[str], bytes]


class Wheel(NamedTuple):
    """``package``: the folder of its modules in Python; ``modules``: the SHA-256 in hex of each compiled module."""

    name: str
    package: str
    modules: dict[str, str]


def run(file: str, read: Read) -> None:
    """Make importable the contents of ``file``, and be ``hefu``. ``read``: gives the bytes of a member of it."""
    sys.dont_write_bytecode = True
    wheels = [Wheel(**item) for item in json.loads(read(MANIFEST))]
    fitting = [wheel for wheel in wheels if fits(wheel.name, sys.version_info[:2], sysconfig.get_platform())]
    sys.path[1:1] = [f"{file}/{PACKAGES}/{wheel.package}" for wheel in fitting]  # sys.path[0] is the file itself
    sys.meta_path.insert(0, Compiled(fitting, read))
    missing = _missing(wheels, fitting)
    if missing:
        version, platform = sysconfig.get_python_version(), sysconfig.get_platform()
        _give_up(say("portable.missing", names=", ".join(missing), version=version, platform=platform))
    from hefu.cli.main import main  # its imports have just become possible

    main()


def fits(name: str, version: tuple[int, int], platform: str) -> bool:
    """Whether a wheel of this file name is for this Python (CPython of this version) and platform (as sysconfig's)."""
    python, abi, systems = name.removesuffix(".whl").split("-")[-3:]
    own = f"cp{version[0]}{version[1]}"
    if abi == "abi3":
        good = python.startswith("cp3") and int(python[3:].partition(".")[0]) <= version[1]
    else:
        good = own in python.split(".") and abi == own
    kind, _, rest = platform.partition("-")
    machine = rest.rpartition("-")[2].replace("-", "_")
    return good and any(
        system.startswith(_FAMILIES.get(kind, kind)) and system.endswith((f"_{machine}", "_universal2"))
        for system in systems.split(".")
    )


class Compiled(MetaPathFinder):
    """Finds the compiled modules of the fitting wheels, by their full names, and no others."""

    def __init__(self, wheels: Iterable[Wheel], read: Read) -> None:
        self._hashes = {module: value for wheel in wheels for module, value in wheel.modules.items()}
        self._read = read

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Where a module is, hashed; the program ends where it cannot be unpacked."""
        if name not in self._hashes:
            return None
        try:
            place = unpacked(self._hashes[name], cache(), self._read)
        except OSError as error:
            _give_up(say("portable.cache", path=error.filename or cache(), cause=error.strerror or error))
        return spec_from_file_location(name, place, loader=ExtensionFileLoader(name, place))


def cache() -> str:
    """Where this user's programs keep what they can make again."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "hefu")


def unpacked(digest: str, folder: str, read: Read) -> str:
    """The path of a compiled module with this SHA-256, whose bytes have just been read. OSError: it cannot be had."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _check_private(folder)
    name = f"{digest}.{'pyd' if os.name == 'nt' else 'so'}"
    path = os.path.join(folder, name)
    found = _opened(path, digest)
    if found is None:
        data = read(f"{COMPILED}/{digest}")
        if sha256(data).hexdigest() != digest:
            raise OSError(None, say("portable.damaged"), sys.argv[0])
        _write(path, data)
        found = _opened(path, digest)
    if found is None:
        raise OSError(None, say("portable.changed"), path)
    return found


def _check_private(folder: str) -> None:
    """Refuse a folder into which another user could put a file, and one with other files in it.

    Windows looks for the libraries of a module in the module's own folder first.
    """
    state = os.lstat(folder)
    if not stat.S_ISDIR(state.st_mode):
        raise OSError(None, say("portable.no_folder"), folder)
    if os.name != "nt" and (state.st_uid != os.geteuid() or state.st_mode & _OTHERS_WRITE):
        raise OSError(None, say("portable.not_private"), folder)
    for name in os.listdir(folder):
        if not _OURS.fullmatch(name):
            raise OSError(None, say("portable.foreign"), os.path.join(folder, name))


def _opened(path: str, digest: str) -> str | None:
    """A path to the bytes that were hashed, held open where the system can; None: they are others, or not there."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with os.fdopen(os.dup(file), "rb") as reader:
        state = os.fstat(file)
        own = os.name == "nt" or (state.st_uid == os.geteuid() and not state.st_mode & _OTHERS_WRITE)
        good = own and stat.S_ISREG(state.st_mode) and sha256(reader.read()).hexdigest() == digest
    held = f"/proc/self/fd/{file}"
    if good and os.path.exists(held):  # stays open: this file is loaded, not another that took its name
        return held
    os.close(file)
    return path if good else None


def _write(path: str, data: bytes) -> None:
    part = f"{path}.{os.getpid()}"
    if os.path.lexists(part):
        os.unlink(part)  # of a process of this number that was killed
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
    ) as file:
        file.write(data)
    try:
        os.replace(part, path)
    except OSError:  # Windows: another process has just put it there, and uses it
        os.unlink(part)


def _missing(wheels: list[Wheel], fitting: list[Wheel]) -> list[str]:
    """The packages of which neither the file nor this Python has the compiled modules."""
    from importlib.util import find_spec

    found = {wheel.package for wheel in fitting}
    names = {module.partition(".")[0]: wheel.package for wheel in wheels for module in wheel.modules}
    return sorted({package for name, package in names.items() if package not in found and find_spec(name) is None})


def _give_up(message: str) -> NoReturn:
    sys.stderr.write(f"hefu: {message}\n")
    sys.exit(CANNOT_TELL)
