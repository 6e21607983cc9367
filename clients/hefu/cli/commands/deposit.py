"""The commands that deposit: deposit, submit, refresh."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.cli.command import Command, Outcome, option
from hefu.cli.output import SHOWN, clock_lines, counted, done_lines, refreshed_value, state_name
from hefu.errors import CANNOT_TELL
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED, KNOWN, PREPARED, UNAPPROVED

if TYPE_CHECKING:
    from hefu.client import Client, SomeFailedError
    from hefu.deposit.depositor import Deposited
    from hefu.deposit.refresh import Refreshed

_LINES = {PREPARED: "deposit.prepared", UNAPPROVED: "deposit.unapproved"}  # of deposits not sent


def _declare_deposit(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="deposit.paths")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="deposit.out")
    parser.add_argument("--offline", action="store_true", help="deposit.offline")
    parser.add_argument("--wait", action="store_true", help="deposit.wait")
    parser.add_argument("--skip-unreadable", action="store_true", help="deposit.skip")
    parser.add_argument("--again", action="store_true", help="deposit.again")
    parser.add_argument("--no-ignore", dest="ignore", action="store_false", help="deposit.no_ignore")


def _deposit(options: Namespace) -> Outcome:
    from hefu.client import Client, SomeFailedError

    with Client(options.home) as client:
        places = {"out": options.out, "skip_unreadable": options.skip_unreadable, "ignore": options.ignore}
        places["again"] = options.again
        try:
            if options.offline:
                done = client.prepare(options.paths, **places)
                return _with_warnings(_deposited(done), client, done)
            done = client.deposit(options.paths, **places, wait=options.wait)
        except SomeFailedError as error:
            return _partly(error, client)
        said = {item.statement for item in done if item.unsent}
        owed = [name for name in client.owed() if name.partition(".")[0] not in said]
        return _with_warnings(_deposited(done, owed), client, done)


def _partly(error: SomeFailedError, client: Client) -> Outcome:
    """The deposits that went on, and then those that could not."""
    outcome = _with_warnings(_deposited(error.done, []), client, error.done)
    failed = [{"path": path, "cause": str(cause)} for path, cause in error.failed]
    return Outcome(2, outcome.value | {"failed": failed}, "\n".join([*filter(None, [outcome.text]), str(error)]))


def _with_warnings(outcome: Outcome, client: Client, done: Sequence[Deposited]) -> Outcome:
    """Add the names that a reader may take for others: they are in the evidence for good."""
    names = [name for item in done for name in client.odd_names(item.evidence)]
    lines = [outcome.text, *counted("deposit.odd_names", names)]
    return outcome._replace(value=outcome.value | {"odd_names": names}, text="\n".join(lines))


def _deposited(done: Sequence[Deposited], owed: Sequence[str] | None = None) -> Outcome:
    lines, states = list(map(_line, done)), {item.state for item in done}
    lines += [say("deposit.early")] if KNOWN in states else []
    lines += [say("deposit.to_come")] if ACCEPTED in states else []
    lines += [say("deposit.to_submit")] if owed is None and states & _LINES.keys() else []
    values = [item._asdict() | {"left_out": [problem._asdict() for problem in item.left_out]} for item in done]
    left_out = [say("deposit.left_out", **problem._asdict()) for item in done for problem in item.left_out]
    lines += [*left_out[:SHOWN], *([f"  … +{len(left_out) - SHOWN}"] if len(left_out) > SHOWN else [])]
    lines += clock_lines(done)
    lines += [say("deposit.unsent", reason=item.unsent) for item in done if item.unsent]
    if owed:
        lines += [say("deposit.owed", count=len(owed)), *(f"  {name}" for name in owed[:SHOWN])]
        lines += [f"  … +{len(owed) - SHOWN}"] if len(owed) > SHOWN else []
    value = {"deposits": values} | ({} if owed is None else {"owed": owed})
    return Outcome(0, value, "\n".join(lines))


def _line(item: Deposited) -> str:
    values = item._asdict() | {"state": state_name(item.state)}
    return say(_LINES.get(item.state, "deposit.done"), **values)


def _declare_submit(parser: ArgumentParser) -> None:
    parser.add_argument("statements", nargs="+", metavar="FILE", help="submit.statements")
    option(parser, "server", "init.server")


def _submit(options: Namespace) -> Outcome:
    from hefu.client import submit

    done = submit(options.statements, server=options.server, insecure_http=options.insecure_http)
    lines = [
        say("submit.done", state=state_name(item.state), path=item.path, answers=", ".join(item.answers))
        for item in done
    ]
    if any(item.state != ANCHORED for item in done):
        lines.append(say("submit.to_come"))
    return Outcome(0, {"submitted": [item._asdict() for item in done]}, "\n".join(lines))


def _declare_refresh(parser: ArgumentParser) -> None:
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", action="append", metavar="DIR", help="refresh.out")
    parser.add_argument("--from", dest="carried", metavar="DIR", help="refresh.from")
    parser.add_argument("--wait", action="store_true", help="refresh.wait")


def _refresh(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        done = client.refresh(options.out, carried=options.carried, wait=options.wait)
    return Outcome(CANNOT_TELL if done.stuck else 0, refreshed_value(done), _refreshed_text(done))


def _refreshed_text(done: Refreshed) -> str:
    waiting = sum(item.state != ANCHORED for item in done.done)
    lines = done_lines(done) or [say("refresh.nothing")]
    return "\n".join([*lines, *([say("refresh.waiting", count=waiting)] if waiting else [])])


def _declare_renew(parser: ArgumentParser) -> None:
    parser.add_argument("evidence", metavar="EVIDENCE", help="renew.evidence")
    parser.add_argument("document", metavar="DOCUMENT", help="renew.document")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="deposit.out")
    parser.add_argument("--wait", action="store_true", help="deposit.wait")


def _renew(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        done = client.renew(options.evidence, options.document, out=options.out, wait=options.wait)
    outcome = _deposited([done], [])
    return outcome._replace(text=f"{outcome.text}\n{say('renew.keep', evidence=plain(options.evidence))}")


def _declare_drop(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.part", help="drop.file")
    option(parser, "home", "deposit.home")
    parser.add_argument("--yes", action="store_true", help="drop.yes")


def _drop(options: Namespace) -> Outcome:
    from hefu.cli.confirm import confirm
    from hefu.client import Client

    confirm([say("drop.ask", path=plain(options.file))], decided=options.yes, option="--yes")
    with Client(options.home) as client:
        evidence = client.drop(options.file)
    return Outcome(0, {"dropped": options.file}, say("drop.done", evidence=plain(evidence)))


COMMANDS = {
    "deposit": Command("deposit.summary", _declare_deposit, _deposit),
    "submit": Command("submit.summary", _declare_submit, _submit),
    "renew": Command("renew.summary", _declare_renew, _renew),
    "drop": Command("drop.summary", _declare_drop, _drop),
    "refresh": Command("refresh.summary", _declare_refresh, _refresh),
}
