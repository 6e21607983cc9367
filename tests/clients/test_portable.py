"""The portable file runs on a bare Python, unpacks what fits once, and imports nothing that is not what it carried."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest
from tests.clients.test_cli import ROOT
from tests.support.cases import every_case
from tests.support.sample_ledger import POLICY, sample

from hefu.portable import Wheel, cache, fits, unpacked
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy

NEEDED = ("cffi", "cryptography", "httpx", "mnemonic", "pycparser", "pyrage")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hefu_client_build", ROOT / "deploy" / "client" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel_of(name: str, folder: Path) -> Path:
    """What is installed, made a wheel again."""
    found = distribution(name)
    assert isinstance(found, PathDistribution)
    tags = [line.removeprefix("Tag: ") for line in (found.read_text("WHEEL") or "").split("\n") if line[:4] == "Tag:"]
    path = folder / f"{name}-{found.version}-{tags[0]}.whl"
    with ZipFile(path, "w") as archive:
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                archive.write(str(file.locate()), str(file))
    return path


@pytest.fixture(scope="module")
def portable(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portable")
    build.pack([wheel_of(name, folder) for name in NEEDED], folder / "hefu.pyz")
    return folder / "hefu.pyz"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The words that verify a sample."""
    ledger = sample()
    (tmp_path / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    return ["verify", str(tmp_path / "e.json"), str(tmp_path / "document"), "--policy", str(tmp_path / "policy.txt")]


def run(portable: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with neither site-packages nor the environment."""
    environment = {"XDG_CACHE_HOME": str(folder), "HEFU_LANG": "en", "PYTHONUTF8": "1"}
    command = [sys.executable, "-I", "-S", str(portable), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_bare_python_verifies_evidence_with_it(portable: Path, words: list[str], tmp_path: Path) -> None:
    done = run(portable, tmp_path / "cache", *words)
    assert (done.returncode, done.stdout.split("\n")[0], done.stderr) == (0, "proven", "")
    (tmp_path / "document").write_bytes(b"formula 4")
    assert run(portable, tmp_path / "cache", *words).returncode == 1
    assert run(portable, tmp_path / "cache", "--version").stdout == "hefu 0.1.0\n"


def test_what_was_unpacked_and_changed_is_not_imported(portable: Path, words: list[str], tmp_path: Path) -> None:
    run(portable, tmp_path / "cache", *words)
    (changed,) = (tmp_path / "cache").rglob("cryptography/__init__.py")
    changed.write_text("raise SystemExit('planted')")
    done = run(portable, tmp_path / "cache", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "planted" not in changed.read_text()


def test_what_is_missing_is_named(build: ModuleType, tmp_path: Path) -> None:
    wheels = [wheel_of(name, tmp_path) for name in ("cffi", "cryptography")]
    foreign = wheels[1].rename(tmp_path / "cryptography-1-cp311-abi3-plan9_mips.whl")
    build.pack([wheels[0], foreign], tmp_path / "hefu.pyz")
    done = run(tmp_path / "hefu.pyz", tmp_path / "cache", "--version")
    assert done.returncode == 3
    assert f"carries no cryptography for Python {sysconfig.get_python_version()} on" in done.stderr


def test_a_cache_that_cannot_be_written_is_named(portable: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    done = run(portable, tmp_path / "cache", "--version")
    assert (done.returncode, "cannot be unpacked" in done.stderr) == (3, True)


def test_a_damaged_wheel_is_not_unpacked(tmp_path: Path) -> None:
    wheel = Wheel("x-1-py3-none-any.whl", "00" * 32, ["x"], {"x.py": "00" * 32})
    with pytest.raises(OSError, match="download the file again"):
        unpacked(wheel, str(tmp_path / "cache"), lambda _: b"other")
    assert not (tmp_path / "cache").exists()


def test_a_wheel_cannot_name_files_elsewhere(build: ModuleType, tmp_path: Path) -> None:
    for name in ("../x", "/x", "a\\x", "C:x"):
        with ZipFile(tmp_path / "w.whl", "w") as archive:
            archive.writestr(name, b"")
        with pytest.raises(SystemExit, match="a wheel holds a file of the name"):
            build.members((tmp_path / "w.whl").read_bytes())


@every_case(
    ("name", "version", "platform", "expected"),
    [
        ("x-1-py3-none-any.whl", (3, 11), "linux-x86_64", True),
        ("x-1-cp311-abi3-manylinux_2_28_x86_64.whl", (3, 11), "linux-x86_64", True),
        ("x-1-cp311-abi3-manylinux_2_28_x86_64.whl", (3, 14), "linux-x86_64", True),
        ("x-1-cp312-abi3-manylinux_2_28_x86_64.whl", (3, 11), "linux-x86_64", False),
        ("x-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", (3, 11), "linux-x86_64", True),
        ("x-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", (3, 12), "linux-x86_64", False),
        ("x-1-cp313-cp313t-manylinux2014_x86_64.whl", (3, 13), "linux-x86_64", False),
        ("x-1-cp311-abi3-manylinux_2_28_aarch64.whl", (3, 11), "linux-x86_64", False),
        ("x-1-cp311-abi3-musllinux_1_2_x86_64.whl", (3, 11), "linux-x86_64", False),
        ("x-1-cp311-abi3-win_amd64.whl", (3, 12), "win-amd64", True),
        ("x-1-cp311-abi3-win32.whl", (3, 12), "win-amd64", False),
        ("x-1-cp311-abi3-win_arm64.whl", (3, 12), "win-amd64", False),
        ("x-1-cp311-abi3-macosx_11_0_arm64.whl", (3, 12), "macosx-14.0-arm64", True),
        ("x-1-cp311-abi3-macosx_10_12_universal2.whl", (3, 12), "macosx-11.0-universal2", True),
        ("x-1-cp311-abi3-macosx_10_12_x86_64.whl", (3, 12), "macosx-14.0-arm64", False),
    ],
)
def test_a_wheel_is_chosen_by_its_name(name: str, version: tuple[int, int], platform: str, expected: bool) -> None:
    assert fits(name, version, platform) is expected


def test_the_same_wheels_give_the_same_file(build: ModuleType, tmp_path: Path) -> None:
    wheels = [wheel_of("pyrage", tmp_path)]
    for name in ("one", "two"):
        build.pack(wheels, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_each_system_has_its_place_for_what_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    monkeypatch.setenv("HOME", "/home/user")
    assert cache() == "/cache/hefu"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache() == "/home/user/Library/Caches/hefu"
    monkeypatch.setattr("hefu.portable.os.name", "nt")
    assert cache() == f"/local{os.sep}hefu"
