"""A verdict in words, in one language: for the command line and for the report.

The head comes first: the word, one sentence, the time that is proven and its guarantor, the file, the firm, the deposit
number, and the five times with their guarantors. Then the nineteen steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from hefu.ui.escape import plain
from hefu.ui.language import languages, sentences
from hefu_ledger.language import CHINESE
from hefu_ledger.verify.sentences import local_time, sentence
from hefu_ledger.verify.verdict import (
    CANNOT,
    CANNOT_TELL,
    FAILED,
    IN_CHINESE,
    NOT_PROVEN,
    PROVEN,
    Step,
    Verdict,
    summary,
)

HEADLINE: Final = 18
_OF_DOCUMENTS: Final = ("document", "folder")


class Row(NamedTuple):
    """A fact of the head; ``vouched_by``: its guarantor, empty where that is not a question."""

    label: str
    value: str
    vouched_by: str = ""


class Words:
    """The words of one verdict in one language. ``name``: the file, folder or ledger that was checked."""

    def __init__(self, verdict: Verdict, name: str, language: str) -> None:
        self._verdict = verdict
        self._name = name
        self.language = language

    @property
    def word(self) -> str:
        """核验一致, 核验不一致 or 无法核验; proven, not proven or cannot tell."""
        found = self._verdict.verdict
        return IN_CHINESE[found] if self.language == CHINESE else found

    @property
    def sentence(self) -> str:
        """The one plain sentence below the word."""
        return self.text(*summary(self._verdict))

    @property
    def headline(self) -> str:
        """不晚于 T，由 X 保证; empty under a verdict that proves no time."""
        step = next((step for step in self._verdict.steps if step.step == HEADLINE), None)
        return self.step(step) if step is not None and self._verdict.verdict == PROVEN else ""

    def rows(self) -> Iterator[Row]:
        """The facts of the head; the times only under a verdict that proves them."""
        facts = self._verdict.facts
        yield Row(self.text(f"label-{facts['subject']}"), plain(self._name))
        if facts["subject"] not in _OF_DOCUMENTS:
            return
        proven = self._verdict.verdict == PROVEN
        claimed = "" if proven else self.text("by-evidence")
        if "depositor" in facts:
            yield Row(self.text("label-firm"), self._firm(facts), claimed)
        if "number" in facts:
            yield Row(self.text("label-number"), plain(facts["number"]), claimed)
        if proven:
            yield from self._times(facts)

    def _firm(self, facts: Mapping[str, Any]) -> str:
        identity = facts.get("identity")
        return plain(f"{identity['name']} ({identity['uscc']})" if identity else facts["depositor"])

    def _times(self, facts: Mapping[str, Any]) -> Iterator[Row]:
        declared = facts.get("circumstances", {}).get("declared_at")
        yield self._time("declared", declared, self.text("by-depositor"))
        yield self._time("received", facts["received_at"], self.text("by-service"))
        yield self._time("anchored", facts["sealed_at"], self.text("by-operator"))
        for kind, key in (("witnessed", "witnessed"), ("timestamped", "stamped")):
            for who, time in facts.get(key, {}).items() or [("", None)]:
                yield self._time(kind, time, plain(who))

    def _time(self, kind: str, time: str | None, vouched_by: str) -> Row:
        label = self.text(f"label-{kind}")
        return Row(label, local_time(self.language, time), vouched_by) if time else Row(label, self.text("none"))

    def step(self, step: Step) -> str:
        """The sentence of a step."""
        return self.text(step.code, step.values)

    def details(self, step: Step) -> list[Row]:
        """Of a step that does not hold: the pair that differs, else the exact text, which is English.

        A reader who chose Chinese is spared the exact text; ``--json`` has it.
        """
        if step.outcome not in (FAILED, CANNOT):
            return []
        pair = _pair(step.values)
        rows = [Row(self.text(f"label-{name}"), plain(pair[name])) for name in ("expected", "found") if name in pair]
        if rows or not step.found or (step.values and step.outcome == CANNOT and "error" not in step.values):
            return rows
        return [] if languages() == (CHINESE,) else [Row(self.text("label-detail"), plain(step.found))]

    def text(self, code: str, values: Mapping[str, Any] | None = None) -> str:
        """The sentence of a code, on one plain line."""
        return plain(sentence(sentences(), self.language, code, values or {}))


def deciding(verdict: Verdict) -> list[Step]:
    """The step that decided against a verdict, alone in a list; empty where it is proven."""
    outcome = {NOT_PROVEN: FAILED, CANNOT_TELL: CANNOT}.get(verdict.verdict)
    return [step for step in verdict.steps if step.outcome == outcome][:1]


def _pair(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """``expected`` and ``found`` of an error, which may stand inside one that names its place."""
    return _pair(values["error"][1]) if "error" in values else values


def ranges(numbers: Iterable[int]) -> str:
    """Rising numbers in short: 1–9, 11."""
    runs = [list(run) for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ", ".join(_run([number for _, number in run]) for run in runs)


def _run(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
