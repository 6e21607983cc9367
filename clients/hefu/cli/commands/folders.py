"""The commands that hold a folder against its deposits: check, watch."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from hefu.cli.command import Command, Outcome, option, trust_authorities
from hefu.cli.output import counted, done_lines, problem_line, refreshed_value, state_name
from hefu.errors import CANNOT_TELL, NOT_PROVEN
from hefu.ui.language import say

if TYPE_CHECKING:
    from hefu.errors import UnreachableError
    from hefu.folders.status import Survey
    from hefu.folders.watch import Round


def _declare_check(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="check.folder")
    option(parser, "home", "deposit.home")
    parser.add_argument("--content", action="store_true", help="check.content")
    parser.add_argument("--keep", metavar="DIR", help="check.keep")
    trust_authorities(parser)


def _check(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        done = client.check(options.folder, content=options.content, keep=options.keep, tsa=options.tsa or ())
    found, copied, waiting, gone, unplaced, stamps = done
    whole = not (found.changed or found.new or found.missing or found.unreadable or gone)
    value = _survey_value(found) | {"copied": copied, "on_their_way": waiting}
    value |= {"evidence_gone": gone, "unplaced": unplaced}
    text = _survey_text(found, copied=copied, waiting=waiting)
    text = "\n".join(
        [text, *counted("check.gone", gone), *([say("check.unplaced", count=unplaced)] if unplaced else [])]
    )
    if stamps is not None:
        value["timestamped"] = {evidence: [stamp._asdict() for stamp in each] for evidence, each in stamps.items()}
        count = sum(map(bool, stamps.values()))
        text = "\n".join([text, say("check.stamped", count=count, deposits=len(stamps))])
    return Outcome(NOT_PROVEN if not whole else CANNOT_TELL if unplaced else 0, value, text)


def _declare_watch(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="watch.folder")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="watch.out")
    parser.add_argument("--once", action="store_true", help="watch.once")
    parser.add_argument("--wait", action="store_true", help="watch.wait")
    parser.add_argument("--content", action="store_true", help="watch.content")
    parser.add_argument("--quiet", type=float, default=30.0, metavar="SECONDS", help="watch.quiet")


def _watch(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        if not options.once:
            client.watch(options.folder, out=options.out, quiet_s=options.quiet, tell=_Teller())
        done = client.watch_once(options.folder, out=options.out, content=options.content, wait=options.wait)
    code = CANNOT_TELL if done.refreshed.stuck else NOT_PROVEN if done.left_out else 0
    return Outcome(code, _round_value(done), _round_text(done))


class _Teller:
    """Writes a line for each round that differs from the last."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, event: Round | UnreachableError) -> None:
        text = str(event) if isinstance(event, Exception) else _round_text(event)
        if text != self._last:
            sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
            sys.stdout.flush()
        self._last = text


def _survey_value(found: Survey) -> dict[str, Any]:
    return {
        "intact": len(found.intact),
        "changed": found.changed,
        "missing": found.missing,
        "not_deposited": found.new,
        "moved": [item._asdict() for item in found.moved],
        "unreadable": [item._asdict() for item in found.unreadable],
        "read": found.read,
        "skipped": found.skipped,
        "ignored": found.ignored,
    }


def _survey_text(found: Survey, *, copied: int, waiting: int) -> str:
    lines = [say("check.intact", count=len(found.intact))]
    lines += counted("check.changed", found.changed)
    lines += counted("check.missing", found.missing)
    lines += counted("check.new", found.new)
    lines += counted("check.moved", [f"{item.was} -> {item.name}" for item in found.moved])
    lines += counted("check.unreadable", map(problem_line, found.unreadable))
    lines.append(say("check.looked", read=found.read, skipped=found.skipped, ignored=found.ignored))
    lines += [say("check.copied", count=copied)] if copied else []
    lines += [say("check.waiting", count=waiting)] if waiting else []
    return "\n".join(lines)


def _round_value(done: Round) -> dict[str, Any]:
    deposited = done.deposited
    return {
        "deposited": None if deposited is None else deposited._asdict() | {"left_out": []},
        "changed": done.changed,
        "new": done.new,
        "intact": done.intact,
        "read": done.read,
        "skipped": done.skipped,
        "odd": [problem._asdict() for problem in done.odd],
        "left_out": [problem._asdict() for problem in done.left_out],
        "refreshed": refreshed_value(done.refreshed),
    }


def _round_text(done: Round) -> str:
    lines = [*done_lines(done.refreshed)]
    if done.deposited is None:
        lines.append(say("watch.nothing", intact=done.intact))
    else:
        item = done.deposited
        counts = {"new": done.new, "changed": done.changed}
        where = {"evidence": item.evidence, "number": item.number}
        lines.append(say("watch.done", state=state_name(item.state), **counts, **where))
    lines.append(say("watch.looked", read=done.read, skipped=done.skipped))
    lines += counted("watch.odd", map(problem_line, done.odd))
    return "\n".join([*lines, *counted("watch.left_out", map(problem_line, done.left_out))])


COMMANDS = {
    "check": Command("check.summary", _declare_check, _check),
    "watch": Command("watch.summary", _declare_watch, _watch),
}
