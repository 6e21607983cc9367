"""The commands that enrol and deposit: init, deposit."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.command import Command, Outcome, need, option
from hefu.errors import ClientError
from hefu.language import say
from hefu_ledger.encoding import format_time

if TYPE_CHECKING:
    from hefu.deposit import Deposited

_SHOWN = 20  # names of what is owed; --json names all


def _declare_init(parser: ArgumentParser) -> None:
    option(parser, "home", "init.home")
    option(parser, "server", "init.server")
    parser.add_argument("--code", help="init.code")
    need(parser, "code")
    parser.add_argument("--vault", metavar="DIR", help="init.vault")
    parser.add_argument("--no-vault", action="store_true", help="init.no_vault")
    parser.add_argument("--recovery", metavar="FILE", help="init.recovery")
    parser.add_argument("--role", choices=("prepare", "approve"), default="prepare", help="key.role")


def _ask(options: Namespace, missing: Sequence[str]) -> None:
    from hefu.asking import ask_init

    ask_init(options, missing)


def _init(options: Namespace) -> Outcome:
    from hefu.commands_vault import join_lines, read_recovery, sheet_lines
    from hefu.safekeeping import Keeping
    from hefu.sdk import enrol_home

    if options.code == options.recovery == "-":
        raise ClientError(say("init.one_input"))
    code = sys.stdin.readline() if options.code == "-" else options.code
    recovery = read_recovery(options.recovery)[0] if options.recovery else None
    folder = os.path.abspath(options.vault) if options.vault else None
    keeping = Keeping(folder, not options.no_vault, recovery)
    done = enrol_home(options.home, server=options.server, code=code, keeping=keeping, role=options.role)
    identity = done.identity._asdict() | {"verified_at": format_time(done.identity.verified_at)}
    text = [
        say("init.enrolled", name=done.identity.name, uscc=done.identity.uscc),
        say("init.depositor", depositor=done.depositor, origin=done.origin),
        say("init.found", size=done.checkpoint_size),
        say("init.fingerprints"),
        *(f"  sha256 {fingerprint}" for fingerprint in done.fingerprints),
        *([] if done.approver else [say("init.no_approver")]),
        *(sheet_lines(done.words, done.sheet) if done.words else []),
        *([say("init.unsent", reason=done.unsent)] if done.unsent else []),
    ]
    joined, synced = join_lines(options.home) if recovery else ([], None)
    value = done._asdict() | {"identity": identity, "synced": synced}
    return Outcome(0, value, "\n".join([*text, *joined]))


def _declare_deposit(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="deposit.paths")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="deposit.out")
    parser.add_argument("--offline", action="store_true", help="deposit.offline")
    parser.add_argument("--wait", action="store_true", help="deposit.wait")
    parser.add_argument("--skip-unreadable", action="store_true", help="deposit.skip")


def _deposit(options: Namespace) -> Outcome:
    if options.offline:
        return _prepare(options)
    from hefu.home import load
    from hefu.sdk import Client

    with Client(options.home) as client:
        done = client.deposit(
            options.paths, out=options.out, wait=options.wait, skip_unreadable=options.skip_unreadable
        )
    lines = [_line("deposit.done", item) for item in done]
    if any(item.state == "accepted" for item in done):
        lines.append(say("deposit.to_come"))
    said = {item.statement for item in done if item.unsent}
    owed = [name for name in load(options.home).owed() if name.partition(".")[0] not in said]
    return _deposited(done, lines, owed)


def _prepare(options: Namespace) -> Outcome:
    from hefu.home import load
    from hefu.index import expected
    from hefu.offline import prepare

    home = load(options.home)
    with expected(home, options.paths, options.out):
        done = prepare(home, options.paths, out=options.out, skip_unreadable=options.skip_unreadable)
    lines = [_line("deposit.prepared", item) for item in done]
    lines.append(say("deposit.to_submit"))
    return _deposited(done, lines)


def _line(key: str, item: Deposited) -> str:
    values = item._asdict() | {"state": say(f"state.{item.state}")}
    return say("deposit.unapproved", **values) if item.state == "unapproved" else say(key, **values)


def _deposited(done: Sequence[Deposited], lines: list[str], owed: Sequence[str] | None = None) -> Outcome:
    values = [item._asdict() | {"left_out": [problem._asdict() for problem in item.left_out]} for item in done]
    lines += [say("deposit.left_out", **problem._asdict()) for item in done for problem in item.left_out]
    lines += [say("deposit.unsent", reason=item.unsent) for item in done if item.unsent]
    if owed:
        lines += [say("deposit.owed", count=len(owed)), *(f"  {name}" for name in owed[:_SHOWN])]
        lines += [f"  … +{len(owed) - _SHOWN}"] if len(owed) > _SHOWN else []
    value = {"deposits": values} | ({} if owed is None else {"owed": owed})
    return Outcome(0, value, "\n".join(lines))


COMMANDS = {
    "init": Command("init.summary", _declare_init, _init, ask=_ask),
    "deposit": Command("deposit.summary", _declare_deposit, _deposit),
}
