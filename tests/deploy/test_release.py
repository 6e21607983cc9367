"""A release: the same bytes each time, its contents listed truly, and never unsigned by mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    *("ledger", "service", "clients", "deploy", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
    *("requirements.lock", "requirements-client.lock", ".gitignore"),
]
EPOCH = "1767225600"


def copied(folder: Path) -> Path:
    """The sources elsewhere, as they stand now."""
    for name in SOURCES:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    (folder / "hefu.pyz").write_bytes(b"the client")
    return folder


def release(folder: Path, *words: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, folder / "deploy" / "release.py", folder / "hefu.pyz", *words]
    environment = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    environment |= {"SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == expect, done.stderr
    return done


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "dist").iterdir()}


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release, and the key that signed it."""
    folder = tmp_path_factory.mktemp("release")
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    release(copied(folder / "here"), "--key", key)
    return folder


needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


@needs_ssh
def test_two_runs_in_two_places_give_the_same_bytes(signed: Path, tmp_path: Path) -> None:
    other = tmp_path / "another place"
    shutil.copytree(signed / "here", other, ignore=shutil.ignore_patterns("dist"))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    release(other, "--key", signed / "key")
    first, second = bytes_of(signed / "here"), bytes_of(other)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


@needs_ssh
def test_everything_in_a_release_is_in_its_sums(signed: Path) -> None:
    out = signed / "here" / "dist"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    listed = {line.split()[1] for line in (out / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in out.iterdir()} - {"SHA256SUMS", "SHA256SUMS.sig"}
    kinds = sorted(re.sub(r"-[0-9][^-]*?(?=-py3|\.tar)", "", name) for name in listed)
    assert kinds == [
        "hefu-client.cdx.json",
        "hefu-py3-none-any.whl",
        "hefu-service.cdx.json",
        "hefu.pyz",
        "hefu.tar.gz",
    ]


@needs_ssh
def test_the_wheel_holds_the_description_of_the_http_surface(signed: Path) -> None:
    (wheel,) = (signed / "here" / "dist").glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert "hefu_service/api/openapi.yaml" in names


@needs_ssh
def test_wheel_and_sources_hold_the_time_of_the_release_and_the_clone_does_not(signed: Path) -> None:
    (wheel,) = (signed / "here" / "dist").glob("*.whl")
    (sources,) = (signed / "here" / "dist").glob("*.tar.gz")
    assert ZipFile(wheel).read("hefu_service/released") == b"2026-01-01T00:00:00.000Z\n"
    with tarfile.open(sources) as archive:
        assert [name for name in archive.getnames() if name.endswith("/service/hefu_service/released")]
    assert not (signed / "here" / "service" / "hefu_service" / "released").exists()


def verify(signed: Path, sums: bytes) -> int:
    public = (signed / "key.pub").read_text()
    (signed / "allowed").write_text(f'release namespaces="hefu-release" {public}')
    command = ["ssh-keygen", "-Y", "verify", "-f", signed / "allowed", "-I", "release", "-n", "hefu-release"]
    words = [*map(str, command), "-s", str(signed / "here" / "dist" / "SHA256SUMS.sig")]
    return subprocess.run(words, input=sums, capture_output=True, check=False).returncode


@needs_ssh
def test_the_signature_is_over_these_sums(signed: Path) -> None:
    sums = (signed / "here" / "dist" / "SHA256SUMS").read_bytes()
    assert verify(signed, sums) == 0
    assert verify(signed, sums.replace(b"a", b"b", 1)) != 0


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    folder = copied(tmp_path_factory.mktemp("unsigned") / "here")

    def make(*words: str, expect: int) -> str:
        return release(folder, *words, expect=expect).stderr

    return make


def test_a_release_without_a_signature_is_a_failure_unless_it_is_meant(unsigned: Callable[..., str]) -> None:
    assert "NOT signed" in unsigned(expect=1)
    assert "NOT signed" in unsigned("--unsigned", expect=0)


@pytest.mark.parametrize(("part", "lock"), [("service", "requirements.lock"), ("client", "requirements-client.lock")])
@needs_ssh
def test_the_bill_of_materials_lists_what_the_lock_installs(signed: Path, part: str, lock: str) -> None:
    bill: dict[str, Any] = json.loads((signed / "here" / "dist" / f"hefu-{part}.cdx.json").read_text())
    text = (signed / "here" / lock).read_text()
    pins = re.findall(r"^([^\s#=]+)==([^\s;]+)", text, re.MULTILINE)
    assert [(each["name"], each["version"]) for each in bill["components"]] == pins
    listed = [hash_["content"] for each in bill["components"] for hash_ in each["externalReferences"][0]["hashes"]]
    assert sorted(listed) == sorted(re.findall(r"sha256:([0-9a-f]{64})", text))
    known = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    graph = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert set(graph) == known
    reached, waiting = set[str](), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += graph[ref]
    assert reached == known, "nothing is installed that nobody asked for"
