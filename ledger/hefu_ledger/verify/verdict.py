"""A verdict 核验结论 as data: the subject and the finding of each of the nineteen steps."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.language import LANGUAGES
from hefu_ledger.verify.sentences import Table, sentence

PROVEN: Final = "proven"  # 核验一致
NOT_PROVEN: Final = "not proven"  # 核验不一致
CANNOT_TELL: Final = "cannot tell"  # 无法核验
IN_CHINESE: Final = {PROVEN: "核验一致", NOT_PROVEN: "核验不一致", CANNOT_TELL: "无法核验"}

OK: Final = "ok"
FAILED: Final = "failed"  # a contradiction
CANNOT: Final = "cannot"  # something that was asked for could not be checked
UNCHECKED: Final = "unchecked"  # not asked for, or not reached
NOTED: Final = "noted"  # checked, and worth telling; the verdict is unchanged

TITLES: Final[dict[int, tuple[str, str]]] = {
    1: ("格式与信任来源", "formats, limits, and trust from outside"),
    2: ("文件摘要", "the document's digests and size"),
    3: ("承诺值", "the commitment to the card"),
    4: ("卡片归属", "whose card it is"),
    5: ("声明中的位置", "the place in the deposit"),
    6: ("存证声明的签名", "the depositor's signatures"),
    7: ("收讫", "the acceptance"),
    8: ("批次", "the batch"),
    9: ("账本条目", "the records in the ledger"),
    10: ("检查点", "the checkpoint"),
    11: ("见证", "the witnesses"),
    12: ("密钥登记", "the enrolment of the depositor's keys"),
    13: ("身份", "the identity"),
    14: ("收讫回执", "the acknowledgement"),
    15: ("可信时间戳", "the timestamps"),
    16: ("时间先后", "the order of times"),
    17: ("密钥失控", "key compromise"),
    18: ("时间结论", "not later than"),
    19: ("未核验事项", "what was not checked"),
}


class Step(NamedTuple):
    """One step: its subject, and its finding as data; ``sentences`` puts a finding into words.

    ``found``: exact text for programs and for details. ``code``, ``values``: the sentence, and JSON values for it.
    """

    step: int
    outcome: str
    checked: str
    found: str
    code: str
    values: dict[str, Any]


class Verdict(NamedTuple):
    """``facts``: the times, numbers and names that the evidence shows, as JSON values."""

    verdict: str
    steps: tuple[Step, ...]
    facts: dict[str, Any]


def conclude(steps: list[Step], facts: dict[str, Any]) -> Verdict:
    """One contradiction is 核验不一致; failing that, one thing that could not be checked is 无法核验."""
    outcomes = {step.outcome for step in steps}
    verdict = NOT_PROVEN if FAILED in outcomes else CANNOT_TELL if CANNOT in outcomes else PROVEN
    return Verdict(verdict, tuple(steps), facts)


def summary(verdict: Verdict) -> tuple[str, dict[str, Any]]:
    """The one sentence under a verdict, as code and values: the document's own finding before any other."""
    if verdict.verdict == PROVEN:
        own = {"notes": [["policy-own", {}]]} if verdict.facts.get("policy_source") == "own" else {}
        return f"proven-{verdict.facts['subject']}", verdict.facts | own
    outcome = FAILED if verdict.verdict == NOT_PROVEN else CANNOT
    first = next(step for step in verdict.steps if step.outcome == outcome)
    if outcome == FAILED and first.checked != TITLES[2][1]:
        return "not-proven", {"finding": [first.code, first.values]}
    return first.code, first.values


def why_not(verdict: Verdict) -> LedgerError:
    """The error for a verdict that is not proven, where one was needed: its first finding in words, all in ``str``."""
    outcome = FAILED if verdict.verdict == NOT_PROVEN else CANNOT
    steps = [step for step in verdict.steps if step.outcome in (FAILED, CANNOT)]
    first = next(step for step in steps if step.outcome == outcome)
    text = "; ".join(f"{step.checked}: {step.found or step.code}" for step in steps)
    error = (VerificationError if outcome == FAILED else MalformedError)(text, code=first.code)
    error.values = first.values
    return error


def verdict_value(verdict: Verdict, table: Table) -> dict[str, Any]:
    """A verdict as a JSON value, its findings in both languages; ``table``: the contents of sentences.json."""
    return {
        "verdict": verdict.verdict,
        "verdict_zh": IN_CHINESE[verdict.verdict],
        "facts": verdict.facts,
        "steps": [_step_value(step, table) for step in verdict.steps],
    }


def _step_value(step: Step, table: Table) -> dict[str, Any]:
    words = {language: sentence(table, language, step.code, step.values) for language in LANGUAGES}
    return {
        "step": step.step,
        "outcome": step.outcome,
        "checked": step.checked,
        "found": step.found,
        **words,
        "code": step.code,
        "values": step.values,
    }
