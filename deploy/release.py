"""Make a release in ``dist/``: wheel, source, client, bills of materials, and their sums, signed. ``make release``.

The same sources, locks and ``SOURCE_DATE_EPOCH`` (seconds; the last commit's unless set) give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"service": "requirements.lock", "client": "requirements-client.lock"}
RELEASED = ROOT / "service" / "hefu_service" / "released"
SUMS = "SHA256SUMS"
NAMESPACE = "hefu-release"  # of the signature: a key that signs other things too signs no release by mistake
UNSIGNED = 1
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


class Pinned(NamedTuple):
    """A package of a lock: its SHA-256 sums, one a file, and the packages that asked for it."""

    name: str
    version: str
    sums: tuple[str, ...]
    wanted_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def main() -> int:
    """Build everything; the exit code is 1 if the sums are not signed, unless --unsigned says that this is meant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", type=Path, help="build/hefu.pyz, as `make client` makes it")
    parser.add_argument("--key", type=Path, help="an SSH private key to sign with, or its public half in an agent")
    parser.add_argument("--unsigned", action="store_true", help="do not sign, on purpose")
    given = parser.parse_args()
    out = ROOT / "dist"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    when = epoch(os.environ)
    build(out, when)
    shutil.copy(given.client, out / "hefu.pyz")
    version = next(out.glob("*.whl")).name.split("-")[1]
    for part, lock in LOCKS.items():
        bill = bill_of_materials(f"hefu-{part}", version, pinned((ROOT / lock).read_text()), when)
        (out / f"hefu-{part}.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")
    write_sums(out)
    return sign(out, given.key, meant=given.unsigned)


def epoch(environment: Mapping[str, str]) -> int:
    """The time that everything is said to be made at: that of the last commit, unless it is set."""
    if "SOURCE_DATE_EPOCH" in environment:
        return int(environment["SOURCE_DATE_EPOCH"])
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 -- git, and our own words


def build(out: Path, when: int) -> None:
    """The wheel and the source archive, which hold the time: no clock that the service believes is before it."""
    RELEASED.write_text(f"{_time(when)[:-1]}.000Z\n", "ascii")
    try:
        _build(out, when)
    finally:
        RELEASED.unlink()  # a clone is no release


def _build(out: Path, when: int) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(out)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(when)}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=sys.stderr)  # noqa: S603 -- hatchling, and our own words


def _time(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pinned(lock: str) -> list[Pinned]:
    """Read the pins of a lock, as uv writes them: ``name==version``, hashes, and the packages of ``# via``."""
    found = list(_PINNED.finditer(lock))
    ends = [match.start() for match in found[1:]] + [len(lock)]
    return [_pinned(match, lock[match.end() : end]) for match, end in zip(found, ends, strict=True)]


def _pinned(match: re.Match[str], rest: str) -> Pinned:
    sums = tuple(sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)))
    comment = rest.partition("# via")[2]
    wanted_by = re.findall(r"^[ #]*([a-z0-9][a-z0-9._-]*)", comment, re.MULTILINE)
    return Pinned(match[1], match[2], sums, tuple(sorted(set(wanted_by))))


def bill_of_materials(name: str, version: str, packages: list[Pinned], when: int) -> dict[str, Any]:
    """The CycloneDX 1.6 document of the packages that a lock installs (cyclonedx.org/docs/1.6/json)."""
    root = f"pkg:pypi/hefu@{version}"
    known: dict[str, list[str]] = {}  # of one name there may be several, for one Python or another
    for package in packages:
        known.setdefault(package.name, []).append(package.purl)
    uses: dict[str, list[str]] = {purl: [] for purl in (root, *(package.purl for package in packages))}
    for package in packages:
        for user in package.wanted_by:
            for purl in known.get(user, [root]):
                uses[purl].append(package.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": _time(when),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": name,
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [_component(package) for package in packages],
        "dependencies": [{"ref": ref, "dependsOn": sorted(set(used))} for ref, used in uses.items()],
    }


def _component(package: Pinned) -> dict[str, Any]:
    sums = [{"alg": "SHA-256", "content": each} for each in package.sums]
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [{"type": "distribution", "url": package.purl, "hashes": sums}],  # from any index
    }


def write_sums(out: Path) -> None:
    """The lines that ``sha256sum --check`` reads."""
    files = sorted(path for path in out.iterdir() if path.name != SUMS)
    (out / SUMS).write_text("".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files))


def sign(out: Path, key: Path | None, *, meant: bool) -> int:
    """Sign the sums by ``ssh-keygen -Y sign``, which SECURITY.md says how to verify; the exit code."""
    if key is None:
        sys.stderr.write(f"{SUMS} is NOT signed: make release KEY=/path/to/ssh-key (or UNSIGNED=1 if that is meant)\n")
        return 0 if meant else UNSIGNED
    command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(out / SUMS)]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 -- ssh-keygen, and the operator's own key
    return 0


if __name__ == "__main__":
    sys.exit(main())
