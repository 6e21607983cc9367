"""What an operator reads is in the catalogue, in both languages, and nothing else is."""

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

import hefu_service
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import parse_vkey
from hefu_ledger.uscc import parse_uscc
from hefu_service import cli
from hefu_service.language import click_text, error_text, say
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.publishing import fsck
from hefu_service.settings import SettingsError, read_settings
from hefu_service.texts import AREAS, TEXTS, joined, said, sentence

SERVICE = Path(hefu_service.__file__).parent
SPOKEN = ("say", "sentence")
IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
FULL_WIDTH = re.compile("[\u3000-\u303f\uff00-\uffef]")
ENGLISH = re.compile(r"\b(the|a|is|are|of|to|and|not|must|with|holds?|missing)\b", re.IGNORECASE)
FORMS = {"fsck.line", "settings.problem", "found.of_path", "main.failed", "messages.line"}  # places for other sentences


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SERVICE.rglob("*.py")):
        if path.parent.name != "texts":
            yield path.relative_to(SERVICE).as_posix(), ast.parse(path.read_text("utf-8"))


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of functions of these names, with their places."""
    for place, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names:
                yield f"{place}:{node.lineno}", node


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_text_that_is_said_is_in_the_catalogue_and_is_filled_in() -> None:
    wrong = []
    for place, call in calls(*SPOKEN):
        key = call.args[0]
        if isinstance(key, ast.Constant):
            given = {word.arg for word in call.keywords}
            if str(key.value) not in TEXTS or fields(TEXTS[str(key.value)][1]) != given:
                wrong.append(f"{place}: {key.value!r}: {given}")
    assert wrong == []


def test_no_text_of_the_catalogue_is_unused() -> None:
    used, families = set(), {"kind."}
    for _, call in calls(*SPOKEN):
        key = call.args[0]
        if isinstance(key, ast.Constant):
            used.add(str(key.value))
        if isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant):
            families.add(str(key.values[0].value))
    assert [key for key in TEXTS if key not in used and not key.startswith(tuple(families))] == []


def test_no_text_is_in_two_areas() -> None:
    assert sum(len(area.TEXTS) for area in AREAS) == len(TEXTS)


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_in_both_languages_and_says_the_same(key: str) -> None:
    zh, en = TEXTS[key]
    assert fields(zh) == fields(en)
    assert not ENGLISH.search(re.sub(r"\{.*?\}|HEFU_\w+|hefu-service .*", "", zh))
    assert not FULL_WIDTH.search(en)
    assert not IDEOGRAPH.search(en)
    if key not in FORMS:
        assert IDEOGRAPH.search(zh)


def test_each_part_that_is_checked_has_a_name() -> None:
    parts = {"checkpoint", "seen", "replay", "events", "deposits", "tiles", "batches", "vaults"}
    tree = ast.parse(Path(fsck.__file__).read_text("utf-8"))
    faults = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fault"]
    named = {call.args[1].value for call in faults if isinstance(call.args[1], ast.Constant)}
    assert named <= parts == {key.removeprefix("part.") for key in TEXTS if key.startswith("part.")}


IN_THE_CATALOGUE = (
    *("cli/", "language.py", "settings.py", "wiring.py", "serving/", "outside/", "jobs/", "outbox/", "api/"),
    *("sealing/", "publishing/publish.py", "publishing/repair.py", "publishing/export.py"),
    *("intake/time.py", "intake/register.py", "intake/body.py", "intake/deposits.py", "intake/statement_texts.py"),
)
ERRORS = (
    *("PortError", "StorageError", "DamagedError", "ImmutableError", "ClockError", "SignerError", "SettingsError"),
    *("UsageError", "SealingStoppedError", "RolledBackError", "ConflictError", "WrongLedgerError", "BusyError"),
    *("UnknownDepositorError", "KeyNotInForceError", "OverLimitError", "VerifierBusyError", "PrivateHalfError"),
    *("NotFound", "Forbidden", "Unauthorized", "RequestTimeout", "RequestEntityTooLarge", "UnsupportedMediaType"),
)


def test_no_error_of_the_operator_s_rooms_is_worded_outside_the_catalogue() -> None:
    assert [
        place
        for place, call in calls(*ERRORS)
        if place.startswith(IN_THE_CATALOGUE) and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
    ] == []


def test_an_error_that_holds_a_sentence_is_said_in_both_languages() -> None:
    inner = StorageError(sentence("file.no_batch", name="7"))
    told = error_text(PortError(sentence("file.batch", name="8", error=inner)))
    assert (told, told.zh) == (
        "batch file 8 is damaged: batch file 7 is missing",
        "批次文件 8 已损坏：缺少批次文件 7",
    )


def test_an_error_of_other_words_follows_the_name_of_its_kind() -> None:
    assert said(StorageError("exact")).zh == "数据库或磁盘故障：exact"
    assert said(ValueError("exact")).zh == "exact"


def test_an_error_of_the_ledger_is_said_by_the_ledger_s_own_sentence() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_vkey("x" * 100_000)
    told = error_text(caught.value)
    assert told == str(caught.value)
    assert IDEOGRAPH.search(told.zh)


def test_refused_settings_are_named_together_in_chinese() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"HEFU_PROT": "1", "HEFU_PORT": "0"})
    assert error_text(caught.value).zh == (
        "HEFU_PROT：没有此设置；是否指 HEFU_PORT？；HEFU_PORT：不是 1 至 65535 的整数：'0'；"
        "HEFU_DATA：缺少（或 --data DIR）"
    )
    assert joined([sentence("fsck.clean")] * 2).zh == "无误；无误"


@pytest.mark.parametrize(("language", "expected"), [("zh", "无误"), ("en", "clean")])
def test_the_language_is_the_chosen_one(monkeypatch: pytest.MonkeyPatch, language: str, expected: str) -> None:
    monkeypatch.setenv("HEFU_LANG", language)
    assert say("fsck.clean") == expected


HELPS = """
import click
from hefu_service.cli import command
for name, each in {"": command, **command.commands}.items():
    print(each.get_help(click.Context(each, info_name=name, help_option_names=["-h", "--help"])))
"""


def helps(language: str) -> str:
    environment = {**os.environ, "HEFU_LANG": language, "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", HELPS], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_help_is_in_english() -> None:
    shown = helps("en").replace("营业执照核验", "").replace("工作站", "")
    assert shown.count("Usage: ") == len(cli.command.commands) + 1
    assert not IDEOGRAPH.search(shown)


def test_help_is_in_chinese() -> None:
    shown = helps("zh")
    assert shown.count("用法：") == len(cli.command.commands) + 1
    assert not ENGLISH.search(re.sub(r"--[a-z-]+", "", shown))
    assert not re.search(r"Usage|Options|Commands|\bShow|default|required", shown)
    for key in (key for key in TEXTS if key.startswith("option.") and key != "option.no_reason"):
        assert TEXTS[key][0] in shown, key


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["fsck", "--quick"],
        ["init"],
        ["fsck", "--repar"],
        ["clock", "--reason"],
        ["clock", "--reason", " "],
        ["fsck", "--seen", "/nowhere"],
        ["fsck", "--seen", "/"],
        ["fsck", "--repair=1"],
        ["fsck", "x"],
        ["fsck", "x", "y"],
        ["worker", "--queues", "x"],
        ["enrol", "--signatures", "99"],
        ["enrol", "--signatures", "x"],
    ],
)
def test_a_usage_error_is_in_chinese(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    monkeypatch.setattr(sys, "argv", ["hefu-service", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert shown.startswith(("用法：", "错误："))
    kept = ("'[^']*'", r"--?[\w-]+", r"\b[A-Z_]+\b", r"hefu-service \w*", "ledger", "slow", r"[<>=\dx]+")
    rest = re.sub("|".join(kept), "", shown)
    assert not re.search(r"[A-Za-z]{3}", rest), rest


def test_click_s_words_stay_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "en")
    assert click_text("Usage: x") == "Usage: x"


@pytest.mark.parametrize(
    "code", ["123", "91310120MA1HP0019O", "91A10120MA1HP00194", "91310120MA1HP00195"], ids=lambda code: code[-3:]
)
def test_a_refused_code_of_an_organisation_is_explained_in_chinese(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    with pytest.raises(MalformedError) as refused:
        parse_uscc(code)
    shown = error_text(refused.value).zh
    assert re.search(r"[一-鿿]", shown)
    assert not re.search(r"[A-Za-z]{3}", shown)
