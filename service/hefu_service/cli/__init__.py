"""``hefu-service``: the operator's commands."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Final

import click

from hefu_ledger.errors import LedgerError
from hefu_service.cli import depositors, ledger, running, shell
from hefu_service.cli.shell import command, tell
from hefu_service.intake.refusals import RefusedError
from hefu_service.language import click_text, error_text, say
from hefu_service.ports.errors import PortError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.settings import SettingsError

__all__ = ["command", "depositors", "ledger", "main", "running", "shell"]  # the modules add their commands to the group
REFUSED: Final = 2
STOPPED: Final = 3
INTERRUPTED: Final = 130


def main() -> None:
    """Run a command; exit 1 for findings, 2 for a refusal, 3 for a failure, 130 when interrupted."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not all(
        map(str.isascii, sys.argv)
    ):  # a name read through GBK would be enrolled as another
        tell(say("main.encoding", encoding=encoding))
        sys.exit(REFUSED)
    try:
        code = command(prog_name="hefu-service", standalone_mode=False)
    except click.ClickException as error:
        tell(click_text(_usage(error)))
        sys.exit(REFUSED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except SystemExit as ended:  # click ends in 1, which means findings, where the reader has closed the pipe
        sys.exit(STOPPED if ended.code == 1 else ended.code)
    except (LedgerError, PortError, RefusedError, SettingsError) as error:
        tell(say("main.failed", error=error_text(error)))
        sys.exit(REFUSED)
    except SealingStoppedError as error:
        tell(say("main.stopped", error=error_text(error)))
        sys.exit(STOPPED)
    except Exception as error:  # a crash must not look like a verdict
        tell(say("main.unexpected", kind=type(error).__name__, error=error))
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.ClickException) -> str:
    written = StringIO()
    error.show(written)
    return written.getvalue().rstrip("\n")
