"""Commands that check, copy and tell of a ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from hefu_ledger.encoding import format_time
from hefu_service.cli.shell import command, data_option, with_services
from hefu_service.language import say, shown
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.outbox import Undelivered
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.fsck import Fault
from hefu_service.publishing.fsck import fsck as run_fsck
from hefu_service.publishing.repair import repair as run_repair
from hefu_service.services import Services
from hefu_service.settings import read_settings
from hefu_service.texts import sentence
from hefu_service.wiring import open_services

MOST_SHOWN: Final = 100  # messages


@command.command(help=say("fsck.help"))
@data_option
@click.option("--repair", is_flag=True, help=say("option.repair"))
@click.option(
    "--seen",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=say("option.seen"),
)
def fsck(data: Path | None, repair: bool, seen: Path | None) -> int:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:
        for name in run_repair(services, LedgerMender(settings.data / "ledger")) if repair else ():
            click.echo(say("fsck.repaired", name=name))
        findings = list(run_fsck(services, seen=None if seen is None else seen.read_bytes()))
    for finding in findings:
        click.echo(_found(finding))
    click.echo(say("fsck.count", count=len(findings)) if findings else say("fsck.clean"))
    return 1 if findings else 0


def _found(fault: Fault) -> str:
    severity, where = sentence(f"severity.{fault.severity}"), sentence(f"part.{fault.where}")
    return say("fsck.line", severity=severity, where=where, finding=fault.what)


@command.command(help=say("messages.help"))
@with_services
def messages(services: Services) -> None:
    """See the catalogue."""
    found = services.store.undelivered(MOST_SHOWN + 1)
    for each in found[:MOST_SHOWN]:
        click.echo(_told(each))
    if len(found) > MOST_SHOWN:
        click.echo(say("messages.more"))
    elif not found:
        click.echo(say("messages.none"))


def _told(undelivered: Undelivered) -> str:
    """One message's numbers and states, and why it waits."""
    message, outlet = undelivered.message, undelivered.outlet
    line = sentence(
        "messages.line",
        destination=message.destination,
        number=message.number,
        time=format_time(message.made_at),
        state=sentence(f"messages.{undelivered.state}"),
    )
    if undelivered.state == "given up" or not outlet.status:
        return shown(line)
    again = format_time(outlet.not_before)
    return say("messages.retried", line=line, status=outlet.status, count=outlet.failures, next=again)


@command.command(help=say("export.help"))
@with_services
@click.option("--out", type=click.Path(path_type=Path), required=True, help=say("option.out"))
@click.option("--statements", is_flag=True, help=say("option.statements"))
def export(services: Services, out: Path, statements: bool) -> None:
    """See the catalogue."""
    out = out.expanduser()
    size = export_ledger(services, LedgerFolder(out), statements=statements)
    click.echo(say("export.done", size=size, out=out))
