"""The commands of the vault: vault restore, vault verify, vault sync."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hefu.command import Command, Outcome, option
from hefu.errors import NOT_PROVEN, ClientError
from hefu.language import say
from hefu.plain import plain

if TYPE_CHECKING:
    from hefu.recovery import Recovery, Sheet

_LIMIT = 16_384


def read_recovery(path: str) -> tuple[Recovery, Sheet | None]:
    """Read a recovery sheet's words, or what its QR code says, from a file, or from standard input for ``-``."""
    from hefu.recovery import parse_recovery

    if path == "-":
        if sys.stdin.isatty():
            sys.stderr.write(say("vault restore.type") + "\n")
            return parse_recovery(sys.stdin.readline())
        return parse_recovery(sys.stdin.read(_LIMIT))
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return parse_recovery(file.read(_LIMIT))


def _declare_restore(parser: ArgumentParser) -> None:
    option(parser, "home", "vault restore.home")
    parser.add_argument("--words", required=True, metavar="FILE", help="vault restore.words")
    parser.add_argument("--from", dest="source", metavar="DIR", help="vault restore.source")
    option(parser, "server", "vault restore.server", needed=False)
    parser.add_argument("--out", required=True, help="vault restore.out")


def _restore(options: Namespace) -> Outcome:
    from hefu.http import Service
    from hefu.restoring import restore_from_folder, restore_from_service

    recovery, sheet = read_recovery(options.words)
    server = options.server or (sheet.server if sheet is not None and options.source is None else None)
    if server is None:
        if options.source is None:
            raise ClientError(say("vault restore.where"))
        done = restore_from_folder(options.home, recovery, options.source, out=options.out, service=None)
    else:
        with Service(server) as service:
            if options.source is None:
                done = restore_from_service(options.home, recovery, service, out=options.out)
            else:
                done = restore_from_folder(options.home, recovery, options.source, out=options.out, service=service)
    text = [
        say("vault restore.done", evidence=len(done.evidence), documents=done.documents, out=options.out),
        *(say("vault restore.waiting", statement=identity) for identity in done.waiting),
        *(say("vault restore.never", statement=identity) for identity in done.never),
        *(say("vault restore.problem", **problem._asdict()) for problem in done.problems),
        say("home.restored", path=options.home),
    ]
    value = done._asdict() | {"problems": [problem._asdict() for problem in done.problems]}
    return Outcome(NOT_PROVEN if done.problems else 0, value, "\n".join(text))


def _declare_home(parser: ArgumentParser) -> None:
    option(parser, "home", "vault verify.home")
    option(parser, "server", "vault verify.server", needed=False)


def _declare_verify(parser: ArgumentParser) -> None:
    _declare_home(parser)
    parser.add_argument("--offline", action="store_true", help="vault verify.offline")


def _verify(options: Namespace) -> Outcome:
    from hefu.home import load_reader
    from hefu.http import Service
    from hefu.proving import verify_vault

    reader = load_reader(options.home)
    if options.offline:
        done = verify_vault(reader, None)
    else:
        with Service(options.server or reader.config.server) as service:
            done = verify_vault(reader, service)
    counts = {"deposits": done.deposits, "documents": done.documents}
    good = not done.findings
    text = [say("vault verify.complete", **counts) if good else say("vault verify.incomplete", **counts)]
    text += [plain(f"  {say(f'place.{each.where}')}: {each.name}: {each.what}") for each in done.findings]
    text += [say("vault restore.never", statement=identity) for identity in done.never]
    value = done._asdict() | {"findings": [finding._asdict() for finding in done.findings]}
    return Outcome(NOT_PROVEN if done.findings else 0, value, "\n".join(text))


def _sync(options: Namespace) -> Outcome:
    from hefu.home import is_restored, load, load_reader
    from hefu.http import Service
    from hefu.syncing import sync

    home = load_reader(options.home) if is_restored(options.home) else load(options.home)
    with Service(options.server or home.config.server) as service:
        done = sync(home, service)
    text = [say("vault sync.done", sent=done.sent, fetched=done.fetched, receipts=done.receipts)]
    text += [plain(f"  {problem.path}: {problem.cause}") for problem in done.problems]
    value = done._asdict() | {"problems": [problem._asdict() for problem in done.problems]}
    return Outcome(NOT_PROVEN if done.problems else 0, value, "\n".join(text))


COMMANDS = {
    "vault restore": Command("vault restore.summary", _declare_restore, _restore),
    "vault verify": Command("vault verify.summary", _declare_verify, _verify),
    "vault sync": Command("vault sync.summary", _declare_home, _sync),
}
