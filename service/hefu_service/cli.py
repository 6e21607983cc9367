"""``hefu-service``: the operator's commands."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

from hefu_ledger.encoding import format_time, parse_time
from hefu_ledger.errors import LedgerError
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.tlog.keys import ED25519, MLDSA44, format_vkey, parse_vkey
from hefu_ledger.uscc import parse_uscc
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import issue_code, reissue_code, report_compromised, retire_key
from hefu_service.intake.refusals import RefusedError
from hefu_service.language import Group, click_text, error_text, say, shown
from hefu_service.observing.logs import log_to_stderr
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import Undelivered
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.fsck import Fault
from hefu_service.publishing.fsck import fsck as run_fsck
from hefu_service.publishing.repair import repair as run_repair
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.settings import SettingsError, read_database, read_settings
from hefu_service.texts import sentence
from hefu_service.wiring import (
    clock_doubts,
    comparing,
    create_data,
    look_at_clock,
    move_data,
    open_services,
    service_lock,
    telling,
    upgrade_data,
)

P = ParamSpec("P")
T = TypeVar("T")
REFUSED: Final = 2
STOPPED: Final = 3
INTERRUPTED: Final = 130
MOST_SHOWN: Final = 100  # messages
_ALGORITHMS: Final = {ED25519: "Ed25519", MLDSA44: "ML-DSA-44"}


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter(say("option.no_reason"))
    return value


data_option: Final = click.option("--data", type=click.Path(path_type=Path), help=say("option.data"))
reason_option: Final = click.option("--reason", required=True, callback=_reason, help=say("option.reason"))


@click.group(cls=Group, help=say("program.help"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hefu")
def command() -> None:
    """See the catalogue."""


def main() -> None:
    """Run a command; exit 1 for findings, 2 for a refusal, 3 for a failure, 130 when interrupted."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not all(
        map(str.isascii, sys.argv)
    ):  # a name read through GBK would be enrolled as another
        _tell(say("main.encoding", encoding=encoding))
        sys.exit(REFUSED)
    try:
        code = command(prog_name="hefu-service", standalone_mode=False)
    except click.ClickException as error:
        _tell(click_text(_usage(error)))
        sys.exit(REFUSED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except SystemExit as ended:  # click ends in 1, which means findings, where the reader has closed the pipe
        sys.exit(STOPPED if ended.code == 1 else ended.code)
    except (LedgerError, PortError, RefusedError, SettingsError) as error:
        _tell(say("main.failed", error=error_text(error)))
        sys.exit(REFUSED)
    except SealingStoppedError as error:
        _tell(say("main.stopped", error=error_text(error)))
        sys.exit(STOPPED)
    except Exception as error:  # a crash must not look like a verdict
        _tell(say("main.unexpected", kind=type(error).__name__, error=error))
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(text: str) -> None:
    with suppress(OSError):  # a full disk must not change the exit code
        click.echo(text, err=True)


def _usage(error: click.ClickException) -> str:
    written = StringIO()
    error.show(written)
    return written.getvalue().rstrip("\n")


def with_services(function: Callable[..., T]) -> Callable[..., T]:
    """Open the data directory for a command."""

    @data_option  # above wraps, which would overwrite the options that click keeps on the function
    @wraps(function)
    def run(data: Path | None, **options: Any) -> T:
        with _opened(data) as services:
            return function(services, **options)

    return run


@contextmanager
def _opened(data: Path | None) -> Iterator[Services]:
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:
        yield comparing(services, settings)


@command.command(help=say("init.help"))
@data_option
@click.option("--origin", required=True, help=say("option.origin"))
@click.option(
    "--predecessor",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=say("option.predecessor"),
)
def init(data: Path | None, origin: str, predecessor: Path | None) -> None:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    last = None if predecessor is None else predecessor.read_bytes()
    keys = create_data(settings.data, origin, settings.database_url, predecessor=last)
    click.echo(say("init.origin", origin=origin))
    for key in keys:
        click.echo(say("init.key", algorithm=_ALGORITHMS[key.type], key=format_vkey(key)))
        click.echo(say("init.fingerprint", fingerprint=key.fingerprint))
    click.echo(say("init.recovery", path=settings.data / "keys" / "recovery.key"))


@command.command(help=say("serve.help"))
@data_option
@click.option("--host", help=say("option.host"))
@click.option("--port", metavar="NUMBER", help=say("option.port"))
@click.option(
    "--window-ms",
    metavar="NUMBER",
    help=say("option.window"),
)
@click.option(
    "--auditor-token-file",
    type=click.Path(path_type=Path),
    help=say("option.token"),
)
def serve(**flags: Any) -> None:
    """See the catalogue."""
    # granian and Flask are slow to import, and only needed here
    from hefu_service.serving.server import serve as run  # noqa: PLC0415 -- granian and Flask are slow to import

    run(read_settings(os.environ, **flags))


@command.command(help=say("worker.help"))
@data_option
@click.option("--window-ms", metavar="NUMBER", help=say("option.worker_window"))
@click.option(
    "--queues",
    type=click.Choice(["ledger,slow", "ledger", "slow"]),
    default="ledger,slow",
    show_default=True,
    help=say("option.queues"),
)
def worker(queues: str, **flags: Any) -> None:
    """See the catalogue."""
    # RQ is slow to import, and only needed here
    from hefu_service.jobs.worker import Worker  # noqa: PLC0415 -- so is RQ
    from hefu_service.observing.metrics import Metrics  # noqa: PLC0415 -- only needed here

    settings = read_settings(os.environ, **flags)
    if settings.redis_url is None:
        raise SettingsError(sentence("settings.problem", name="HEFU_REDIS_URL", problem=sentence("settings.queue")))
    os.nice(5)  # a depositor waits for the processes that answer, not for this one
    log_to_stderr()
    with (
        open_services(settings.data, settings.database_url) as services,
        service_lock(settings.data, settings.database_url),
    ):
        watched = replace(telling(comparing(services, settings), settings), observer=Metrics(settings.data / "metrics"))
        look_at_clock(watched)
        Worker(watched, settings.redis_url, window_ms=settings.window_ms, queues=queues.split(",")).run()


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
            _tell(say("enrol.warning", warning=shown(error_text(warning))))
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
    _tell(say("enrol.code"))
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


@command.command(help=say("clock.help"))
@data_option
@reason_option
def clock(data: Path | None, reason: str) -> None:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:  # the clock need not agree: it is declared
        for warning in clock_doubts(services, settings):
            _tell(say("clock.warning", warning=shown(warning)))
        click.echo(say("clock.done", time=format_time(declare_clock(services, reason=reason))))


@command.command(help=say("upgrade.help"))
@data_option
def upgrade(data: Path | None) -> None:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    upgrade_data(settings.data, settings.database_url)
    click.echo(say("upgrade.done"))


def _database(_context: click.Context, _option: click.Parameter, value: str) -> str | None:
    try:
        return read_database(value)
    except ValueError as error:
        raise click.BadParameter(shown(error_text(error))) from None


@command.command(help=say("move.help"))
@data_option
@click.option("--to", required=True, metavar="postgresql://…|sqlite", callback=_database, help=say("option.to"))
def move(data: Path | None, to: str | None) -> None:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    for proof in move_data(settings.data, settings.database_url, to, _Progress()):
        click.echo(say("move.proof", table=proof.table, rows=proof.rows, digest=proof.digest))
    click.echo(say("move.done") if to is not None else say("move.done_sqlite"))
    if to is not None:
        click.echo(f"HEFU_DATABASE_URL={to}")


class _Progress:
    """Tells how far a move is, at the end of each table and every two seconds."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def __call__(self, step: str, table: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done == total or now_s - self._told_s >= 2:
            self._told_s = now_s
            _tell(say(f"move.{step}", table=table, done=done, total=total))


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
