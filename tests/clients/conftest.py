"""A depositor of a service that runs in this process, enrolled and ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.clients.double import CODE, Double, running
from tests.clients.dying import Forker

from hefu.deposit import Deposited, deposit
from hefu.enrolment import enrol
from hefu.home import Home, load
from hefu.http import Service


class Firm(NamedTuple):
    """An enrolled depositor, the service it talks to, and the pauses that its client would have made."""

    home: Home
    service: Service
    double: Double
    pauses: list[float]
    folder: Path  # scratch

    @property
    def out(self) -> Path:
        return self.folder / "evidence"

    def deposit(self, *paths: Path, wait: bool = True, skip_unreadable: bool = False) -> list[Deposited]:
        words = [os.fspath(path) for path in paths]
        return deposit(self.home, self.service, words, out=str(self.out), wait=wait, skip_unreadable=skip_unreadable)

    def written(self) -> set[str]:
        """The names in the evidence folder."""
        return {path.name for path in self.out.iterdir()} if self.out.exists() else set()


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    with Forker() as running_one:
        yield running_one


@pytest.fixture
def firm(double: Double, tmp_path: Path) -> Iterator[Firm]:
    pauses: list[float] = []
    with running(double) as url, Service(url, sleep=pauses.append) as service:
        enrol(str(tmp_path / "home"), service, CODE)
        double.requests.clear()
        yield Firm(load(str(tmp_path / "home")), service, double, pauses, tmp_path)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder of five documents, two of them below another folder."""
    folder = tmp_path / "documents"
    (folder / "配方").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.txt").write_bytes(b"document %d" % number)
    (folder / "配方" / "empty").write_bytes(b"")
    (folder / "配方" / "large").write_bytes(b"0123456789" * 50_000)
    return folder
