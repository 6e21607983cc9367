"""The commands that deposit: deposit, submit, refresh."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.cli.command import Command, Outcome, option
from hefu.cli.output import SHOWN, counted, done_lines, problem_line, refreshed_value, state_name
from hefu.errors import CANNOT_TELL
from hefu.ui.language import say

if TYPE_CHECKING:
    from hefu.deposit.depositor import Deposited
    from hefu.deposit.refresh import Refreshed


def _declare_deposit(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="deposit.paths")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="deposit.out")
    parser.add_argument("--offline", action="store_true", help="deposit.offline")
    parser.add_argument("--wait", action="store_true", help="deposit.wait")
    parser.add_argument("--skip-unreadable", action="store_true", help="deposit.skip")
    parser.add_argument("--no-ignore", dest="ignore", action="store_false", help="deposit.no_ignore")


def _deposit(options: Namespace) -> Outcome:
    if options.offline:
        return _prepare(options)
    from hefu.client import Client
    from hefu.home.home import load

    with Client(options.home) as client:
        done = client.deposit(
            options.paths,
            out=options.out,
            wait=options.wait,
            skip_unreadable=options.skip_unreadable,
            ignore=options.ignore,
        )
    lines = [_line("deposit.done", item) for item in done]
    if any(item.state == "accepted" for item in done):
        lines.append(say("deposit.to_come"))
    said = {item.statement for item in done if item.unsent}
    owed = [name for name in load(options.home).owed() if name.partition(".")[0] not in said]
    return _deposited(done, lines, owed)


def _prepare(options: Namespace) -> Outcome:
    from hefu.deposit.offline import prepare
    from hefu.deposit.plan import expected
    from hefu.home.home import load

    home = load(options.home)
    with expected(home, options.paths, options.out):
        done = prepare(
            home, options.paths, out=options.out, skip_unreadable=options.skip_unreadable, ignore=options.ignore
        )
    lines = [_line("deposit.prepared", item) for item in done]
    lines.append(say("deposit.to_submit"))
    return _deposited(done, lines)


def _line(key: str, item: Deposited) -> str:
    values = item._asdict() | {"state": say(f"state.{item.state}")}
    return say("deposit.unapproved", **values) if item.state == "unapproved" else say(key, **values)


def _deposited(done: Sequence[Deposited], lines: list[str], owed: Sequence[str] | None = None) -> Outcome:
    values = [item._asdict() | {"left_out": [problem._asdict() for problem in item.left_out]} for item in done]
    lines += counted("deposit.left_out", (problem_line(problem) for item in done for problem in item.left_out))
    lines += [say("deposit.unsent", reason=item.unsent) for item in done if item.unsent]
    if owed:
        lines += [say("deposit.owed", count=len(owed)), *(f"  {name}" for name in owed[:SHOWN])]
        lines += [f"  … +{len(owed) - SHOWN}"] if len(owed) > SHOWN else []
    value = {"deposits": values} | ({} if owed is None else {"owed": owed})
    return Outcome(0, value, "\n".join(lines))


def _declare_submit(parser: ArgumentParser) -> None:
    parser.add_argument("statements", nargs="+", metavar="FILE", help="submit.statements")
    option(parser, "server", "init.server")


def _submit(options: Namespace) -> Outcome:
    from hefu.deposit.offline import submit
    from hefu.service import Service

    with Service(options.server) as service:
        done = submit(service, options.statements)
    lines = [
        say("submit.done", state=state_name(item.state), path=item.path, answers=", ".join(item.answers))
        for item in done
    ]
    if any(item.state != "anchored" for item in done):
        lines.append(say("submit.to_come"))
    return Outcome(0, {"submitted": [item._asdict() for item in done]}, "\n".join(lines))


def _declare_refresh(parser: ArgumentParser) -> None:
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", action="append", metavar="DIR", help="refresh.out")
    parser.add_argument("--from", dest="carried", metavar="DIR", help="refresh.from")
    parser.add_argument("--wait", action="store_true", help="refresh.wait")


def _refresh(options: Namespace) -> Outcome:
    from hefu.deposit.refresh import refresh_all
    from hefu.home.home import load
    from hefu.home.index import Index

    home = load(options.home)
    with Index(options.home) as index:
        done = refresh_all(home, index, options.out, carried=options.carried, wait=options.wait)
    return Outcome(CANNOT_TELL if done.stuck else 0, refreshed_value(done), _refreshed_text(done))


def _refreshed_text(done: Refreshed) -> str:
    waiting = sum(item.state != "anchored" for item in done.done)
    lines = done_lines(done) or [say("refresh.nothing")]
    return "\n".join([*lines, *([say("refresh.waiting", count=waiting)] if waiting else [])])


COMMANDS = {
    "deposit": Command("deposit.summary", _declare_deposit, _deposit),
    "submit": Command("submit.summary", _declare_submit, _submit),
    "refresh": Command("refresh.summary", _declare_refresh, _refresh),
}
