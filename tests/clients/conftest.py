"""A depositor of a service that runs in this process, enrolled and ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.clients.dying import Forker
from tests.support.command_line import Ran, hefu, words_of
from tests.support.double import CODE, Double, running

from hefu.deposit.answers import CarriedAnswers
from hefu.deposit.depositor import Deposited, deposit, deposit_with
from hefu.deposit.offline import prepare, submit
from hefu.deposit.plan import STATEMENT, Target, plan
from hefu.home.home import Home, load
from hefu.keys.enrol import enrol
from hefu.service import Service
from hefu_ledger.deposit.state import PREPARED
from hefu_ledger.records.role import APPROVE

NAME = "配方.txt"
both_ways = pytest.mark.parametrize("firm", [False, True], ids=["service", "carried"], indirect=True)


class Firm(NamedTuple):
    """An enrolled depositor, the service it talks to, and the pauses that its client would have made."""

    home: Home
    service: Service
    double: Double
    pauses: list[float]
    folder: Path  # scratch
    carried: bool = False  # whether statements and answers are carried, and the home has no network

    @property
    def out(self) -> Path:
        return self.folder / "evidence"

    def deposit(self, *paths: Path, wait: bool = True, skip_unreadable: bool = False) -> list[Deposited]:
        words = [os.fspath(path) for path in paths]
        targets = plan(words, str(self.out), self.home.path)
        if self.carried:
            return self._carry(targets, skip_unreadable=skip_unreadable)
        return deposit(self.home, self.service, targets, out=str(self.out), wait=wait, skip_unreadable=skip_unreadable)

    def _carry(self, targets: list[Target], *, skip_unreadable: bool) -> list[Deposited]:
        """The same deposit in three steps: prepared here, submitted there, and the same call with the answers."""
        asked = len(self.double.requests)
        prepared = prepare(self.home, targets, out=str(self.out), skip_unreadable=skip_unreadable)
        assert len(self.double.requests) == asked
        stick = self.folder / "stick"
        stick.mkdir(exist_ok=True)
        files = [f"{item.evidence}{STATEMENT}" for item in prepared if item.state == PREPARED]
        submit(self.service, [str(shutil.copy(file, stick)) for file in files])
        asked = len(self.double.requests)
        done = deposit_with(CarriedAnswers(str(stick)), self.home, targets, out=str(self.out))
        assert len(self.double.requests) == asked
        left_out = [item.left_out for item in prepared]
        return [item._replace(left_out=problems) for item, problems in zip(done, left_out, strict=True)]

    def written(self) -> set[str]:
        """The names in the evidence folder, but those of statements that were carried from it."""
        names = {path.name for path in self.out.iterdir()} if self.out.exists() else set()
        return {name for name in names if not (self.carried and name.endswith(STATEMENT))}


class Office(NamedTuple):
    """A chief who approves and a clerk who prepares, each with a home; statements need both."""

    double: Double
    folder: Path
    url: str

    @property
    def chief(self) -> Path:
        return self.folder / "chief"

    @property
    def clerk(self) -> Path:
        return self.folder / "clerk"

    @property
    def words(self) -> Path:
        return self.folder / "words"

    def beside(self, kind: str, name: str = NAME) -> Path:
        return self.folder / "evidence" / f"{name}.hefu.json.{kind}"

    def document(self, name: str = NAME) -> Path:
        path = self.folder / name
        path.write_text(name)
        return path

    def deposit(self, *flags: str, name: str = NAME, expect: int = 0) -> Ran:
        words = ("deposit", self.document(name), "--home", self.clerk, "--out", self.folder / "evidence", "--json")
        return hefu(*words, *flags, expect=expect)

    def state(self, *flags: str) -> str:
        return str(self.deposit(*flags).json["deposits"][0]["state"])

    def request(self, home: Path, *flags: object) -> dict[str, Any]:
        return hefu("key", "request", "--home", home, "--json", *flags).json

    def ask(self, home: Path, *flags: object) -> Path:
        """A new computer's request."""
        return Path(self.request(home, "--server", self.url, "--words", self.words, *flags)["file"])

    def vouch(self, request: Path, *who: object) -> dict[str, Any]:
        """Vouch for a request's key from a home, the first of ``who``; the rest are further words."""
        home, *words = who
        return hefu("key", "add", request, "--home", home, "--yes", "--json", *words).json

    def add(self, request: Path, *words: object) -> None:
        """Have both vouch for a key."""
        assert not self.vouch(request, self.clerk)["added"]
        assert self.vouch(request, self.chief, *words)["added"]

    def approve(self, *words: object, by: Path | None = None, expect: int = 0) -> Ran:
        return hefu("approve", *words, "--home", by or self.chief, "--yes", "--json", expect=expect)

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = hefu("key", "list", "--home", self.chief, "--json").json["keys"]
        return found

    def posted(self) -> list[bytes]:
        return self.double.posted("/v1/deposits")


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    with Forker() as running_one:
        yield running_one


@pytest.fixture
def firm(double: Double, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Firm]:
    """``both_ways`` gives the parameter: whether answers are carried."""
    pauses: list[float] = []
    with running(double) as url, Service(url, sleep=pauses.append) as service:
        enrol(str(tmp_path / "home"), service, CODE)
        double.requests.clear()
        yield Firm(load(str(tmp_path / "home")), service, double, pauses, tmp_path, getattr(request, "param", False))


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


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    double = Double()
    double.required, double.role = 2, APPROVE
    with running(double) as url:
        made = Office(double, tmp_path, url)
        began = hefu("init", "--home", made.chief, "--server", url, "--code", CODE, "--json").json
        made.words.write_text(words_of(began))
        made.vouch(made.ask(made.clerk), made.chief, "--label", "王会计")
        assert made.request(made.clerk)["file"] == ""
        double.requests.clear()
        yield made
