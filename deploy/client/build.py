"""Build ``hefu.pyz``: the whole client in one file, for Python 3.11 and later with nothing installed.

``python deploy/client/build.py OUT [PLATFORM…]`` with pip beside it; platforms are those of ``PLATFORMS``, all unless
named. The same sources and wheels give the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-client.lock"
SOURCES = (ROOT / "clients" / "hefu", ROOT / "ledger" / "hefu_ledger")
# The oldest systems that the wheels of the lock know.
PLATFORMS = {
    "linux-x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "linux-aarch64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "win-amd64": ("win_amd64",),
    "macosx-arm64": ("macosx_11_0_arm64", "macosx_11_0_universal2", "macosx_10_12_universal2"),
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
COMPILED = (".so", ".pyd")
MAIN = b"from hefu.portable import run\n\nrun(__loader__.archive, __loader__.get_data)\n"
OLD = b"""import sys

if sys.version_info < (3, 11):
    sys.exit("hefu: Python 3.11 or later is needed")

"""


def main(out: str, *platforms: str) -> None:
    """Fetch the wheels of the lock, each checked against its hash, and pack them."""
    with TemporaryDirectory() as scratch:
        for platform in platforms or PLATFORMS:
            for python in PYTHONS:
                fetch(Path(scratch), PLATFORMS[platform], python)
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        size = pack(sorted(Path(scratch).glob("*.whl")), Path(out))
    sys.stdout.write(f"{out}: {size:,} bytes\n")


def fetch(folder: Path, systems: Iterable[str], python: str) -> None:
    """Download the wheels for a platform and a Python."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    command += [word for system in systems for word in ("--platform", system)]
    subprocess.run([*command, "--dest", str(folder), "--requirement", str(LOCK)], check=True)  # noqa: S603 -- pip, and words of ours


def pack(wheels: Sequence[Path], out: Path) -> int:
    """Write the file, and return its size. Modules in Python are members of it, compiled ones by their hash."""
    files, carried = dict(sources()), []
    files["__main__.py"] = OLD + MAIN
    for wheel in wheels:
        content = members(wheel.read_bytes())
        modules = {name: data for name, data in content.items() if name.endswith(COMPILED)}
        if modules:
            carried.append(described(wheel.name, modules))
            add(files, {f"compiled/{digest(data)}": data for data in modules.values()})
        rest = content.keys() - modules.keys()
        add(files, {placed(name, wheel.name, beside_compiled=bool(modules)): content[name] for name in rest})
    files["compiled.json"] = json.dumps(carried).encode()
    with out.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with ZipFile(file, "w") as archive:
            for name, data in sorted(files.items()):
                archive.writestr(entry(name), data)
    out.chmod(0o755)
    return out.stat().st_size


def placed(name: str, wheel: str, *, beside_compiled: bool) -> str:
    """The place of a wheel's file. Packages with compiled modules stand apart: not every computer can use them."""
    if ".dist-info/" in name:
        return f"licences/{wheel}/{name.partition('/')[2]}"
    return f"packages/{package(wheel)}/{name}" if beside_compiled else name


def add(files: dict[str, bytes], new: dict[str, bytes]) -> None:
    """Add the files of a wheel, which are the same in the wheels of other systems."""
    for name, data in new.items():
        if files.setdefault(name, data) != data:
            raise SystemExit(f"two wheels hold different files of the name {name!r}")


def entry(name: str) -> ZipInfo:
    """A file's place in the archive, of no particular time."""
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def sources() -> Iterator[tuple[str, bytes]]:
    """The client's and the ledger's own modules."""
    for folder in SOURCES:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(folder.parent).as_posix(), path.read_bytes()


def members(data: bytes) -> dict[str, bytes]:
    """The files of a wheel, none outside its folder, or in the way of the standard library."""
    with ZipFile(BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not describes_a_wheel(name)]
        for name in names:
            path = PurePosixPath(name)
            odd = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or name.endswith(".pyc")
            if odd or path.parts[0].partition(".")[0] in sys.stdlib_module_names or ".libs" in path.parts[0]:
                raise SystemExit(f"a wheel holds a file of the name {name!r}")
        return {name: archive.read(name) for name in names}


def describes_a_wheel(name: str) -> bool:
    """Whether a file is about its wheel and not of the package; licences go along."""
    folder, _, rest = name.partition("/")
    return folder.endswith(".dist-info") and "licen" not in rest.lower()


def described(name: str, modules: dict[str, bytes]) -> dict[str, Any]:
    """The compiled modules of a wheel, as ``hefu.portable`` expects them."""
    hashes = {path.partition(".")[0].replace("/", "."): digest(data) for path, data in sorted(modules.items())}
    return {"name": name, "package": package(name), "modules": hashes}


def package(name: str) -> str:
    """The name in a wheel's file name."""
    return name.partition("-")[0]


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(data).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
