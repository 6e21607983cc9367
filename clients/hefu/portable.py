"""How ``hefu.pyz`` starts: Python can import its own modules from a zip file, but not compiled ones.

The file carries wheels, and this unpacks those that fit this computer once into a folder of the user's own. Each of
their files is checked against the hashes that the file carries, every time, before anything is imported from it.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from hashlib import sha256
from io import BytesIO
from typing import Any, Final, NamedTuple

from hefu.errors import CANNOT_TELL
from hefu.ui.language import say

MANIFEST: Final = "wheels.json"
WHEELS: Final = "wheels"
_FAMILIES: Final = {"linux": "manylinux", "win": "win", "macosx": "macosx"}


class Wheel(NamedTuple):
    """``files``: their SHA-256 in hex, by their paths; ``modules``: what can be imported from it."""

    name: str
    sha256: str
    modules: list[str]
    files: dict[str, str]


def run(read: Any) -> None:
    """Make importable what the file carries, and be ``hefu``. ``read``: gives the bytes of a file in it."""
    wheels = [Wheel(**item) for item in json.loads(read(MANIFEST))]
    fitting = [wheel for wheel in wheels if fits(wheel.name, sys.version_info[:2], sysconfig.get_platform())]
    try:
        sys.path[1:1] = [unpacked(wheel, cache(), read) for wheel in fitting]
    except OSError as error:
        _give_up(say("portable.cache", path=error.filename or cache(), cause=error.strerror or error))
    missing = _missing(wheels, fitting)
    if missing:
        version, platform = sysconfig.get_python_version(), sysconfig.get_platform()
        _give_up(say("portable.missing", names=", ".join(missing), version=version, platform=platform))
    from hefu.cli.main import main  # what it imports has just become importable

    main()


def fits(name: str, version: tuple[int, int], platform: str) -> bool:
    """Whether a wheel of this file name is for this Python (CPython of this version) and platform (as sysconfig's)."""
    python, abi, systems = name.removesuffix(".whl").split("-")[-3:]
    if systems == "any":
        return True
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


def unpacked(wheel: Wheel, folder: str, read: Any) -> str:
    """The folder of a wheel's files, each as it should be; unpacked there unless it is. OSError where that fails."""
    place = os.path.join(folder, f"{wheel.name}-{wheel.sha256[:16]}")
    if not _is_whole(place, wheel):
        _unpack(place, wheel, read(f"{WHEELS}/{wheel.name}"))
    return place


def cache() -> str:
    """Where this user's programs keep what they can make again."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "hefu")


def _is_whole(place: str, wheel: Wheel) -> bool:
    try:
        return all(_digest(os.path.join(place, *name.split("/"))) == value for name, value in wheel.files.items())
    except FileNotFoundError:
        return False


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return sha256(file.read()).hexdigest()


def _unpack(place: str, wheel: Wheel, data: bytes) -> None:
    import shutil  # once on a computer
    from zipfile import ZipFile

    if sha256(data).hexdigest() != wheel.sha256:
        raise OSError(None, say("portable.damaged"), wheel.name)
    os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
    part = f"{place}.{os.getpid()}"
    with ZipFile(BytesIO(data)) as archive:
        for name in wheel.files:  # no others, and names that were checked when the file was built
            archive.extract(name, part)
    shutil.rmtree(place, ignore_errors=True)
    try:
        os.rename(part, place)
    except OSError:  # another process was faster
        shutil.rmtree(part)
        if not _is_whole(place, wheel):
            raise


def _missing(wheels: list[Wheel], fitting: list[Wheel]) -> list[str]:
    from importlib.util import find_spec

    found = {module for wheel in fitting for module in wheel.modules}
    wanted = {module for wheel in wheels for module in wheel.modules} - found
    return sorted(module for module in wanted if find_spec(module) is None)


def _give_up(message: str) -> None:
    sys.stderr.write(f"hefu: {message}\n")
    sys.exit(CANNOT_TELL)
