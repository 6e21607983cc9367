"""Everything a user reads is in the catalogue, in both languages, and nothing else is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from tests.clients.test_cli import ROOT
from tests.support.cases import every_case
from tests.support.command_line import hefu
from tests.support.sample_ledger import POLICY, sample

from hefu.cli.main import MODULES, find
from hefu.ui.language import both, language, languages, said, say
from hefu.ui.texts import AREAS, ARGPARSE, TEXTS
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy

CLIENT = ROOT / "clients" / "hefu"
SPOKEN = ("say", "both")
SHOWN = ("ClientError", "UnreachableError", "AlarmError", "FolderError", "Problem", "UnreadableError", "ValueError")
IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
LETTERS = re.compile("[a-z]{2}", re.IGNORECASE)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef
FULL_WIDTH = re.compile("[\u3000-\u303f\uff00-\uffef]")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(CLIENT.rglob("*.py")):
        if path.parent.name != "texts":
            yield path.name, ast.parse(path.read_text("utf-8"))


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of functions or methods of these names, with where they are."""
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called in names:
                    yield f"{module}:{node.lineno}", node


def strings(node: ast.AST) -> Iterator[str]:
    """The text in an expression that is not part of a call in it, which says for itself what it shows."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from strings(child)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_text_that_is_said_is_in_the_catalogue_and_is_filled_in() -> None:
    wrong = []
    for place, call in calls(*SPOKEN):
        key = call.args[0]
        if isinstance(key, ast.Constant):
            given = {keyword.arg for keyword in call.keywords}
            name = str(key.value)
            if name not in TEXTS or (None not in given and fields(TEXTS[name][1]) != given):
                wrong.append(f"{place}: {name}: {given}")
    assert wrong == []


def test_no_text_of_the_catalogue_is_unused() -> None:
    used = {f"{name}.{kind}" for name in MODULES for kind in ("summary", "examples")}
    beginnings = set()
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                beginnings.add(str(node.values[0].value))
    families = tuple(text for text in beginnings if re.fullmatch(r"[a-z]+\.", text))
    assert [key for key in TEXTS if key not in used and not key.startswith(families)] == []


def test_no_text_is_in_two_areas() -> None:
    assert sum(len(area.TEXTS) for area in AREAS) == len(TEXTS)
    assert {f"{area.__name__.rpartition('.')[2]}.py" for area in AREAS} == {
        path.name for path in (CLIENT / "ui" / "texts").glob("[!_]*.py")
    }


@every_case("key", TEXTS)
def test_every_text_is_in_both_languages_and_says_the_same(key: str) -> None:
    zh, en = TEXTS[key]
    assert fields(zh) == fields(en)
    if not key.endswith(".examples"):
        assert IDEOGRAPH.search(zh) or FULL_WIDTH.search(zh)
        assert not FULL_WIDTH.search(en)
        assert not IDEOGRAPH.search(en.replace("合符", ""))


def test_every_command_has_a_summary_and_examples_in_the_catalogue() -> None:
    for name in MODULES:
        assert find(name).summary == f"{name}.summary"
        for example in TEXTS[f"{name}.examples"]:
            assert f"hefu {name}" in example


def test_every_help_text_is_in_the_catalogue() -> None:
    helps = [
        (place, word.value) for place, call in calls("add_argument") for word in call.keywords if word.arg == "help"
    ]
    helps += [(place, call.args[2]) for place, call in calls("option")]
    texts = [(place, getattr(value, "value", None)) for place, value in helps]
    assert [
        (place, text) for place, text in texts if text not in TEXTS and place.partition(":")[0] != "command.py"
    ] == []


def untold() -> Iterator[str]:
    """Where something is shown whose words are not in the catalogue."""
    for place, call in calls(*SHOWN):
        yield from (f"{place}: {text}" for word in call.args for text in strings(word) if LETTERS.search(text))
    for place, call in calls("Outcome"):
        yield from (f"{place}: {text}" for text in strings(call.args[2]) if LETTERS.search(text.removeprefix("hefu: ")))
    for module, tree in modules():
        documented = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in documented:
                yield from (f"{module}:{node.lineno}: {word}" for word in IDEOGRAPH.findall(node.value))


def test_nothing_is_shown_that_is_not_in_the_catalogue() -> None:
    assert sorted(untold()) == []


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "fr_FR"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN", "HEFU_LANG": "en"}, "en"),
        ({"LANG": "en_GB", "HEFU_LANG": "zh"}, "zh"),
        ({"LANG": "en_GB", "HEFU_LANG": "fr"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_systems_else_chinese(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], chosen: str
) -> None:
    monkeypatch.setattr(os, "environ", environment)
    assert language() == chosen
    assert say("cli.title") == both("cli.title")[chosen == "en"]
    assert languages() == ((chosen,) if environment.get("HEFU_LANG") == chosen else ("zh", "en"))


def test_a_language_that_nobody_speaks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "fr")
    assert "HEFU_LANG: must be zh or en" in hefu("inspect", "x", expect=2).err


@pytest.fixture
def evidence(tmp_path: Path) -> list[str]:
    """The words that verify a sample."""
    ledger = sample()
    (tmp_path / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    return ["verify", str(tmp_path / "e.json"), str(tmp_path / "document"), "--policy", str(tmp_path / "policy.txt")]


@pytest.mark.parametrize(("chosen", "zh", "en"), [(None, True, True), ("zh", True, False), ("en", False, True)])
def test_a_verdict_is_in_both_languages_unless_one_was_chosen(
    monkeypatch: pytest.MonkeyPatch, evidence: list[str], chosen: str | None, zh: bool, en: bool
) -> None:
    monkeypatch.delenv("HEFU_LANG", raising=False)
    if chosen:
        monkeypatch.setenv("HEFU_LANG", chosen)
    out = hefu(*evidence).out
    assert ("核验一致" in out, "未核验" in out) == (zh, zh)
    assert ("proven" in out, "Not checked" in out) == (en, en)


@pytest.mark.parametrize("name", MODULES)
def test_help_is_in_one_language_with_examples(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HEFU_LANG", "en")
    english = hefu(*name.split(), "--help").out
    monkeypatch.setenv("HEFU_LANG", "zh")
    chinese = hefu(*name.split(), "--help").out
    assert english.startswith(f"usage: hefu {name}")
    assert not IDEOGRAPH.search(english)
    assert chinese.startswith(f"用法：hefu {name}")
    assert "示例：" in chinese
    assert not any(phrase in chinese for phrase in ARGPARSE)


def test_wrong_words_are_refused_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    assert "错误：缺少参数：DOCUMENT" in hefu("verify", "x", expect=2).err
    assert "没有这些参数：--jso" in hefu("inspect", "x", "--jso", expect=2).err
    assert said("expected one argument") == "需要一个值"


@every_case("encoding", ["cp936", "ascii"])
@every_case("command", [(), ("--help",), ("verify", "--help"), ("verify", "nowhere", "x"), ("inspect",)])
def test_a_terminal_of_another_encoding_is_never_a_crash(encoding: str, command: tuple[str, ...]) -> None:
    ran = run_encoded(encoding, *command)
    assert "Traceback" not in ran
    assert ("\\u" in ran) == (encoding == "ascii")


def test_a_verdict_is_readable_under_code_page_936(evidence: list[str]) -> None:
    ran = run_encoded("cp936", *evidence)
    assert "核验一致 proven" in ran
    assert "√ 通过：步骤 1–10, " in ran
    assert "  1 √ " in run_encoded("cp936", *evidence, "--all")
    assert "\\u" not in ran


def run_encoded(encoding: str, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}
    environment |= {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"LANGUAGE": "zh"}
    done = subprocess.run([sys.executable, "-m", "hefu", *words], capture_output=True, check=False, env=environment)
    return (done.stdout + done.stderr).decode(encoding)
