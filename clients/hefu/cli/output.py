"""Answers as text for people; for verdicts see ``verdict``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu_ledger.encoding import format_time, parse_time

if TYPE_CHECKING:
    from hefu.deposit.depositor import Deposited
    from hefu.deposit.refresh import Refreshed
    from hefu.errors import Problem


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


SHOWN = 20  # names of each kind; --json names all


def state_name(name: str) -> str:
    """The word for a state of a deposit."""
    return say(f"state.{name}")


def counted(key: str, names: Iterable[str]) -> list[str]:
    """A line with a count, and the names below it; nothing where there are none."""
    found = list(names)
    if not found:
        return []
    more = [f"  … +{len(found) - SHOWN}"] if len(found) > SHOWN else []
    return [say(key, count=len(found)), *(f"  {plain(name)}" for name in found[:SHOWN]), *more]


def problem_line(problem: Problem) -> str:
    """A path and its cause."""
    return f"{problem.path}: {problem.cause}"


def clock_lines(items: Iterable[Deposited]) -> list[str]:
    """A line if the service's clock and ours are far apart; neither is called the wrong one."""
    for item in items:
        if item.clock_difference_s is not None:
            ours = parse_time(item.received_at) - 1000 * item.clock_difference_s
            return [say("deposit.clocks", received_at=item.received_at, ours=format_time(ours))]
    return []


def refreshed_value(done: Refreshed) -> dict[str, Any]:
    """The value of ``--json`` of a refresh."""
    return {
        "done": [item._asdict() | {"left_out": []} for item in done.done],
        "stuck": [problem._asdict() for problem in done.stuck],
        "grown": done.grown,
        "doubted": [problem._asdict() for problem in done.doubted],
    }


def done_lines(done: Refreshed) -> list[str]:
    """A line for each deposit that went on, then those that are stuck."""
    lines = [
        say("refresh.done", state=state_name(item.state), evidence=item.evidence, number=item.number or "-")
        for item in done.done
    ]
    lines += clock_lines(done.done)
    lines += [say("refresh.grown", path=path) for path in done.grown]
    lines += counted("refresh.doubted", map(problem_line, done.doubted))
    return lines + counted("refresh.stuck", map(problem_line, done.stuck))
