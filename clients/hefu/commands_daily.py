"""The commands of every day: list, search, label, check, watch, submit, refresh."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hefu.command import Command, Outcome, option
from hefu.errors import CANNOT_TELL, NOT_PROVEN

if TYPE_CHECKING:
    from hefu.entries import Document, Entry
    from hefu.errors import Problem, UnreachableError
    from hefu.refresh import Refreshed
    from hefu.survey import Survey
    from hefu.watching import Round

_SHOWN = 20  # names of each kind; --json names all


def _declare_list(parser: ArgumentParser) -> None:
    parser.add_argument("deposit", nargs="?", metavar="DEPOSIT", help="a deposit's number or statement: its documents")
    option(parser, "home", "the folder that hefu init made")


def _list(options: Namespace) -> Outcome:
    from hefu.index import Index  # noqa: PLC0415

    with Index(options.home) as index:
        index.catch_up()
        entries = index.deposits()
        if options.deposit is None:
            text = "\n".join(map(_entry_line, entries)) or "nothing deposited yet 尚无存证"
            return Outcome(0, {"deposits": [entry._asdict() for entry in entries]}, text)
        statement = index.find(options.deposit).partition("/")[0]
        return _documents(index.documents(next(entry.id for entry in entries if entry.statement == statement)))


def _declare_search(parser: ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="part of a name or a label, or a deposit's number")
    option(parser, "home", "the folder that hefu init made")


def _search(options: Namespace) -> Outcome:
    from hefu.index import Index  # noqa: PLC0415

    with Index(options.home) as index:
        index.catch_up()
        return _documents(index.search(options.text))


def _declare_label(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", help="a deposit's number, statement or evidence, or a document's path"
    )
    parser.add_argument("text", metavar="TEXT", help="the label; an empty one takes it away")
    option(parser, "home", "the folder that hefu init made")


def _label(options: Namespace) -> Outcome:
    from hefu.index import Index  # noqa: PLC0415
    from hefu.labels import Label  # noqa: PLC0415
    from hefu.safekeeping import keep_label  # noqa: PLC0415

    with Index(options.home) as index:
        index.catch_up()
        label = Label(time.time_ns() // 1_000_000, index.find(options.target), options.text)
        index.label(label)
    keep_label(options.home, label)
    return Outcome(0, label._asdict(), f"labelled 已标注: {label.target}: {label.text}")


def _declare_check(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder of originals")
    option(parser, "home", "the folder that hefu init made")
    parser.add_argument("--content", action="store_true", help="read every file again, even if it looks untouched")
    parser.add_argument("--keep", metavar="DIR", help="store a read-only copy of what is deposited there")


def _check(options: Namespace) -> Outcome:
    from hefu.index import Index  # noqa: PLC0415
    from hefu.keeping import keep  # noqa: PLC0415
    from hefu.survey import survey  # noqa: PLC0415

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
    parser.add_argument("folder", metavar="DIR", help="a folder whose new and changed documents are deposited")
    option(parser, "home", "the folder that hefu init made")
    parser.add_argument("--out", required=True, help="where evidence is written; outside DIR")
    parser.add_argument("--once", action="store_true", help="deposit what is new or changed now, and end")
    parser.add_argument("--wait", action="store_true", help="with --once: wait until the evidence is complete")
    parser.add_argument("--content", action="store_true", help="with --once: read every file again")
    parser.add_argument("--quiet", type=float, default=30.0, metavar="SECONDS", help="how long a file must rest (30)")


def _watch(options: Namespace) -> Outcome:
    from hefu.home import load  # noqa: PLC0415
    from hefu.http import Service  # noqa: PLC0415
    from hefu.index import Index  # noqa: PLC0415
    from hefu.watching import Watch, watch  # noqa: PLC0415

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
    parser.add_argument("statements", nargs="+", metavar="FILE", help="NAME.statement that deposit --offline wrote")
    option(parser, "server", "the service's address")


def _submit(options: Namespace) -> Outcome:
    from hefu.http import Service  # noqa: PLC0415
    from hefu.offline import submit  # noqa: PLC0415

    with Service(options.server) as service:
        done = submit(service, options.statements)
    lines = [f"{item.state}: {item.path}, carry back 请带回 {', '.join(item.answers)}" for item in done]
    if any(item.state != "anchored" for item in done):
        lines.append("not on the ledger yet 尚未入账: run the same command again before carrying the answers back")
    return Outcome(0, {"submitted": [item._asdict() for item in done]}, "\n".join(lines))


def _declare_refresh(parser: ArgumentParser) -> None:
    option(parser, "home", "the folder that hefu init made")
    parser.add_argument("--out", action="append", metavar="DIR", help="an evidence folder; none for all that are known")
    parser.add_argument("--from", dest="carried", metavar="DIR", help="answers that hefu submit wrote; no network")
    parser.add_argument("--wait", action="store_true", help="wait until the evidence is complete")


def _refresh(options: Namespace) -> Outcome:
    from hefu.home import load  # noqa: PLC0415
    from hefu.index import Index  # noqa: PLC0415
    from hefu.refresh import refresh_all  # noqa: PLC0415

    home = load(options.home)
    with Index(options.home) as index:
        done = refresh_all(home, index, options.out, carried=options.carried, wait=options.wait)
    return Outcome(CANNOT_TELL if done.stuck else 0, _refreshed_value(done), _refreshed_text(done))


def _documents(found: Sequence[Document]) -> Outcome:
    lines = [_document_line(item) for item in found[: 10 * _SHOWN]]
    lines += [f"… +{len(found) - len(lines)}"] if len(found) > len(lines) else []
    text = "\n".join(lines) or "nothing found 未找到"
    return Outcome(0, {"documents": [item._asdict() for item in found]}, text)


def _entry_line(entry: Entry) -> str:
    label = f"  [{entry.label}]" if entry.label else ""
    what = f"{entry.number or entry.statement[:16]}  {entry.received_at or 'not received yet 尚未接收'}"
    return f"{what}  {entry.state}  ({entry.documents})  {entry.evidence}{label}"


def _document_line(item: Document) -> str:
    label = f"  [{item.label}]" if item.label else ""
    return f"{item.number or item.statement[:16]}  {item.received_at}  {item.path or item.name}  {item.evidence}{label}"


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
    lines = [f"intact 完好: {len(found.intact)}"]
    lines += _kind(
        "changed since it was deposited 存证后已改动",
        found.changed,
        "hefu watch --once deposits it anew; the old evidence stays true",
    )
    lines += _kind("missing 原件缺失", found.missing, "bring the original back from a copy: evidence needs it")
    lines += _kind("not deposited 未存证", found.new, "hefu watch --once, or hefu deposit")
    lines += _kind("moved or renamed 已移动", [f"{item.was} -> {item.name}" for item in found.moved], "nothing to do")
    lines += _kind(
        "not readable 无法读取", map(_problem, found.unreadable), "close the program that holds it, or ask for access"
    )
    looked = f"read 已读 {found.read}, not read again since size and time are the same 未重读 {found.skipped}"
    lines.append(f"{looked}, ignored by rule 按规则忽略 {found.ignored}")
    lines += [f"copied 新存副本: {copied}"] if copied else []
    lines += [f"{waiting} deposits are on their way 在途: hefu refresh"] if waiting else []
    return "\n".join(lines)


def _kind(title: str, names: Iterable[str], advice: str) -> list[str]:
    found = list(names)
    if not found:
        return []
    more = [f"  … +{len(found) - _SHOWN}"] if len(found) > _SHOWN else []
    return [f"{title}: {len(found)} ({advice})", *(f"  {name}" for name in found[:_SHOWN]), *more]


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
        "left_out": [problem._asdict() for problem in done.left_out],
        "refreshed": _refreshed_value(done.refreshed),
    }


def _round_text(done: Round) -> str:
    lines = [*_done_lines(done.refreshed)]
    if done.deposited is None:
        lines.append(f"nothing to deposit 无须存证: {done.intact} as deposited")
    else:
        item = done.deposited
        lines.append(f"{item.state}: {done.new} new 新增, {done.changed} changed 改动, {item.evidence} {item.number}")
    lines.append(f"read 已读 {done.read}, not read again 未重读 {done.skipped}")
    return "\n".join([*lines, *_kind("left out 未存证", map(_problem, done.left_out), "the next round looks again")])


def _refreshed_value(done: Refreshed) -> dict[str, Any]:
    return {
        "done": [item._asdict() | {"left_out": []} for item in done.done],
        "stuck": [problem._asdict() for problem in done.stuck],
        "renewed": done.renewed,
    }


def _done_lines(done: Refreshed) -> list[str]:
    lines = [f"{item.state}: {item.evidence}, no. 存证编号 {item.number or '-'}" for item in done.done]
    lines += [f"timestamped 已补时间戳: {path}" for path in done.renewed]
    return lines + _kind("cannot go on 无法继续", map(_problem, done.stuck), "see the reason given")


def _refreshed_text(done: Refreshed) -> str:
    waiting = sum(item.state != "anchored" for item in done.done)
    lines = _done_lines(done) or ["nothing was missing 无缺失"]
    return "\n".join(
        [*lines, *([f"{waiting} still on their way 仍在途: run hefu refresh again later"] if waiting else [])]
    )


COMMANDS = {
    "list": Command("list deposits, or one's documents 清单", _declare_list, _list),
    "search": Command("search names, labels, numbers 查找", _declare_search, _search),
    "label": Command("give a private label 标注", _declare_label, _label),
    "check": Command("hold a folder against what was deposited 对照", _declare_check, _check),
    "watch": Command("deposit what is new or changed in a folder 守望", _declare_watch, _watch),
    "submit": Command("send statements signed without a network 代为提交", _declare_submit, _submit),
    "refresh": Command("fetch what is missing of the evidence 补全", _declare_refresh, _refresh),
}
