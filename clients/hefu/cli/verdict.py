"""A verdict as text for people: the head, then the steps; in Chinese and English, unless one was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hefu.evidence.words import HEADLINE, Row, Words, deciding, ranges
from hefu.ui.language import language, languages
from hefu_ledger.verify.verdict import CANNOT, FAILED, NOTED, OK, UNCHECKED, Step, Verdict

_MARKS = {OK: "✓", FAILED: "✗", CANNOT: "?", UNCHECKED: "·", NOTED: "!"}
_NOT_REACHED = "not-reached"


def verdict_text(verdict: Verdict, name: str, *, every_step: bool = False) -> str:
    """The verdict's head, then its steps; ``name``: the file, folder or ledger that was checked.

    Where no language was chosen, all is in both but the steps that hold: ``every_step`` shows those in the reader's.
    """
    both = [Words(verdict, name, each) for each in languages()]
    lines = [" ".join(words.word for words in both), *(words.sentence for words in both)]
    lines += [f"  {line}" for step in deciding(verdict) for line in _details(step, both)]
    lines += [words.headline for words in both if words.headline]
    lines += ["", *map(_row_line, *(words.rows() for words in both)), ""]
    return "\n".join([*lines, *_step_lines(verdict, both, every_step=every_step)])


def _details(step: Step, both: Sequence[Words]) -> list[str]:
    return list(map(_row_line, *(words.details(step) for words in both)))


def _row_line(*rows: Row) -> str:
    """A row in each language on one line: a text that is the same in both stands once."""
    labels, values, guarantors = (dict.fromkeys(texts) for texts in zip(*rows, strict=True))
    line = f"{' '.join(labels)}: {' / '.join(values)}"
    return f"{line}  ({' '.join(guarantors)})" if any(guarantors) else line


def _step_lines(verdict: Verdict, both: Sequence[Words], *, every_step: bool) -> Iterator[str]:
    """The steps. Those that hold, the headline that the head has, and those not reached fold into a line each."""
    headline = HEADLINE if both[0].headline else 0
    passed = [step.step for step in verdict.steps if step.outcome == OK or step.step == headline]
    missed = [step.step for step in verdict.steps if step.code == _NOT_REACHED]
    if not every_step:
        yield from _folded("✓", "steps-passed", passed, both)
    for step in verdict.steps:
        if step.step not in (*passed, *missed):
            yield from _step_text(step, both, detailed=step not in deciding(verdict))
        elif every_step and step.step in passed:
            yield from _step_text(step, [words for words in both if words.language == language()])
    yield from _folded("·", "steps-not-reached", missed, both)


def _folded(mark: str, code: str, numbers: Sequence[int], both: Sequence[Words]) -> Iterator[str]:
    if numbers:
        first, *others = (words.text(code, {"numbers": ranges(numbers)}) for words in both)
        yield from (f"    {mark} {first}", *(f"      {text}" for text in others))


def _step_text(step: Step, both: Sequence[Words], *, detailed: bool = False) -> Iterator[str]:
    first, *others = (words.step(step) for words in both)
    yield f"{step.step:>3} {_MARKS[step.outcome]} {first}"
    yield from (f"      {text}" for text in others)
    yield from (f"        {line}" for line in _details(step, both) if detailed)
