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
    from hefu.keys.members import Person

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
        return Outcome(0, done._asdict(), "\n".join([*lines, say("key.carry", file=done.file, role=done.role)]))
    joined, synced = join_lines(path)
    return Outcome(0, done._asdict() | {"synced": synced}, "\n".join([*lines, say("key.ready"), *joined]))


def _declare_add(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="key.file")
    option(parser, "home", "deposit.home")
    _role(parser)
    parser.add_argument("--label", default="", metavar="TEXT", help="key.label")


def _add(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        key = client.add_key(options.file, role=options.role, label=options.label)
    value = {"key": key.key_id.hex(), "fingerprint": key.fingerprint, "role": options.role, "label": options.label}
    lines = [say("key.added", key=value["key"], role=say(f"role.{options.role}"), label=options.label)]
    return Outcome(
        0, value, "\n".join([*lines, say("key.fingerprint", fingerprint=key.fingerprint), say("key.compare")])
    )


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
    notes = [person.label, say("key.this") if person.this else "", "" if person.vouched else say("key.word")]
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
    parser.add_argument("files", nargs="+", metavar="FILE", help="approve.files")
    option(parser, "home", "deposit.home")
    parser.add_argument("--show", action="store_true", help="approve.show")


def _approve(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        done = client.approve(options.files, look=options.show)
    lines = [line for each in done for line in _shown_lines(each)]
    return Outcome(0, {"statements": [each._asdict() for each in done]}, "\n".join(lines))


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
    return [*lines, say("approve.done", file=shown.file) if shown.approved else say("approve.only_shown")]


COMMANDS = {
    "key request": Command("key request.summary", _declare_request, _request),
    "key add": Command("key add.summary", _declare_add, _add),
    "key list": Command("key list.summary", _declare_list, _list),
    "key retire": Command("key retire.summary", _declare_end, _retire),
    "key lost": Command("key lost.summary", _declare_lost, _lost),
    "approve": Command("approve.summary", _declare_approve, _approve),
}
