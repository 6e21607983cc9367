"""Verdicts and answers as text for people: of verdicts Chinese first and English below it, unless one was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefu.language import CHINESE, ENGLISH, languages
from hefu.plain import plain
from hefu_ledger.verdict import CANNOT, FAILED, IN_CHINESE, NOTED, OK, UNCHECKED, Verdict

_MARKS = {OK: "✓", FAILED: "✗", CANNOT: "?", UNCHECKED: "·", NOTED: "!"}


def verdict_text(verdict: Verdict) -> str:
    """The verdict, its headline, then every step."""
    shown = languages()
    names = {CHINESE: IN_CHINESE[verdict.verdict], ENGLISH: verdict.verdict}
    lines = [" ".join(names[each] for each in shown)]
    for step in verdict.steps:
        first, *below = [plain({CHINESE: step.zh, ENGLISH: step.en}[each]) for each in shown]
        lines += [f"{step.step:>3} {_MARKS[step.outcome]} {first}", *(f"      {text}" for text in below)]
    return "\n".join(lines)


def members_text(value: Mapping[str, Any], indent: str = "") -> str:
    """A JSON object as an indented list."""
    lines = []
    for key, member in value.items():
        name = plain(key)
        if isinstance(member, Mapping):
            lines += [f"{indent}{name}:", members_text(member, f"{indent}  ")]
        elif isinstance(member, list) and member and all(isinstance(item, Mapping) for item in member):
            lines += [f"{indent}{name}:", *(members_text(item, f"{indent}  ") for item in member)]
        else:
            shown = ", ".join(map(str, member)) if isinstance(member, list) else member
            lines.append(f"{indent}{name}: {plain(shown)}")
    return "\n".join(lines)
