"""The portable file runs on a bare Python, and runs no code but its own: that in it, and compiled modules by hash."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys
import sysconfig
from hashlib import sha256
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest
from tests.clients.test_cli import ROOT
from tests.support.cases import every_case
from tests.support.sample_ledger import POLICY, sample

from hefu.portable import cache, fits, unpacked
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


def planted(folder: Path, case: str) -> str:
    """Do to a cache what a thief or a careless copy does; the words that the refusal must hold, empty for none."""
    module = max((folder / "hefu").glob("*.so"), key=lambda path: path.stat().st_size)
    if case == "changed":
        module.write_bytes(b"planted" + module.read_bytes())
    elif case == "bytecode":
        (folder / "hefu" / "__pycache__").mkdir()
        (folder / "hefu" / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"planted")
    elif case == "argparse":
        (folder / "hefu" / "argparse.py").write_text("raise SystemExit(0)")
    elif case == "library":
        (folder / "hefu" / "bcrypt.dll").write_bytes(b"planted")
    elif case == "a group":
        (folder / "hefu").chmod(0o770)
    elif case == "a link":
        (folder / "hefu").rename(folder / "elsewhere")
        (folder / "hefu").symlink_to(folder / "elsewhere")
    elif case == "a linked module":
        module.rename(folder / "elsewhere.so")
        module.symlink_to(folder / "elsewhere.so")
    return {
        "changed": "",
        "a linked module": "",
        "a group": "other users can write",
        "a link": "not a folder, or a link to one",
    }.get(case, "hefu did not put it there")


@pytest.mark.parametrize("case", ["changed", "bytecode", "argparse", "library", "a group", "a link", "a linked module"])
def test_no_code_runs_from_the_cache_but_by_its_hash(
    portable: Path, words: list[str], tmp_path: Path, case: str
) -> None:
    assert run(portable, tmp_path / "cache", *words).returncode == 0
    expected = planted(tmp_path / "cache", case)
    done = run(portable, tmp_path / "cache", *words)
    assert (done.returncode, expected in done.stderr) == (3 if expected else 0, True)
    assert bool(done.stdout) is not bool(expected)
    for module in (tmp_path / "cache" / "hefu").glob("*.so"):
        assert module.is_symlink() or module.stem == sha256(module.read_bytes()).hexdigest()


def test_the_cache_holds_compiled_modules_alone_and_no_bytecode_is_written(
    portable: Path, words: list[str], tmp_path: Path
) -> None:
    run(portable, tmp_path / "cache", *words)
    found = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {(path.suffix, path.stat().st_mode & 0o777) for path in found} == {(".so", 0o600)}
    assert stat.S_IMODE((tmp_path / "cache" / "hefu").stat().st_mode) == 0o700


_PROBE = """
import atexit, runpy, sys
def tell():
    import mnemonic, pyrage
    print(*{getattr(module, "__file__", None) for module in sys.modules.values()}, sep="\\n")
atexit.register(tell)
file = sys.argv.pop(1)
sys.path.insert(0, file)
runpy.run_path(file, run_name="__main__")
"""


def test_modules_come_from_the_file_or_the_standard_library(portable: Path, words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(portable), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"XDG_CACHE_HOME": str(tmp_path)})
    places = (sysconfig.get_path("stdlib"), f"{portable}/", "/proc/self/fd/")
    paths = [line for line in done.stdout.split("\n") if line.startswith("/")]
    assert [path for path in paths if not path.startswith(places)] == []
    assert {
        f"{portable}/packages/cryptography/cryptography/__init__.py",
        f"{portable}/packages/pyrage/pyrage/__init__.py",
        f"{portable}/mnemonic/__init__.py",
    } <= set(paths)


def test_what_is_missing_is_named(build: ModuleType, tmp_path: Path) -> None:
    wheels = [wheel_of(name, tmp_path) for name in ("cffi", "cryptography")]
    foreign = wheels[1].rename(tmp_path / "cryptography-1-cp311-abi3-plan9_mips.whl")
    build.pack([wheels[0], foreign], tmp_path / "hefu.pyz")
    done = run(tmp_path / "hefu.pyz", tmp_path / "cache", "--version")
    assert done.returncode == 3
    assert f"carries no cryptography for Python {sysconfig.get_python_version()} on" in done.stderr


def test_a_cache_that_cannot_be_written_is_named(portable: Path, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    done = run(portable, tmp_path / "cache", *words)
    assert (done.returncode, "cannot be unpacked" in done.stderr) == (3, True)


def test_a_damaged_module_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="download the file again"):
        unpacked("00" * 32, str(tmp_path / "cache"), lambda _: b"other")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", ["../x.py", "argparse.py", "logging/__init__.py", "x/__pycache__/x.cpython-311.pyc"])
def test_a_wheel_with_a_module_in_the_way_is_not_packed(build: ModuleType, tmp_path: Path, name: str) -> None:
    with ZipFile(tmp_path / "x-1-py3-none-any.whl", "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(SystemExit, match="a wheel holds a file of the name"):
        build.pack([tmp_path / "x-1-py3-none-any.whl"], tmp_path / "hefu.pyz")


def test_recovery_words_are_read_from_the_file(portable: Path, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("abandon " * 23 + "zoo")
    where = ["--home", str(tmp_path / "home"), "--from", str(tmp_path), "--out", str(tmp_path / "out")]
    done = run(portable, tmp_path / "cache", "vault", "restore", "--words", str(tmp_path / "words"), *where)
    assert "the words do not belong together" in done.stderr


@every_case(
    ("name", "version", "platform", "expected"),
    [
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
