"""Findings put into words: every code has its sentence, in Chinese and in English, and none is idle."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from hefu_ledger.errors import LedgerError, MalformedError, UnknownAuthorityError, UnknownFormatError, VerificationError
from hefu_ledger.language import LANGUAGES
from hefu_ledger.verify.sentences import FILE, Table, local_time, sentence

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for package in ("ledger", "clients", "service") for path in sorted((ROOT / package).rglob("*.py"))]
TABLE: Table = json.loads(files("hefu_ledger.verify").joinpath(FILE).read_bytes())
ERRORS = (LedgerError, MalformedError, UnknownAuthorityError, UnknownFormatError, VerificationError)
# Where a call names a code: the place of the code among its arguments.
PLACES = {"finding": 1, "leave": 0}
# Names and words of code, which have no Chinese.
NAMES = {
    "SHA",
    "SM",
    "GB",
    "JSON",
    "NAME",
    "hefu",
    "json",
    "bundle",
    "trust",
    "quorum",
    "export",
    "statements",
    "all",
    "any",
    "ledger",
}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Each place that names a code as a constant, with the values it gives; no set of them where some are spread."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                given = {word.arg or "**" for word in node.keywords}
                for code in codes(node):
                    yield f"{path.name}:{node.lineno}", code, given


def codes(node: ast.Call) -> Iterator[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    found = [word.value for word in node.keywords if word.arg == "code" and name.endswith("Error")]
    if name in PLACES and len(node.args) > PLACES[name]:
        found.append(node.args[PLACES[name]])
    yield from (each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str))


def fields(text: str) -> set[tuple[str, str]]:
    return {(name, form or "") for _, name, form, _ in Formatter().parse(text) if name is not None}


def test_every_code_has_both_languages_and_they_say_the_same() -> None:
    wrong = [code for code, texts in TABLE.items() if tuple(texts) != LANGUAGES or not all(texts.values())]
    wrong += [code for code, texts in TABLE.items() if fields(texts["zh"]) != fields(texts["en"])]
    assert wrong == []


def test_no_code_is_undefined_and_every_placeholder_is_given() -> None:
    wrong = []
    for place, code, given in calls():
        needed = {name for name, _ in fields(TABLE[code]["zh"])} if code in TABLE else {"a sentence"}
        if "**" not in given and not needed <= given:
            wrong.append(f"{place}: {code}: {needed - given}")
    assert wrong == []
    assert {error.code for error in ERRORS} <= TABLE.keys()


def test_no_code_is_unused() -> None:
    constants, beginnings = set(), set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant):
                constants.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                beginnings.add(str(node.values[0].value))
    families = tuple(text for text in beginnings if re.fullmatch(r"[a-z]+(-[a-z]+)*-", text))
    assert [code for code in TABLE if code not in constants and not code.startswith(families)] == []


def test_every_contradiction_that_the_ledger_can_find_has_its_own_code() -> None:
    bare = []
    for path in sorted((ROOT / "ledger").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called == "VerificationError" and isinstance(node, ast.Call):
                bare += [f"{path.name}:{node.lineno}"] * ("code" not in {word.arg for word in node.keywords})
    assert bare == []


def test_a_chinese_sentence_has_no_english_but_names_and_code() -> None:
    wrong = {}
    for code, texts in TABLE.items():
        words = set(re.findall("[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", texts["zh"]))) - NAMES
        if words or not (re.search("[\u4e00-\u9fff]", texts["zh"]) or code in ("at", "said")):
            wrong[code] = words
    assert wrong == {}


def test_an_english_sentence_has_no_chinese() -> None:
    assert [code for code, texts in TABLE.items() if re.search("[\u3000-\u9fff\uff00-\uffef]", texts["en"])] == []


COMPROMISED = {"key": "9c7212b9", "by": ["reported-owner", {}]}


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("2026-01-31T08:00:00.000Z", "北京时间 2026-01-31 16:00:00.000", "2026-01-31 08:00:00.000 UTC"),
        ("2026-01-31T16:00:00.001Z", "北京时间 2026-02-01 00:00:00.001", "2026-01-31 16:00:00.001 UTC"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59.999 UTC", "9999-12-31 23:59:59.999 UTC"),
    ],
)
def test_a_time_is_beijings_in_chinese_and_utc_in_english(text: str, zh: str, en: str) -> None:
    assert (local_time("zh", text), local_time("en", text)) == (zh, en)
    assert sentence(TABLE, "zh", "compromised", COMPROMISED | {"since": text}).startswith(f"所用密钥 9c7212b9 自{zh}起")


def test_a_value_is_never_read_as_a_placeholder() -> None:
    assert "{time}" in sentence(TABLE, "en", "quorum-met", {"names": ["{time}", "{0}"]})


def test_a_finding_may_hold_others() -> None:
    inner = ["document-place", {"number": 1, "count": 2}]
    said = sentence(TABLE, "en", "not-checked", {"items": [inner, ["truth", {}]]})
    assert said == "Not checked: Document 1 of the 2 that the depositor declared, the truth of the content."


def test_an_errors_place_is_data_too() -> None:
    error = VerificationError("root", code="batch-root", expected="aa", found="bb").at("batch 3", "at-batch", number=3)
    assert str(error) == "batch 3: root: expected aa, found bb"
    assert (error.code, error.values["place"]) == ("at", ["at-batch", {"number": 3}])
    assert sentence(TABLE, "zh", error.code, error.values) == "批次 3：批次的根不符。"
