"""Two people on two computers of one firm, one of whom leaves: the real programs over the real service."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import words_of
from tests.support.serving import BIN, ENVIRONMENT, VERIFIED, Serving, get, run, serving

FIRM = ("--name", "上海某某化妆品有限公司", "--uscc", "91310120MA1HP00194")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as service:
        yield service


def hefu(*words: object, expect: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("hefu", *words, "--json", expect=expect).stdout)
    return answer


def said(*words: object) -> str:
    """What is said where a command is refused."""
    environment = ENVIRONMENT | {"HEFU_LANG": "en"}
    command = [str(word) for word in (BIN / "hefu", *words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 2, done
    return done.stderr


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
    enrolled = run(
        "hefu-service", "enrol", "--data", service.data, *FIRM, *VERIFIED, "--signatures", 2, "--role", "approve"
    )
    code = enrolled.stdout.split()[-1]
    words = folder / "words"
    done = hefu("init", "--home", chief.home, "--server", service.url, "--code", code)
    words.write_text(words_of(done))
    return words


def join(service: Serving, words: Path, new: Computer, label: str, *vouchers: Computer, role: str = "prepare") -> str:
    """Let a new computer ask, the vouchers add its key, and wait until the ledger has it; the key's id."""
    asked = hefu("key", "request", "--home", new.home, "--server", service.url, "--words", words, "--role", role)
    request = vouchers[0].documents / "carried.keyrequest"
    shutil.copy(asked["file"], request)
    compared = ("--fingerprint", asked["fingerprint"])
    for number, voucher in enumerate(vouchers, 1):
        added = hefu("key", "add", request, "--home", voucher.home, "--label", label, *compared)
        assert added["added"] is (number == len(vouchers))
    deadline = time.monotonic() + 30
    while hefu("key", "request", "--home", new.home)["file"]:
        assert time.monotonic() < deadline
    return str(asked["key"])


def join_by_code(service: Serving, words: Path, new: Computer, depositor: str) -> None:
    """Where too few keys are left to vouch, the operator's code admits a computer, which does not approve."""
    code = run("hefu-service", "enrol", "--data", service.data, "--depositor", depositor).stdout.split()[-1]
    shown = hefu("init", "--home", new.home, "--server", service.url, "--code", code, "--recovery", words)
    assert (shown["role"], shown["signatures"]) == ("prepare", 2)


def approved(chief: Computer, clerk: Computer, name: str, expect: int = 0) -> dict[str, Any]:
    """Carry a statement to the chief, have it approved, and carry it back."""
    stick = chief.documents / f"{name}.hefu.json.statement"
    shutil.copy(clerk.unfinished(name, "statement"), stick)
    done = hefu("approve", stick, "--home", chief.home, "--yes", expect=expect)
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
    depositor = json.loads((chief.home / "config.json").read_text())["depositor"]
    leaver = join(service, words, clerk, "王会计的笔记本", chief)
    (mine, other) = hefu("key", "list", "--home", chief.home)["keys"]
    assert [(key["role"], key["this"], key["word"]) for key in (mine, other)] == [
        ("approve", True, 0),
        ("prepare", False, 0),
    ]
    assert other["label"] == "王会计的笔记本"
    document = clerk.write("配方.txt")
    for _ in range(2):
        assert clerk.deposit(document)["state"] == "unapproved"
    (count,) = (line for line in get(service.port, "/metrics")[1].splitlines() if line.startswith(b"hefu_deposits "))
    assert float(count.split()[1]) == 0

    # The chief sees what it is, and approves; the clerk goes on.
    shutil.copy(clerk.unfinished("配方.txt", "part"), chief.documents / "配方.txt.hefu.json.part")
    part = chief.documents / "配方.txt.hefu.json.part"
    shown = hefu("approve", part, document, "--home", chief.home, "--show")
    assert (shown["names"], shown["signed_by"], shown["compared"]) == (["配方.txt"], [leaver], True)
    assert approved(chief, clerk, "配方.txt")["signed_by"] == [leaver, mine["key"]]
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

    # She knows the recovery words as well: those are replaced, and she reads nothing more.
    new_words = tmp_path / "new words"
    new_words.write_text(words_of(hefu("vault", "rotate", "--home", chief.home)))
    assert "hefu vault join" in said("vault", "sync", "--home", clerk.home)
    stolen = ("vault", "restore", "--home", tmp_path / "stolen", "--server", service.url, "--out", tmp_path / "loot")
    hefu(*stolen, "--words", words, expect=2)
    assert not (tmp_path / "loot").exists()

    # Her successor has a copy of the document: it was deposited, her computer knows, by whomever.
    join_by_code(service, new_words, successor, depositor)
    successor.write("配方.txt")
    checked = hefu("check", successor.documents, "--home", successor.home)
    assert (checked["intact"], checked["not_deposited"]) == (1, [])
    done = hefu("vault", "sync", "--home", successor.home, "--out", successor.evidence)
    assert done["evidence"] == [str(successor.evidence / "配方.txt.hefu.json")]
    again = successor.evidence / "配方.txt.hefu.json"
    assert hefu("verify", again, document, "--policy", policy)["verdict"] == "proven"
    hers, mine_now = (json.loads(path.read_bytes())["receipt"] for path in (evidence, again))
    assert (mine_now["statement"], mine_now["acknowledgement"]) == (hers["statement"], hers["acknowledgement"])

    # She goes on where the clerk left off.
    later = successor.write("工艺.txt")
    assert successor.deposit(later)["state"] == "unapproved"
    approved(chief, successor, "工艺.txt")
    assert successor.deposit(later, "--wait")["state"] == "anchored"
    assert hefu("vault", "verify", "--home", successor.home)["documents"] == 2

    # Two approvers sign a copy each, and both are sent: it is one deposit, and either has its evidence.
    third = successor.write("图纸.txt")
    assert successor.deposit(third)["state"] == "unapproved"
    deputy = Computer(tmp_path / "deputy")
    join(service, new_words, deputy, "副总", chief, successor, role="approve")
    stick = deputy.documents / "图纸.txt.hefu.json.statement"
    shutil.copy(successor.unfinished("图纸.txt", "statement"), stick)
    hefu("approve", stick, "--home", deputy.home, "--yes")
    (sent,) = hefu("submit", stick, "--server", service.url)["submitted"]
    approved(chief, successor, "图纸.txt")
    taken = successor.deposit(third, "--wait")
    assert (taken["state"], taken["statement"]) == ("anchored", sent["statement"])
    assert hefu("vault", "verify", "--home", successor.home)["findings"] == []

    run("hefu-service", "fsck", "--data", service.data)
    run("hefu-service", "export", "--data", service.data, "--out", tmp_path / "ledger", "--statements")
    audited = hefu("audit", tmp_path / "ledger", "--policy", policy, "--state", tmp_path / "state")
    assert audited["verdict"] == "proven"
