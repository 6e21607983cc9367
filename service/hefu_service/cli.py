"""``hefu-service``: the operator's commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

from hefu_ledger.encoding import format_time, parse_time
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.keys import format_vkey, parse_vkey
from hefu_ledger.uscc import parse_uscc
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import issue_code, reissue_code, report_compromised, retire_key
from hefu_service.intake.refusals import RefusedError
from hefu_service.observing.logs import log_to_stderr
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import Undelivered
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.fsck import fsck as run_fsck
from hefu_service.publishing.repair import repair as run_repair
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.settings import SettingsError, read_settings
from hefu_service.wiring import create_data, open_services, service_lock, telling, upgrade_data

P = ParamSpec("P")
T = TypeVar("T")
REFUSED: Final = 2
STOPPED: Final = 3
INTERRUPTED: Final = 130
MOST_SHOWN: Final = 100  # messages


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("say why 请说明原因.")
    return value


data_option: Final = click.option("--data", type=click.Path(path_type=Path), help="The data directory (or HEFU_DATA).")
reason_option: Final = click.option(
    "--reason", required=True, callback=_reason, help="Goes on the ledger: no names 会公开，请勿写入姓名."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hefu")
def command() -> None:
    """合符 Hefu: run an evidence ledger. 存证账本服务。

    \b
    hefu-service init  --data DIR --origin log.example/fengxian
    hefu-service serve --data DIR --port 8080
    hefu-service enrol --data DIR --name '上海某某化妆品有限公司' --uscc 91310120MA1HP00194
    """


def main() -> None:
    """Run a command; exit 1 for findings, 2 for what is refused, 3 for what failed, 130 when interrupted."""
    try:
        code = command(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(REFUSED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (LedgerError, PortError, RefusedError, SettingsError) as error:
        click.echo(f"hefu-service: {error}", err=True)
        sys.exit(REFUSED)
    except SealingStoppedError as error:
        click.echo(f"hefu-service: stopped: {error}", err=True)
        sys.exit(STOPPED)
    except Exception as error:  # a crash must not look like a verdict
        click.echo(f"hefu-service: unexpected {type(error).__name__}: {error}", err=True)
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


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
        yield services


@command.command()
@data_option
@click.option("--origin", required=True, help="The ledger's name, a schema-less URL: log.example/fengxian.")
@click.option(
    "--predecessor",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The last checkpoint of a ledger that has ended, which this one continues 前账本的最后检查点.",
)
def init(data: Path | None, origin: str, predecessor: Path | None) -> None:
    """Begin a ledger: keys, database, and the first record 创世条目."""
    settings = read_settings(os.environ, data=data)
    last = None if predecessor is None else predecessor.read_bytes()
    key = create_data(settings.data, origin, settings.database_url, predecessor=last)
    click.echo(f"ledger 账本      {origin}")
    click.echo(f"log key 公钥     {format_vkey(key)}")
    click.echo(f"fingerprint 指纹 {key.fingerprint}")
    click.echo(
        f"Move {settings.data / 'keys' / 'recovery.key'} to a place that is offline 请将恢复密钥移至离线处保管。"
    )


@command.command()
@data_option
@click.option("--host", help="The IP address to listen on (127.0.0.1, or HEFU_HOST).")
@click.option("--port", metavar="NUMBER", help="The port to listen on (8080, or HEFU_PORT).")
@click.option(
    "--window-ms",
    metavar="NUMBER",
    help="How long a deposit waits for others to be sealed with (1000, or HEFU_WINDOW_MS).",
)
@click.option(
    "--auditor-token-file",
    type=click.Path(path_type=Path),
    help="Whoever shows the token in this file may read all statements (or HEFU_AUDITOR_TOKEN_FILE).",
)
def serve(**flags: Any) -> None:
    """Serve until interrupted 启动服务."""
    # granian and Flask are slow to import, and only needed here
    from hefu_service.serving.server import serve as run  # noqa: PLC0415 -- granian and Flask are slow to import

    run(read_settings(os.environ, **flags))


@command.command()
@data_option
@click.option(
    "--window-ms", metavar="NUMBER", help="What has been owed for longer than this is sealed unasked (as of serve)."
)
@click.option(
    "--queues",
    type=click.Choice(["ledger,slow", "ledger", "slow"]),
    default="ledger,slow",
    show_default=True,
    help="Which work to do: sealing, messages, or both, neither of which waits for the other.",
)
def worker(queues: str, **flags: Any) -> None:
    """Seal what is owed and send messages, as the queues of HEFU_REDIS_URL ask, until interrupted 启动封存进程."""
    # RQ is slow to import, and only needed here
    from hefu_service.jobs.worker import Worker  # noqa: PLC0415 -- so is RQ
    from hefu_service.observing.metrics import Metrics  # noqa: PLC0415 -- only needed here

    settings = read_settings(os.environ, **flags)
    if settings.redis_url is None:
        raise SettingsError("HEFU_REDIS_URL: missing; without a queue `hefu-service serve` seals by itself")
    os.nice(5)  # whoever deposits waits for the processes that answer, nobody for this one
    log_to_stderr()
    with (
        open_services(settings.data, settings.database_url) as services,
        service_lock(settings.data, settings.database_url),
    ):
        watched = replace(telling(services, settings), observer=Metrics(settings.data / "metrics"))
        Worker(watched, settings.redis_url, window_ms=settings.window_ms, queues=queues.split(",")).run()


@command.command()
@with_services
@click.option("--name", help="The organisation's name as registered 名称.")
@click.option("--uscc", help="统一社会信用代码, 18 characters.")
@click.option("--depositor", help="A depositor already known, for a new code or a further key.")
@click.option("--method", default="营业执照核验", show_default=True, help="How the identity was verified 核验方式.")
@click.option("--verified-by", default="工作站", show_default=True, help="Who verified it 核验人.")
@click.option(
    "--signatures", type=click.IntRange(1, 16), default=1, show_default=True, help="Signatures a deposit needs."
)
def enrol(
    services: Services,
    name: str | None,
    uscc: str | None,
    depositor: str | None,
    method: str,
    verified_by: str,
    signatures: int,
) -> None:
    """Print a one-time enrolment code 登记码, alone on standard output."""
    if depositor is not None and name is None and uscc is None:
        code = reissue_code(services, depositor)
    elif depositor is None and name is not None and uscc is not None:
        organisation = parse_uscc(uscc)
        for warning in organisation.warnings:
            click.echo(f"warning 注意: {warning}", err=True)
        code = issue_code(
            services,
            name=name,
            uscc=organisation.code,
            method=method,
            verified_by=verified_by,
            signatures_required=signatures,
        )
    else:
        raise click.UsageError("give --name and --uscc, or --depositor for one already known")
    click.echo("one-time enrolment code, valid for 7 days 一次性登记码，7 天内有效:", err=True)
    click.echo(code)


@command.command()
@with_services
@click.option("--depositor", required=True, help="Whose key it is.")
@click.option("--vkey", required=True, help="The key, as its enrolment record has it.")
@click.option(
    "--compromised-since", metavar="TIME", help="It may have been in other hands since: 2026-01-31T08:00:00.000Z."
)
@reason_option
def retire(services: Services, depositor: str, vkey: str, compromised_since: str | None, reason: str) -> None:
    """End a depositor's key, from the next deposit on 停用密钥."""
    key = parse_vkey(vkey)
    if compromised_since is None:
        retire_key(services, depositor, key, reason=reason)
    else:
        report_compromised(services, depositor, key, reason=reason, since=parse_time(compromised_since))
    click.echo("retired 已停用")


@command.command()
@with_services
@reason_option
def clock(services: Services, reason: str) -> None:
    """Declare that the clock is right now 时钟更正.

    Needed after it was wrong and has been corrected: until then nothing is accepted.
    """
    click.echo(f"times start from {format_time(declare_clock(services, reason=reason))} 时间自此起算")


@command.command()
@data_option
def upgrade(data: Path | None) -> None:
    """Bring the database's schema up to this program's 升级数据库."""
    settings = read_settings(os.environ, data=data)
    upgrade_data(settings.data, settings.database_url)
    click.echo("the schema is this program's 数据库结构已是最新")


@command.command()
@data_option
@click.option("--repair", is_flag=True, help="First write damaged or lost published files anew 先修复公开文件.")
@click.option(
    "--seen",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint that somebody outside has, to compare 比对外部所见的检查点.",
)
def fsck(data: Path | None, repair: bool, seen: Path | None) -> int:
    """Check everything kept against everything else 全面自检.

    Exit 1 if anything is wrong.
    """
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:
        for name in run_repair(services, LedgerMender(settings.data / "ledger")) if repair else ():
            click.echo(f"written anew 已重写: {name}")
        findings = list(run_fsck(services, seen=None if seen is None else seen.read_bytes()))
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.where}: {finding.what}")
    click.echo("clean 无误" if not findings else f"{len(findings)} finding(s)")
    return 1 if findings else 0


@command.command()
@with_services
def messages(services: Services) -> None:
    """List the messages that are not delivered, and why, oldest first 未送达的消息."""
    found = services.store.undelivered(MOST_SHOWN + 1)
    for each in found[:MOST_SHOWN]:
        click.echo(_told(each))
    if len(found) > MOST_SHOWN:
        click.echo("… and more 尚有更多")
    elif not found:
        click.echo("all are delivered 全部已送达")


def _told(undelivered: Undelivered) -> str:
    """One message's numbers and states, and why it waits."""
    message, outlet = undelivered.message, undelivered.outlet
    line = f"{message.destination} {message.number} {format_time(message.made_at)} {undelivered.state}"
    if undelivered.state == "given up" or not outlet.status:
        return line
    return f"{line}: {outlet.status}, {outlet.failures} times, next {format_time(outlet.not_before)}"


@command.command()
@with_services
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A directory, new or of an earlier export.")
@click.option("--statements", is_flag=True, help="Also acceptances and statements, for a full replay.")
def export(services: Services, out: Path, statements: bool) -> None:
    """Copy the published ledger to a directory 导出账本.

    Any static file server can serve it.
    """
    size = export_ledger(services, LedgerFolder(out), statements=statements)
    click.echo(f"{size} records 条 -> {out}")
