"""The commands of the vault: vault restore, vault verify, vault sync."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hefu.cli.command import Command, Outcome, option
from hefu.cli.streams import show_on_terminal
from hefu.errors import NOT_PROVEN
from hefu.files.text import as_utf8
from hefu.ui.escape import plain
from hefu.ui.language import say

if TYPE_CHECKING:
    from hefu.recovery.sync import Synced
    from hefu.vault.secret import Recovery, Sheet

_LIMIT = 16_384


def read_recovery(path: str) -> tuple[Recovery, Sheet | None]:
    """Read a recovery sheet's words, or the text of its QR code, from a file, or from standard input for ``-``."""
    from hefu.client import parse_recovery

    if path == "-":
        if sys.stdin.isatty():
            sys.stderr.write(say("vault restore.type") + "\n")
            return parse_recovery(sys.stdin.readline())
        return parse_recovery(sys.stdin.read(_LIMIT))
    with open(path, "rb") as file:
        return parse_recovery(as_utf8(file.read(_LIMIT)).decode("utf-8", "replace"))


def _declare_restore(parser: ArgumentParser) -> None:
    option(parser, "home", "vault restore.home")
    parser.add_argument("--words", required=True, metavar="FILE", help="vault restore.words")
    parser.add_argument("--from", dest="source", metavar="DIR", help="vault restore.source")
    option(parser, "server", "vault restore.server", needed=False)
    parser.add_argument("--out", required=True, help="vault restore.out")


def _restore(options: Namespace) -> Outcome:
    from hefu.client import restore_home

    recovery, sheet = read_recovery(options.words)
    server = options.server or (sheet.server if sheet is not None and options.source is None else None)
    fingerprint = sheet.fingerprint if sheet is not None else ""
    done = restore_home(
        options.home,
        recovery,
        out=options.out,
        server=server,
        source=options.source,
        fingerprint=fingerprint,
        insecure_http=options.insecure_http,
    )
    text = [
        say("vault restore.done", evidence=len(done.evidence), documents=done.documents, out=options.out),
        *(say("vault restore.waiting", statement=statement_id) for statement_id in done.waiting),
        *(say("vault restore.never", statement=statement_id) for statement_id in done.never),
        *(say("vault restore.problem", **problem._asdict()) for problem in done.problems),
        *([say("vault.last", nth=done.nth)] if done.nth else []),
        say("restore.trusts", fingerprint=done.fingerprint, server=done.server),
        *([] if fingerprint else [say("restore.compare")]),
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
    from hefu.client import Client

    with Client(options.home, server=options.server, insecure_http=options.insecure_http) as client:
        done, is_rotating = client.verify_vault(offline=options.offline), client.is_rotating
        names = {entry.statement: entry.evidence or entry.folder for entry in client.deposits()}
    counts = {"deposits": done.deposits, "documents": done.documents}
    if done.findings:
        text = [say("vault verify.incomplete", **counts)]
    elif done.pending:
        text = [say("vault verify.pending", count=len(done.pending), **counts)]
    elif not done.told:
        text = [say("vault verify.offline_complete" if options.offline else "vault.untold", **counts)]
    else:
        text = [say("vault verify.complete", **counts)]
    text += [say("vault rotate.unfinished")] if is_rotating else []
    told = [*done.findings, *done.pending]
    text += [plain(f"  {say(f'place.{each.where}')}: {_named(each.name, names)}{each.what}") for each in told]
    text += [say("vault restore.never", statement=_named(each, names).removesuffix(": ")) for each in done.never]
    text += [say("vault.last", nth=done.nth)] if done.nth else []
    value = done._asdict() | {
        "findings": [finding._asdict() for finding in done.findings],
        "pending": [finding._asdict() for finding in done.pending],
    }
    return Outcome(NOT_PROVEN if done.findings else 0, value, "\n".join(text))


def _named(name: str, names: Mapping[str, str]) -> str:
    """A vault file as people know it: the evidence of its deposit, if the index knows that."""
    known = names.get(name.partition(".")[0])
    return f"{known} ({name[:16]}…): " if known else f"{name}: " if name else ""


def _declare_sync(parser: ArgumentParser) -> None:
    _declare_home(parser)
    parser.add_argument("--out", metavar="DIR", help="vault sync.out")


def _sync(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home, server=options.server, insecure_http=options.insecure_http) as client:
        done, is_rotating = client.sync_vault(out=options.out), client.is_rotating
    text = [*synced_lines(done), *([say("vault rotate.unfinished")] if is_rotating else [])]
    if options.out is not None:
        text.append(say("vault sync.evidence", count=len(done.evidence), out=options.out))
    return Outcome(NOT_PROVEN if done.problems else 0, synced_value(done), "\n".join(text))


def synced_lines(done: Synced) -> list[str]:
    """The result of an exchange with the service, for people."""
    lines = [say("vault sync.done", sent=done.sent, fetched=done.fetched, receipts=done.receipts, learned=done.learned)]
    lines += [plain(f"  {problem.path}: {problem.cause}") for problem in done.problems]
    return lines + ([say("vault sync.elsewhere", count=done.elsewhere)] if done.elsewhere else [])


def synced_value(done: Synced) -> dict[str, Any]:
    """The same for programs."""
    return done._asdict() | {"problems": [problem._asdict() for problem in done.problems]}


def join_lines(path: str) -> tuple[list[str], dict[str, Any] | None]:
    """Fetch the files of a vault that a home has just joined; the lines to show, and the value for programs."""
    from hefu.client import Client

    with Client(path) as client:
        done, reason = client.sync_joined()
    if done is None:
        return [say("vault sync.later", reason=reason)], None
    return synced_lines(done), synced_value(done)


def _rotate(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home, server=options.server, insecure_http=options.insecure_http) as client:
        done = client.rotate_words()
    text = [
        say("vault rotate.done", files=done.files),
        say("vault rotate.closed" if done.closed else "vault rotate.here"),
        *sheet_lines(done.words, done.sheet, as_json=options.json),
        say("vault rotate.others"),
        *(say("vault rotate.left", **problem._asdict()) for problem in done.left),
    ]
    value = without_words(done._asdict()) | {"left": [problem._asdict() for problem in done.left]}
    return Outcome(NOT_PROVEN if done.left else 0, value, "\n".join(text))


def sheet_lines(words: str, sheet: str, *, as_json: bool) -> list[str]:
    """Show words this once, on the terminal alone, and give the lines about them: an answer may end up in a log."""
    numbered = [f"{place:>2} {word:<9}" for place, word in enumerate(words.split(), 1)]
    rows = ["  " + " ".join(numbered[start : start + 6]) for start in range(0, len(numbered), 6)]
    shown = not as_json and show_on_terminal("\n".join([say("init.words"), *rows]))
    return [*([] if shown else [say("init.only_sheet", sheet=sheet)]), say("init.sheet", sheet=sheet)]


def without_words(value: dict[str, Any]) -> dict[str, Any]:
    """An answer for programs without recovery words, which stand on the sheet."""
    return {name: member for name, member in value.items() if name != "words"}


def _declare_join(parser: ArgumentParser) -> None:
    _declare_home(parser)
    parser.add_argument("--words", required=True, metavar="FILE", help="vault join.words")


def _join(options: Namespace) -> Outcome:
    from hefu.client import Client

    recovery, _ = read_recovery(options.words)
    with Client(options.home, server=options.server, insecure_http=options.insecure_http) as client:
        done = client.join_vault(recovery)
    removed = [say("vault join.sheet", sheet=done.sheet_removed)] if done.sheet_removed else []
    text = [say("vault join.done"), *removed, *synced_lines(done.synced)]
    value = synced_value(done.synced) | {"sheet_removed": done.sheet_removed}
    return Outcome(NOT_PROVEN if done.synced.problems else 0, value, "\n".join(text))


COMMANDS = {
    "vault restore": Command("vault restore.summary", _declare_restore, _restore),
    "vault verify": Command("vault verify.summary", _declare_verify, _verify),
    "vault sync": Command("vault sync.summary", _declare_sync, _sync),
    "vault rotate": Command("vault rotate.summary", _declare_home, _rotate),
    "vault join": Command("vault join.summary", _declare_join, _join),
}
