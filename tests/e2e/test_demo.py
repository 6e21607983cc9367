"""The demo refuses documents that it cannot show anything with before it removes what the last one left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import demo


def single_file(folder: Path) -> Path:
    (folder / "one").write_bytes(b"x")
    return folder / "one"


def missing(folder: Path) -> Path:
    return folder / "missing"


def only_empty_files(folder: Path) -> Path:
    (folder / "a").mkdir()
    (folder / "a" / "empty").touch()
    return folder / "a"


def in_the_demo(folder: Path) -> Path:
    (folder / "demo" / "ledger" / "x").write_bytes(b"x")
    return folder / "demo" / "ledger"


def around_the_demo(folder: Path) -> Path:
    return folder


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (single_file, "not a folder"),
        (missing, "not a folder"),
        (only_empty_files, "at least one file that is not empty"),
        (in_the_demo, "removed"),
        (around_the_demo, "removed"),
    ],
)
def test_documents_that_the_demo_cannot_use_are_refused_before_anything_is_removed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    said: str,
) -> None:
    (tmp_path / "demo" / "ledger").mkdir(parents=True)
    (tmp_path / "demo" / "kept").write_bytes(b"kept")
    monkeypatch.setattr(demo, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(demo, "run", lambda _: pytest.fail("the demo began"))
    monkeypatch.setattr(sys, "argv", ["demo.py", str(make(tmp_path))])
    assert demo.main() == 2
    assert said in capsys.readouterr().out
    assert (tmp_path / "demo" / "kept").exists()


def test_a_folder_elsewhere_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a").write_bytes(b"x")
    monkeypatch.setattr(demo, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(demo, "run", taken.append)
    monkeypatch.setattr(sys, "argv", ["demo.py", str(tmp_path / "documents")])
    assert demo.main() == 0
    assert taken == [tmp_path / "documents"]


def test_the_commands_that_the_demo_closes_with_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "测 试 'x'"
    monkeypatch.setattr(demo, "DEMO", folder)
    monkeypatch.setattr(demo, "BIN", folder / "bin")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "hefu").write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n')
    (folder / "bin" / "hefu").chmod(0o755)
    bundle, evidence = folder / "配方 2.hefu.bundle", folder / "single" / "a b.hefu.json"
    demo.closing(bundle, folder / "配方 2", evidence)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "bin" in line]
    given = [subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout for line in lines]
    policy = folder / "policy.txt"
    assert [words.splitlines() for words in given] == [
        ["verify", str(bundle), str(folder / "配方 2"), "--policy", str(policy)],
        ["inspect", str(evidence)],
        ["audit", str(folder / "ledger"), "--policy", str(policy)],
    ]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize("given", [(), ("ORIGIN=log.example.org/fengxian",)])
def test_a_ledger_is_not_named_for_ever_in_silence(tmp_path: Path, given: tuple[str, ...]) -> None:
    program = tmp_path / ".venv" / "bin" / "hefu-service"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    shutil.copy(demo.ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".made-in").write_text(f"{tmp_path}\n")
    for name in ("pyvenv.cfg", ".installed-run"):
        (tmp_path / ".venv" / name).touch()
    command = ["make", "-C", str(tmp_path), "serve", *given]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    name = "log.example.org/fengxian" if given else "log.example/hefu"
    assert f"init --data data --origin {name}\n" in ran.stdout
    assert ("for ever" in ran.stderr, "永不能改" in ran.stderr) == (not given, not given)
