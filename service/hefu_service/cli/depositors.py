"""Commands about the firms that deposit, their keys and their codes."""

from __future__ import annotations

import click

from hefu_ledger.encoding import parse_time
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.tlog.keys import parse_vkey
from hefu_ledger.uscc import parse_uscc
from hefu_service.cli.shell import command, reason_option, tell, with_services
from hefu_service.intake.enrolment import issue_code, reissue_code, report_compromised, retire_key
from hefu_service.language import error_text, say, shown
from hefu_service.services import Services


@command.command(help=say("enrol.help"))
@with_services
@click.option("--name", help=say("option.name"))
@click.option("--uscc", help=say("option.uscc"))
@click.option("--depositor", help=say("option.known"))
@click.option("--method", default="营业执照核验", show_default=True, help=say("option.method"))
@click.option("--verified-by", default="工作站", show_default=True, help=say("option.verifier"))
@click.option(
    "--role", type=click.Choice([PREPARE, APPROVE]), default=PREPARE, show_default=True, help=say("option.role")
)
@click.option("--signatures", type=click.IntRange(1, 16), default=1, show_default=True, help=say("option.signatures"))
def enrol(
    services: Services,
    name: str | None,
    uscc: str | None,
    depositor: str | None,
    method: str,
    verified_by: str,
    signatures: int,
    role: str,
) -> None:
    """See the catalogue."""
    if depositor is not None and name is None and uscc is None:
        code = reissue_code(services, depositor, role=role)
    elif depositor is None and name is not None and uscc is not None:
        organisation = parse_uscc(uscc)
        for warning in organisation.warnings:
            tell(say("enrol.warning", warning=shown(error_text(warning))))
        code = issue_code(
            services,
            name=name,
            uscc=organisation.code,
            method=method,
            verified_by=verified_by,
            signatures_required=signatures,
            role=role,
        )
    else:
        raise click.UsageError(say("enrol.which"))
    tell(say("enrol.code"))
    click.echo(code)


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
