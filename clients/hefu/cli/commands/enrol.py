"""The command that enrols: init."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.cli.command import Command, Outcome, need, option
from hefu.errors import ClientError
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu_ledger.encoding import format_time

if TYPE_CHECKING:
    from hefu.keys.enrol import Invitation


def _declare_init(parser: ArgumentParser) -> None:
    option(parser, "home", "init.home")
    option(parser, "server", "init.server")
    parser.add_argument("--code", help="init.code")
    need(parser, "code")
    parser.add_argument("--vault", metavar="DIR", help="init.vault")
    parser.add_argument("--no-vault", action="store_true", help="init.no_vault")
    parser.add_argument("--recovery", metavar="FILE", help="init.recovery")


def _ask(options: Namespace, missing: Sequence[str]) -> None:
    from hefu.cli.prompts import ask_init

    ask_init(options, missing)


def _confirm(invitation: Invitation) -> None:
    """Show the invitation of a code; at a terminal ask, before the key signs."""
    from hefu.cli.confirm import confirm
    from hefu.cli.parser import interactive

    identity = invitation.identity
    about = {"method": identity.method, "by": identity.verified_by}
    shown = [
        say("init.invited", name=plain(identity.name), uscc=identity.uscc),
        say("init.verified", **{name: plain(text) for name, text in about.items()}),
        say("init.terms", role=say(f"role.{invitation.role}"), signatures=invitation.signatures_required),
    ]
    if not interactive():
        sys.stderr.write("\n".join(shown) + "\n")
        return
    confirm(shown, decided=False, option="")


def _init(options: Namespace) -> Outcome:
    from hefu.cli.commands.vault import join_lines, read_recovery, sheet_lines, without_words
    from hefu.client import VaultOptions, enrol_home

    if options.code == options.recovery == "-":
        raise ClientError(say("init.one_input"))
    code = sys.stdin.readline() if options.code == "-" else options.code
    recovery = read_recovery(options.recovery)[0] if options.recovery else None
    folder = os.path.abspath(options.vault) if options.vault else None
    vault = VaultOptions(folder, not options.no_vault, recovery)
    done = enrol_home(
        options.home,
        server=options.server,
        code=code,
        vault=vault,
        confirm=_confirm,
        insecure_http=options.insecure_http,
    )
    identity = done.identity._asdict() | {"verified_at": format_time(done.identity.verified_at)}
    text = [
        say("init.enrolled", name=done.identity.name, uscc=done.identity.uscc),
        say("init.depositor", depositor=done.depositor, origin=done.origin),
        say("init.found", size=done.checkpoint_size),
        say("init.fingerprints"),
        *(f"  sha256 {fingerprint}" for fingerprint in done.fingerprints),
        say("init.terms", role=say(f"role.{done.role}"), signatures=done.signatures),
        *([] if done.approver else [say("init.no_approver")]),
        *(sheet_lines(done.words, done.sheet, as_json=options.json) if done.words else []),
        *([say("init.unsent", reason=done.unsent)] if done.unsent else []),
    ]
    joined, synced = join_lines(options.home) if recovery else ([], None)
    value = without_words(done._asdict()) | {"identity": identity, "synced": synced}
    return Outcome(0, value, "\n".join([*text, *joined]))


COMMANDS = {"init": Command("init.summary", _declare_init, _init, ask=_ask)}
