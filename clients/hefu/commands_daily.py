"""The commands of every day: list, search, label, check, watch, submit, refresh."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hefu.command import Command, Outcome, option
from hefu.errors import CANNOT_TELL, NOT_PROVEN
from hefu.language import say
from hefu.plain import plain

if TYPE_CHECKING:
    from hefu.entries import Document, Entry
    from hefu.errors import Problem, UnreachableError
    from hefu.refresh import Refreshed
    from hefu.survey import Survey
    from hefu.watching import Round

_SHOWN = 20  # names of each kind; --json names all


def _declare_list(parser: ArgumentParser) -> None:
    parser.add_argument("deposit", nargs="?", metavar="DEPOSIT", help="list.deposit")
    option(parser, "home", "deposit.home")


def _list(options: Namespace) -> Outcome:
    from hefu.index import Index

    with Index(options.home) as index:
        index.catch_up()
        entries = index.deposits()
        if options.deposit is None:
            text = "\n".join(map(_entry_line, entries)) or say("list.none")
            return Outcome(0, {"deposits": [entry._asdict() for entry in entries]}, text)
        statement = index.find(options.deposit).partition("/")[0]
        return _documents(index.documents(next(entry.id for entry in entries if entry.statement == statement)))


def _declare_search(parser: ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="search.text")
    option(parser, "home", "deposit.home")


def _search(options: Namespace) -> Outcome:
    from hefu.index import Index

    with Index(options.home) as index:
        index.catch_up()
        return _documents(index.search(options.text))


def _declare_label(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="label.target")
    parser.add_argument("text", metavar="TEXT", help="label.text")
    option(parser, "home", "deposit.home")


def _label(options: Namespace) -> Outcome:
    from hefu.index import Index
    from hefu.labels import Label
    from hefu.safekeeping import keep_label

    with Index(options.home) as index:
        index.catch_up()
        label = Label(time.time_ns() // 1_000_000, index.find(options.target), options.text)
        index.label(label)
    keep_label(options.home, label)
    return Outcome(0, label._asdict(), say("label.done", target=label.target, text=label.text))


def _declare_check(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="check.folder")
    option(parser, "home", "deposit.home")
    parser.add_argument("--content", action="store_true", help="check.content")
    parser.add_argument("--keep", metavar="DIR", help="check.keep")


def _check(options: Namespace) -> Outcome:
    from hefu.index import Index
    from hefu.keeping import keep
    from hefu.plan import check_outside
    from hefu.survey import survey

    if options.keep:
        check_outside(options.folder, "--keep", options.keep)
    with Index(options.home) as index:
        index.catch_up()
        found = survey(index, options.folder, content=options.content)
        waiting = sum(entry.state != "anchored" for entry in index.deposits())
        digests = {name: found.digests[name] for name in found.intact} if options.keep else {}
        copied, problems = keep(index, options.folder, digests, options.keep)
    found = found._replace(unreadable=[*found.unreadable, *problems])
    whole = not (found.changed or found.new or found.missing or found.unreadable)
    value = _survey_value(found) | {"copied": copied, "on_their_way": waiting}
    return Outcome(0 if whole else NOT_PROVEN, value, _survey_text(found, copied=copied, waiting=waiting))


def _declare_watch(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="watch.folder")
    option(parser, "home", "deposit.home")
    parser.add_argument("--out", required=True, help="watch.out")
    parser.add_argument("--once", action="store_true", help="watch.once")
    parser.add_argument("--wait", action="store_true", help="watch.wait")
    parser.add_argument("--content", action="store_true", help="watch.content")
    parser.add_argument("--quiet", type=float, default=30.0, metavar="SECONDS", help="watch.quiet")


def _watch(options: Namespace) -> Outcome:
    from hefu.home import load
    from hefu.http import Service
    from hefu.index import Index
    from hefu.watching import Watch, watch

    home = load(options.home)
    with Service(home.config.server) as service, Index(options.home) as index:
        watched = Watch(home, service, index, options.folder, options.out)
        if options.once:
            done = watched.once(content=options.content, wait=options.wait)
            code = CANNOT_TELL if done.refreshed.stuck else NOT_PROVEN if done.left_out else 0
            return Outcome(code, _round_value(done), _round_text(done))
        watch(watched, quiet_s=options.quiet, tell=_Teller())
    raise AssertionError("watching ends by an error or a signal alone")


class _Teller:
    """Writes a line for what happened, and nothing while nothing does."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, event: Round | UnreachableError) -> None:
        text = str(event) if isinstance(event, Exception) else _round_text(event)
        if text != self._last:
            sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
            sys.stdout.flush()
        self._last = text


def _declare_submit(parser: ArgumentParser) -> None:
    parser.add_argument("statements", nargs="+", metavar="FILE", help="submit.statements")
    option(parser, "server", "init.server")


def _submit(options: Namespace) -> Outcome:
    from hefu.http import Service
    from hefu.offline import submit

    with Service(options.server) as service:
        done = submit(service, options.statements)
    lines = [
        say("submit.done", state=_state(item.state), path=item.path, answers=", ".join(item.answers)) for item in done
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
    from hefu.home import load
    from hefu.index import Index
    from hefu.refresh import refresh_all

    home = load(options.home)
    with Index(options.home) as index:
        done = refresh_all(home, index, options.out, carried=options.carried, wait=options.wait)
    return Outcome(CANNOT_TELL if done.stuck else 0, _refreshed_value(done), _refreshed_text(done))


def _documents(found: Sequence[Document]) -> Outcome:
    lines = [_document_line(item) for item in found[: 10 * _SHOWN]]
    lines += [f"… +{len(found) - len(lines)}"] if len(found) > len(lines) else []
    text = "\n".join(lines) or say("search.none")
    return Outcome(0, {"documents": [item._asdict() for item in found]}, text)


def _entry_line(entry: Entry) -> str:
    label = f"  [{entry.label}]" if entry.label else ""
    return say(
        "list.line",
        number=entry.number or entry.statement[:16],
        received_at=entry.received_at or say("list.not_received"),
        state=_state(entry.state),
        documents=entry.documents,
        evidence=entry.evidence or say("list.in_vault"),
        label=label,
    )


def _state(name: str) -> str:
    return say(f"state.{name}")


def _document_line(item: Document) -> str:
    label = f"  [{item.label}]" if item.label else ""
    what = f"{item.path or item.name}  {item.evidence or say('list.in_vault')}{label}"
    return plain(f"{item.number or item.statement[:16]}  {item.received_at}  {what}")


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
    lines += _kind("check.changed", found.changed)
    lines += _kind("check.missing", found.missing)
    lines += _kind("check.new", found.new)
    lines += _kind("check.moved", [f"{item.was} -> {item.name}" for item in found.moved])
    lines += _kind("check.unreadable", map(_problem, found.unreadable))
    lines.append(say("check.looked", read=found.read, skipped=found.skipped, ignored=found.ignored))
    lines += [say("check.copied", count=copied)] if copied else []
    lines += [say("check.waiting", count=waiting)] if waiting else []
    return "\n".join(lines)


def _kind(key: str, names: Iterable[str]) -> list[str]:
    found = list(names)
    if not found:
        return []
    more = [f"  … +{len(found) - _SHOWN}"] if len(found) > _SHOWN else []
    return [say(key, count=len(found)), *(f"  {plain(name)}" for name in found[:_SHOWN]), *more]


def _problem(problem: Problem) -> str:
    return f"{problem.path}: {problem.cause}"


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
        "refreshed": _refreshed_value(done.refreshed),
    }


def _round_text(done: Round) -> str:
    lines = [*_done_lines(done.refreshed)]
    if done.deposited is None:
        lines.append(say("watch.nothing", intact=done.intact))
    else:
        item = done.deposited
        counts = {"new": done.new, "changed": done.changed}
        where = {"evidence": item.evidence, "number": item.number}
        lines.append(say("watch.done", state=_state(item.state), **counts, **where))
    lines.append(say("watch.looked", read=done.read, skipped=done.skipped))
    lines += _kind("watch.odd", map(_problem, done.odd))
    return "\n".join([*lines, *_kind("watch.left_out", map(_problem, done.left_out))])


def _refreshed_value(done: Refreshed) -> dict[str, Any]:
    return {
        "done": [item._asdict() | {"left_out": []} for item in done.done],
        "stuck": [problem._asdict() for problem in done.stuck],
        "renewed": done.renewed,
    }


def _done_lines(done: Refreshed) -> list[str]:
    lines = [
        say("refresh.done", state=_state(item.state), evidence=item.evidence, number=item.number or "-")
        for item in done.done
    ]
    lines += [say("refresh.renewed", path=path) for path in done.renewed]
    return lines + _kind("refresh.stuck", map(_problem, done.stuck))


def _refreshed_text(done: Refreshed) -> str:
    waiting = sum(item.state != "anchored" for item in done.done)
    lines = _done_lines(done) or [say("refresh.nothing")]
    return "\n".join([*lines, *([say("refresh.waiting", count=waiting)] if waiting else [])])


COMMANDS = {
    "list": Command("list.summary", _declare_list, _list),
    "search": Command("search.summary", _declare_search, _search),
    "label": Command("label.summary", _declare_label, _label),
    "check": Command("check.summary", _declare_check, _check),
    "watch": Command("watch.summary", _declare_watch, _watch),
    "submit": Command("submit.summary", _declare_submit, _submit),
    "refresh": Command("refresh.summary", _declare_refresh, _refresh),
}
