"""The commands about people: key request, key add, key list, key retire, key lost, approve."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hefu.cli.command import Command, Outcome, need, option
from hefu.errors import ClientError
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu_ledger.errors import MalformedError

if TYPE_CHECKING:
    from hefu.deposit.approve import Shown
    from hefu.keys.join import Asked
    from hefu.keys.members import Person, Request

ROLES = ("prepare", "approve")
_SHOWN = 20  # names; --json has all


def _role(parser: ArgumentParser) -> None:
    parser.add_argument("--role", choices=ROLES, default="prepare", help="key.role")


def _declare_request(parser: ArgumentParser) -> None:
    option(parser, "home", "key.request_home")
    option(parser, "server", "init.server", needed=False)
    parser.add_argument("--words", metavar="FILE", help="key.words")
    _role(parser)


def _request(options: Namespace) -> Outcome:
    from hefu.cli.commands.vault import read_recovery
    from hefu.client import request_key

    recovery, sheet = read_recovery(options.words) if options.words else (None, None)
    server = options.server or (sheet.server if sheet else None)
    done = request_key(
        options.home,
        server=server,
        recovery=recovery,
        role=options.role,
        fingerprint=sheet.fingerprint if sheet else "",
        insecure_http=options.insecure_http,
    )
    return _asked(options.home, done)


def _asked(path: str, done: Asked) -> Outcome:
    from hefu.cli.commands.vault import join_lines

    role = say(f"role.{done.role}")
    lines = [say("key.mine", key=done.key, role=role), say("key.fingerprint", fingerprint=done.fingerprint)]
    if done.file:
        return Outcome(0, done._asdict(), "\n".join([*lines, say("key.carry", file=done.file)]))
    joined, synced = join_lines(path)
    return Outcome(0, done._asdict() | {"synced": synced}, "\n".join([*lines, say("key.ready"), *joined]))


def _declare_add(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="key.file")
    option(parser, "home", "deposit.home")
    parser.add_argument("--label", default="", metavar="TEXT", help="key.label")
    parser.add_argument("--fingerprint", metavar="HEX", help="key.fingerprint_given")
    parser.add_argument("--yes", action="store_true", help="key.yes")


def _add(options: Namespace) -> Outcome:
    from hefu.cli.confirm import confirm
    from hefu.client import Client

    with Client(options.home) as client:
        request = client.read_key_request(options.file)
        shown = [*_request_lines(request), say("key.ask_compare")]
        confirm(shown, decided=bool(options.fingerprint or options.yes), option="--fingerprint HEX / --yes")
        fingerprint = options.fingerprint or request.fingerprint
        done = client.vouch(options.file, fingerprint=fingerprint, label=options.label)
    value = done.request._asdict() | {"added": done.added, "file": done.file, "label": options.label}
    if done.added:
        last = say("key.added", key=request.key, role=say(f"role.{request.role}"), label=options.label)
    else:
        last = say("key.vouched", signed=len(done.request.signed_by), needed=request.needed, file=done.file)
    return Outcome(0, value, "\n".join([*_request_lines(request), last]))


def _request_lines(request: Request) -> list[str]:
    about = request._asdict() | {"role": say(f"role.{request.role}"), "name": plain(request.name)}
    return [
        say("key.asked", **{name: about[name] for name in ("key", "role", "name", "signatures", "requested_at")}),
        say("key.fingerprint", fingerprint=request.fingerprint),
    ]


def _declare_list(parser: ArgumentParser) -> None:
    option(parser, "home", "deposit.home")


def _list(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        found, signatures = client.keys(), client.signatures
    value = {"keys": [person._asdict() for person in found], "signatures": signatures}
    rule = say("key.rule", count=signatures)
    return Outcome(0, value, "\n".join([*map(_person_line, found), rule]))


def _person_line(person: Person) -> str:
    word = say("key.word", event=person.word) if person.word else ""
    notes = [person.label, say("key.this") if person.this else "", word]
    if person.compromised_since:
        notes.append(say("key.since", time=person.compromised_since))
    state, role = say(f"keystate.{person.state}"), say(f"role.{person.role}")
    return plain("  ".join([person.key, role, state, *(note for note in notes if note)]))


def _declare_end(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEYID", help="key.id")
    option(parser, "home", "deposit.home")
    parser.add_argument("--reason", default="", metavar="TEXT", help="key.why")


def _retire(options: Namespace) -> Outcome:
    return _end(options, None)


def _declare_lost(parser: ArgumentParser) -> None:
    _declare_end(parser)
    parser.add_argument("--since", metavar="TIME", help="key.lost_since")
    need(parser, "since")


def _lost(options: Namespace) -> Outcome:
    from hefu_ledger.encoding import parse_time

    try:
        since = parse_time(options.since)
    except MalformedError:
        raise ClientError(say("key.time", text=options.since)) from None
    return _end(options, since)


def _end(options: Namespace, since: int | None) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        key = client.end_key(options.key, reason=options.reason, since=since)
    value = {"key": key.key_id.hex(), "state": "retired" if since is None else "compromised"}
    lines = [say("key.ended", key=value["key"], state=say(f"keystate.{value['state']}")), say("key.words_known")]
    return Outcome(0, value, "\n".join(lines))


def _declare_approve(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="approve.file")
    parser.add_argument("documents", nargs="?", metavar="DOCUMENTS", help="approve.documents")
    option(parser, "home", "deposit.home")
    parser.add_argument("--show", action="store_true", help="approve.show")
    parser.add_argument("--root", metavar="HEX", help="approve.root")
    parser.add_argument("--yes", action="store_true", help="approve.yes")


def _approve(options: Namespace) -> Outcome:
    from hefu.cli.confirm import confirm
    from hefu.client import Client

    with Client(options.home) as client:
        shown = client.look(options.file, options.documents)
        lines = _shown_lines(shown)
        if options.show:
            return Outcome(0, shown._asdict(), "\n".join([*lines, say("approve.only_shown")]))
        if shown.differs:
            raise ClientError("\n".join([*lines, say("approve.refused")]))
        if shown.mine:
            raise ClientError(say("approve.mine", path=plain(options.file)))
        confirm(lines, decided=bool(options.root or options.yes), option="--root HEX / --yes")
        done = client.approve(options.file, root=options.root or shown.root)
    value = done._asdict() | {"compared": shown.compared}
    return Outcome(0, value, "\n".join([*lines, say("approve.done", file=plain(done.file))]))


def _shown_lines(shown: Shown) -> list[str]:
    lines = [
        say("approve.about", kind=shown.kind, count=shown.count, root=shown.root),
        say("approve.signed", keys=", ".join(shown.signed_by)),
    ]
    if shown.names is None:
        lines.append(say("approve.nameless"))
    else:
        lines += [f"  {plain(name)}" for name in shown.names[:_SHOWN]]
        lines += [say("approve.more", count=len(shown.names) - _SHOWN)] if len(shown.names) > _SHOWN else []
    if shown.differs:
        lines += [say("approve.differs", count=len(shown.differs)), *(f"  {plain(each)}" for each in shown.differs)]
    elif shown.compared:
        lines.append(say("approve.compared", count=shown.count))
    else:
        lines.append(say("approve.unproven"))
    return lines


COMMANDS = {
    "key request": Command("key request.summary", _declare_request, _request),
    "key add": Command("key add.summary", _declare_add, _add),
    "key list": Command("key list.summary", _declare_list, _list),
    "key retire": Command("key retire.summary", _declare_end, _retire),
    "key lost": Command("key lost.summary", _declare_lost, _lost),
    "approve": Command("approve.summary", _declare_approve, _approve),
}
