"""Commands about the firms that deposit, their keys and their one-time codes."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from hefu_ledger.encoding import format_time, parse_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.tlog.keys import format_vkey, parse_vkey
from hefu_ledger.uscc import Uscc, parse_uscc
from hefu_service.cli.columns import aligned
from hefu_service.cli.shell import command, reason_option, tell, with_services
from hefu_service.intake.enrolment import issue_code, reissue_code, report_compromised, retire_key
from hefu_service.intake.register import (
    Registered,
    RegisteredCode,
    RegisteredKey,
    find_codes,
    find_depositors,
    find_keys,
    number_of,
    open_code,
    withdraw_code,
)
from hefu_service.language import error_text, say, shown
from hefu_service.services import Services

find_option: Final = click.option("--find", default="", metavar="TEXT", help=say("option.find"))


@command.command(help=say("enrol.help"))
@with_services
@click.option("--name", help=say("option.name"))
@click.option("--uscc", help=say("option.uscc"))
@click.option("--method", help=say("option.method"))
@click.option("--verified-by", help=say("option.verifier"))
@click.option("--signatures", type=click.IntRange(1, 16), help=say("option.signatures"))
@click.option("--another-identity", metavar="REASON", help=say("option.another_identity"))
@click.option("--another-check-character", metavar="REASON", help=say("option.another_check_character"))
@click.option("--depositor", help=say("option.known"))
@click.option(
    "--role", type=click.Choice([PREPARE, APPROVE]), default=PREPARE, show_default=True, help=say("option.role")
)
def enrol(services: Services, depositor: str | None, role: str, **options: Any) -> None:
    """See the catalogue."""
    told = {name: value for name, value in options.items() if value is not None}
    if depositor is not None and not told:
        replaced = open_code(services, depositor)
        code = reissue_code(services, depositor, role=role)
        if replaced is not None:
            tell(say("enrol.replaced", number=replaced))
    elif depositor is None and {"name", "uscc"} <= told.keys():
        code = _enrol_organisation(services, role, told)
    else:
        raise click.UsageError(say("enrol.which"))
    tell(say("enrol.code", number=number_of(code)))
    click.echo(code)


def _enrol_organisation(services: Services, role: str, told: dict[str, Any]) -> str:
    """The code of a new depositor, of an organisation whose identity was verified."""
    organisation = _organisation(told["uscc"], any_check_character="another_check_character" in told)
    for warning in organisation.warnings:
        tell(say("enrol.warning", warning=shown(error_text(warning))))
    method, verified_by = _verification(told)
    signatures = told.get("signatures", 1)
    code = issue_code(
        services,
        name=told["name"],
        uscc=organisation.code,
        method=method,
        verified_by=verified_by,
        signatures_required=signatures,
        role=role,
        another_identity=told.get("another_identity"),
        another_check_character=told.get("another_check_character"),
    )
    if signatures > 1:
        tell(say("enrol.several", count=signatures, depositor=code.partition(".")[0]))
    return code


def _organisation(uscc: str, *, any_check_character: bool) -> Uscc:
    try:
        return parse_uscc(uscc, any_check_character=any_check_character)
    except MalformedError as error:
        if error.code != "check-character":
            raise
        raise click.UsageError(say("enrol.check_character", error=error_text(error))) from None


def _verification(told: dict[str, Any]) -> tuple[str, str]:
    """How and by whom the identity was verified, asked for at a terminal: every evidence file says so."""
    questions = {"method": say("enrol.ask_method"), "verified_by": say("enrol.ask_verifier")}
    left_out = {name: question for name, question in questions.items() if name not in told}
    if left_out and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(say("enrol.verification"))
    answers = told | {name: click.prompt(question, err=True).strip() for name, question in left_out.items()}
    return answers["method"], answers["verified_by"]


@command.command(help=say("retire.help"))
@with_services
@click.option("--depositor", required=True, help=say("option.depositor"))
@click.option("--vkey", required=True, help=say("option.vkey"))
@click.option("--compromised-since", metavar="TIME", help=say("option.compromised"))
@reason_option
def retire(services: Services, depositor: str, vkey: str, compromised_since: str | None, reason: str) -> None:
    """See the catalogue."""
    key = parse_vkey(vkey)
    if compromised_since is None:
        retire_key(services, depositor, key, reason=reason)
    else:
        report_compromised(services, depositor, key, reason=reason, since=parse_time(compromised_since))
    click.echo(say("retire.done"))


@command.command(help=say("depositors.help"))
@with_services
@find_option
def depositors(services: Services, find: str) -> None:
    """See the catalogue."""
    found = find_depositors(services, find)
    lines = aligned(say("depositors.columns").split("|"), [_depositor(each) for each in found])
    _show(lines, [_reasons(each) for each in found])


@command.command(help=say("keys.help"))
@with_services
@find_option
def keys(services: Services, find: str) -> None:
    """See the catalogue."""
    _show(aligned(say("keys.columns").split("|"), [_key(each) for each in find_keys(services, find)]))


@command.command(help=say("codes.help"))
@with_services
@find_option
@click.option("--withdraw", metavar="NUMBER", help=say("option.withdraw"))
def codes(services: Services, find: str, withdraw: str | None) -> None:
    """See the catalogue."""
    if withdraw is not None:
        withdraw_code(services, withdraw)
        click.echo(say("codes.withdrawn", number=withdraw))
        return
    _show(aligned(say("codes.columns").split("|"), [_code(each) for each in find_codes(services, find)]))


def _show(lines: list[str], below: list[list[str]] | None = None) -> None:
    """Print a table's lines, and further lines below each row; a sentence where there is no row."""
    heading, *rows = lines
    if not rows:
        tell(say("register.none"))
        return
    click.echo(heading)
    for place, row in enumerate(rows):
        click.echo(row)
        for line in below[place] if below else ():
            click.echo(f"  {line}")


def _depositor(each: Registered) -> tuple[str, ...]:
    identity = each.identity
    numbers = (str(each.depositor.signatures_required), str(each.keys), str(each.deposits))
    verified = (format_time(identity.verified_at), identity.verified_by, identity.method)
    return (each.depositor.id, identity.uscc, *numbers, identity.name, *verified)


def _reasons(each: Registered) -> list[str]:
    told = []
    if each.depositor.another_identity is not None:
        told.append(say("depositors.another_identity", reason=each.depositor.another_identity))
    if each.depositor.another_check_character is not None:
        told.append(say("depositors.another_check_character", reason=each.depositor.another_check_character))
    return told


def _key(each: RegisteredKey) -> tuple[str, ...]:
    state = say("keys.in_force") if each.in_force else say("keys.ended")
    if each.reported_since is not None:
        state = say("keys.reported", state=state, time=format_time(each.reported_since))
    role = say(f"role.{each.role}")
    return (each.depositor, each.name, role, state, format_time(each.enrolled_at), format_vkey(each.vkey))


def _code(each: RegisteredCode) -> tuple[str, ...]:
    told = (say(f"role.{each.role}"), say(f"codes.{each.state}"), format_time(each.expires_at))
    return (each.number, each.depositor, each.name, *told)
