"""Two people on two computers of one firm, one of whom leaves: the real programs over the real service."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Serving, get, run, serving

FIRM = ("--name", "上海某某化妆品有限公司", "--uscc", "91310120MA1HP00194")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as service:
        yield service


def hefu(*words: object, expect: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("hefu", *words, "--json", expect=expect).stdout)
    return answer


class Computer:
    """Somebody's: a home, documents of their own, and evidence."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.documents = folder / "documents"
        self.documents.mkdir(parents=True)
        self.evidence = folder / "evidence"

    def write(self, name: str) -> Path:
        path = self.documents / name
        path.write_text(f"secrets of {name}")
        return path

    def deposit(self, path: Path, *flags: str, expect: int = 0) -> dict[str, Any]:
        done = hefu("deposit", path, "--home", self.home, "--out", self.evidence, *flags, expect=expect)
        return dict(done["deposits"][0]) if expect == 0 else done

    def unfinished(self, name: str, kind: str) -> Path:
        return self.evidence / f"{name}.hefu.json.{kind}"


def begin(service: Serving, chief: Computer, folder: Path) -> Path:
    """Enrol the firm, whose deposits need two signatures; the file with the words of its recovery sheet."""
    code = run("hefu-service", "enrol", "--data", service.data, *FIRM, "--signatures", 2).stdout.split()[-1]
    words = folder / "words"
    done = hefu("init", "--home", chief.home, "--server", service.url, "--code", code, "--role", "approve")
    words.write_text(done["words"])
    return words


def join(service: Serving, chief: Computer, new: Computer, words: Path, label: str) -> str:
    """Let a new computer ask, the chief's add its key, and wait until the ledger has it; the key's id."""
    asked = hefu("key", "request", "--home", new.home, "--server", service.url, "--words", words)
    shutil.copy(asked["file"], chief.documents / "carried.keyrequest")
    added = hefu("key", "add", chief.documents / "carried.keyrequest", "--home", chief.home, "--label", label)
    assert added["fingerprint"] == asked["fingerprint"]
    deadline = time.monotonic() + 30
    while hefu("key", "request", "--home", new.home)["file"]:
        assert time.monotonic() < deadline
    return str(asked["key"])


def approved(chief: Computer, clerk: Computer, name: str, expect: int = 0) -> dict[str, Any]:
    """Carry a statement to the chief, have it approved, and carry it back."""
    stick = chief.documents / f"{name}.hefu.json.statement"
    shutil.copy(clerk.unfinished(name, "statement"), stick)
    done = hefu("approve", stick, "--home", chief.home, expect=expect)
    shutil.copy(stick, clerk.unfinished(name, "statement"))
    return done


def states(chief: Computer) -> dict[str, str]:
    return {key["key"]: key["state"] for key in hefu("key", "list", "--home", chief.home)["keys"]}


def test_two_people_on_two_computers_one_of_whom_leaves(service: Serving, tmp_path: Path) -> None:
    chief, clerk, successor = (Computer(tmp_path / who) for who in ("chief", "clerk", "successor"))
    words = begin(service, chief, tmp_path)
    policy = tmp_path / "policy.txt"
    policy.write_bytes(get(service.port, "/v1/trust")[1])

    # The clerk's computer joins, and shares the vault; alone neither of the two deposits anything.
    leaver = join(service, chief, clerk, words, "王会计的笔记本")
    (mine, other) = hefu("key", "list", "--home", chief.home)["keys"]
    assert [(key["role"], key["this"], key["vouched"]) for key in (mine, other)] == [
        ("approve", True, False),
        ("prepare", False, True),
    ]
    assert other["label"] == "王会计的笔记本"
    document = clerk.write("配方.txt")
    for _ in range(2):
        assert clerk.deposit(document)["state"] == "unapproved"
    assert get(service.port, "/metrics")[1].splitlines()[1] == b"hefu_deposits 0"

    # The chief sees what it is, and approves; the clerk goes on.
    shutil.copy(clerk.unfinished("配方.txt", "part"), chief.documents / "配方.txt.hefu.json.part")
    (shown,) = hefu("approve", chief.documents / "配方.txt.hefu.json.part", "--home", chief.home, "--show")[
        "statements"
    ]
    assert (shown["names"], shown["signed_by"], shown["approved"]) == (["配方.txt"], [leaver], False)
    (done,) = approved(chief, clerk, "配方.txt")["statements"]
    assert done["signed_by"] == [leaver, mine["key"]]
    assert clerk.deposit(document, "--wait")["state"] == "anchored"
    evidence = clerk.evidence / "配方.txt.hefu.json"
    verdict = hefu("verify", evidence, document, "--policy", policy)
    assert (verdict["verdict"], verdict["steps"][5]["found"]) == ("proven", f"{leaver}, {mine['key']}")

    # The clerk leaves: one command, and nothing of hers is accepted any more; what she deposited stays good.
    waiting = clerk.write("顺手牵羊.txt")
    assert clerk.deposit(waiting)["state"] == "unapproved"
    hefu("key", "retire", leaver, "--home", chief.home)
    assert leaver in approved(chief, clerk, "顺手牵羊.txt", expect=2)["error"]
    assert states(chief) == {mine["key"]: "in force", leaver: "retired"}
    refused = hefu("key", "retire", mine["key"], "--home", clerk.home, expect=2)
    assert "403" in refused["error"]
    assert hefu("verify", evidence, document, "--policy", policy)["verdict"] == "proven"

    # Her successor finds everything in the vault, and goes on where she left off.
    join(service, chief, successor, words, "李会计")
    assert hefu("vault", "sync", "--home", successor.home)["fetched"] > 0
    later = successor.write("工艺.txt")
    assert successor.deposit(later)["state"] == "unapproved"
    approved(chief, successor, "工艺.txt")
    assert successor.deposit(later, "--wait")["state"] == "anchored"
    assert hefu("vault", "verify", "--home", successor.home)["documents"] == 2

    run("hefu-service", "fsck", "--data", service.data)
    run("hefu-service", "export", "--data", service.data, "--out", tmp_path / "ledger", "--statements")
    audited = hefu("audit", tmp_path / "ledger", "--policy", policy, "--state", tmp_path / "state")
    assert audited["verdict"] == "proven"
