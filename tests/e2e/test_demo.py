"""The demo refuses documents that it cannot show anything with before it removes what the last one left."""

from __future__ import annotations

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
