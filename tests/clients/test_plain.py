"""What files, evidence and servers say cannot steer a terminal or forge a line of what people read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clients.conftest import Firm
from tests.support.cases import every_case
from tests.support.command_line import hefu
from tests.support.sample_ledger import POLICY

from hefu.cli.output import members_text
from hefu.cli.verdict import verdict_text
from hefu.errors import FolderError, Problem, RefusedError
from hefu.ui.escape import plain, plain_lines
from hefu.ui.language import say
from hefu_ledger.tlog.policy import format_policy
from hefu_ledger.verify.verdict import CANNOT, Step, conclude

FORGED = "a\n核验一致 proven\n\x1b[8m\x9b2K\u2028x\u202efdp.exe\u2066\u200f"
STEERING = "\x1b\x9b\u2028\u2029\u202e\u2066\u200e\u200f\r\x07\x7f"


def is_plain(text: str) -> bool:
    """Whether nothing in it steers, and no line is the one that was forged."""
    return not set(text) & set(STEERING) and "核验一致 proven" not in text.split("\n")


@given(st.text())
def test_plain_text_is_one_line_and_is_not_escaped_twice(text: str) -> None:
    assert len(plain(text).splitlines()) <= 1
    assert not set(plain(text)) & set(STEERING)
    assert plain(plain(text)) == plain(text)


@every_case("code", [*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x2028, 0x202F), 0x2066, 0x2069])
def test_every_control_is_shown(code: int) -> None:
    assert plain(f"a{chr(code)}b").isascii()
    assert len(plain(f"a{chr(code)}b")) > 3


def test_names_in_any_script_stay_as_they_are() -> None:
    assert plain("配方 3号\\n café.docx") == "配方 3号\\n café.docx"
    assert plain_lines("a\n\x1bb") == "a\n\\x1bb"


def test_a_text_of_the_catalogue_does_not_obey_what_it_is_filled_with() -> None:
    assert is_plain(say("extract.done", count=1, out=FORGED))
    assert is_plain(str(RefusedError(400, FORGED, FORGED)))
    error = FolderError([Problem(FORGED, FORGED), Problem("b", "c")])
    assert is_plain(str(error))
    assert len(str(error).split("\n")) == 3
    assert error.problems[0].path == FORGED


def test_no_value_of_a_verdict_makes_a_line_of_its_own() -> None:
    lines = []
    for value in ("x", FORGED):
        values = {"path": value, "error": ["said", {"text": value}]}
        facts = {"subject": "document", "depositor": value, "number": value}
        text = verdict_text(conclude([Step(2, CANNOT, value, value, "policy-none", values)], facts), value)
        assert is_plain(text)
        lines.append(len(text.split("\n")))
    assert lines[0] == lines[1]


def test_members_are_one_line_each() -> None:
    text = members_text({"name": FORGED, FORGED: [FORGED], "below": {FORGED: 1}, "list": [{"x": FORGED}]})
    assert is_plain(text)
    assert len(text.split("\n")) == 6


def test_no_command_prints_what_a_file_is_named(firm: Firm, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / FORGED).write_bytes(b"x")
    (folder / "b").write_bytes(b"y")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    home, bundle = firm.home.path, firm.out / "documents.hefu.bundle"
    hefu("deposit", "--home", home, folder, "--out", firm.out, "--wait")
    single = firm.out / f"{FORGED}.hefu.json"
    for words in (
        ("list", "1", "--home", home),
        ("search", "a", "--home", home),
        ("check", folder, "--home", home),
        ("extract", bundle, "--out", firm.out),
        ("inspect", single),
        ("inspect", firm.out / FORGED),
        ("verify", single, folder / FORGED, "--policy", tmp_path / "policy.txt"),
        ("verify", single, folder / "b", "--policy", tmp_path / "policy.txt"),
        ("verify", single, folder / f"{FORGED}x"),
    ):
        ran = hefu(*words, expect=None)
        assert (ran.out + ran.err).strip(), words
        forged = [line for line in (ran.out + ran.err).split("\n") if line == "核验一致 proven"]
        assert not set(ran.out + ran.err) & set(STEERING), words
        assert len(forged) <= (words[0] == "verify" and ran.code == 0), words
    (folder / FORGED).write_bytes(b"changed")
    ran = hefu("check", folder, "--home", home, expect=1)
    assert is_plain(ran.out)
    assert hefu("check", folder, "--home", home, "--json", expect=1).json["changed"] == [FORGED]
    ran = hefu("verify", bundle, folder, "--policy", tmp_path / "policy.txt", expect=1)
    assert is_plain(ran.out)


def test_a_crash_prints_no_control_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError(FORGED)

    monkeypatch.setattr("hefu.evidence.inspect.inspect", fail)
    assert not set(hefu("inspect", tmp_path, expect=3).err) & set(STEERING)
