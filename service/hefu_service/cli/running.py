"""Commands that begin, run and move a ledger."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from hefu_ledger.encoding import format_time
from hefu_ledger.tlog.keys import ED25519, MLDSA44, format_vkey
from hefu_service.cli.shell import command, data_option, reason_option, tell
from hefu_service.intake.correction import declare_clock
from hefu_service.language import error_text, say, shown
from hefu_service.observing.logs import log_to_stderr
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

_ALGORITHMS: Final = {ED25519: "Ed25519", MLDSA44: "ML-DSA-44"}


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


@command.command(help=say("clock.help"))
@data_option
@reason_option
def clock(data: Path | None, reason: str) -> None:
    """See the catalogue."""
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:  # the clock need not agree: it is declared
        for warning in clock_doubts(services, settings):
            tell(say("clock.warning", warning=shown(warning)))
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
            tell(say(f"move.{step}", table=table, done=done, total=total))
