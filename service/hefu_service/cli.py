"""``hefu-service``: the operator's commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

from hefu_ledger.errors import LedgerError
from hefu_ledger.keys import format_vkey, parse_vkey
from hefu_ledger.uscc import parse_uscc
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import issue_code, reissue_code, retire_key
from hefu_service.intake.refusals import RefusedError
from hefu_service.outside.files import LedgerFolder
from hefu_service.ports import PortError
from hefu_service.sealing.export import export_ledger
from hefu_service.sealing.fsck import fsck as run_fsck
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.settings import SettingsError, read_settings
from hefu_service.wiring import create_data, database_url, open_services

P = ParamSpec("P")
T = TypeVar("T")
REFUSED: Final = 2
STOPPED: Final = 3
INTERRUPTED: Final = 130

data_option: Final = click.option(
    "--data", type=click.Path(path_type=Path), help="The data directory (or HEFU_DATA).", show_default=False
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
    """Run a command; exit 2 for what is refused, 3 for what failed, 130 when interrupted."""
    try:
        code = command(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(REFUSED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (LedgerError, PortError, RefusedError, SettingsError, ValueError) as error:
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
    with open_services(read_settings(os.environ, data=data).data) as services:
        yield services


@command.command()
@data_option
@click.option("--origin", required=True, help="The ledger's name, a schema-less URL: log.example/fengxian.")
def init(data: Path | None, origin: str) -> None:
    """Begin a ledger: keys, database, and the first record 创世条目."""
    settings = read_settings(os.environ, data=data)
    key = create_data(settings.data, origin)
    click.echo(f"ledger 账本      {origin}")
    click.echo(f"log key 公钥     {format_vkey(key)}")
    click.echo(f"fingerprint 指纹 {key.fingerprint}")
    click.echo(
        f"Move {settings.data / 'keys' / 'recovery.key'} to a place that is offline 请将恢复密钥移至离线处保管。"
    )


@command.command()
@data_option
@click.option("--host", help="Where to listen (127.0.0.1, or HEFU_HOST).")
@click.option("--port", type=click.IntRange(1, 65535), help="Where to listen (8080, or HEFU_PORT).")
@click.option("--window-ms", type=click.IntRange(1, 60_000), help="How long a batch may wait to be sealed (1000).")
@click.option("--auditor-token-file", type=click.Path(path_type=Path), help="Whoever shows it may read statements.")
def serve(**flags: Any) -> None:
    """Serve until interrupted 启动服务。"""
    from hefu_service.server import serve as run  # granian and Flask are slow to import, and only needed here

    settings = read_settings(os.environ, **flags)
    click.echo(f"http://{settings.host}:{settings.port}", err=True)
    run(settings)


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
    """Print a one-time enrolment code 登记码, alone on the last line."""
    if depositor is not None:
        click.echo(reissue_code(services, depositor))
        return
    if name is None or uscc is None:
        raise click.UsageError("--name and --uscc are needed (or --depositor, for one already known)")
    code = parse_uscc(uscc)
    for warning in code.warnings:
        click.echo(f"warning 注意: {warning}", err=True)
    click.echo(
        issue_code(
            services,
            name=name,
            uscc=code.code,
            method=method,
            verified_by=verified_by,
            signatures_required=signatures,
        )
    )


@command.command()
@with_services
@click.option("--depositor", required=True)
@click.option("--vkey", required=True, help="The key, as `hefu-service` and the enrolment record write it.")
@click.option("--reason", required=True, help="Goes on the ledger: no names 会公开，请勿写入姓名.")
def retire(services: Services, depositor: str, vkey: str, reason: str) -> None:
    """End a depositor's key, effective from the next deposit 停用密钥."""
    retire_key(services, depositor, parse_vkey(vkey), reason=reason)
    click.echo("retired 已停用")


@command.command()
@with_services
@click.option("--reason", required=True, help="Goes on the ledger.")
def clock(services: Services, reason: str) -> None:
    """Declare that the time shown now is right, after the clock was corrected 时钟更正."""
    click.echo(declare_clock(services, reason=reason))


@command.command()
@data_option
def upgrade(data: Path | None) -> None:
    """Bring the database's schema up to this program's 升级数据库."""
    from hefu_service.store.migrate import upgrade as run

    settings = read_settings(os.environ, data=data)
    if not (settings.data / "hefu.sqlite3").is_file():
        raise PortError(f"{settings.data} holds no database to upgrade")
    run(database_url(settings.data))
    click.echo("the schema is this program's 数据库结构已是最新")


@command.command()
@with_services
def fsck(services: Services) -> int:
    """Check everything kept against everything else 全面自检. Exit 1 if anything is wrong."""
    findings = list(run_fsck(services))
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.where}: {finding.what}")
    click.echo("clean 无误" if not findings else f"{len(findings)} finding(s)")
    return 1 if findings else 0


@command.command()
@with_services
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A directory, new or of an earlier export.")
@click.option("--statements", is_flag=True, help="Also acceptances and statements, for a full replay.")
def export(services: Services, out: Path, statements: bool) -> None:
    """Copy the published ledger to a directory that any static file server can serve 导出账本."""
    size = export_ledger(services, LedgerFolder(out), statements=statements)
    click.echo(f"{size} records 条 -> {out}")
