"""``hefu``: the command line. Exit 0 proven or done, 1 not proven, 2 refused, 3 cannot tell or failed, 130 interrupted.

The standard library's argparse and late imports: with click, ``hefu verify`` would start at half the speed.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, HelpFormatter, Namespace
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, TextIO

from hefu import __version__
from hefu.command import Command, Outcome
from hefu.document import UnreadableError
from hefu.errors import CANNOT_TELL, INTERRUPTED, NOT_PROVEN, AlarmError, ClientError, FolderError
from hefu_ledger import verdict as verdicts
from hefu_ledger.errors import LedgerError, VerificationError

_SETTINGS = {"HEFU_HOME": "home", "HEFU_SERVER": "server", "HEFU_POLICY": "policy"}
# Where each command lives, in the order of the help: only the module of the one that is asked for is imported.
MODULES = {
    "init": "commands_deposit",
    "deposit": "commands_deposit",
    "verify": "commands_evidence",
    "inspect": "commands_evidence",
    "extract": "commands_evidence",
    "audit": "commands_evidence",
    "list": "commands_daily",
    "search": "commands_daily",
    "label": "commands_daily",
    "check": "commands_daily",
    "watch": "commands_daily",
    "submit": "commands_daily",
    "refresh": "commands_daily",
}


class _HelpFormatter(HelpFormatter):
    """Help of a fixed width: asking for the terminal's would import shutil, whether help is shown or not."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["--version"]:
        sys.stdout.write(f"hefu {__version__}\n")
        sys.exit(0)
    command = find(words[0]) if words and words[0] in MODULES else None
    if command is None:
        asked = not words or words[0] in ("-h", "--help")
        (sys.stdout if asked else sys.stderr).write(_usage())
        sys.exit(0 if asked else 2)
    parser = ArgumentParser(
        prog=f"hefu {words[0]}", description=command.summary, allow_abbrev=False, formatter_class=_HelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="answer with one JSON object")
    parser.set_defaults(needed=())
    command.declare(parser)
    options = parser.parse_intermixed_args(words[1:])
    problem = _apply_environment(options, os.environ)
    if problem:
        parser.error(problem)
    sys.exit(_report(_attempt(command, options), as_json=options.json))


def find(name: str) -> Command:
    """Import the command of a name in ``MODULES``."""
    command: Command = import_module(f"hefu.{MODULES[name]}").COMMANDS[name]
    return command


def _usage() -> str:
    lines = [f"  {name:<8} {find(name).summary}" for name in MODULES]
    title = "合符: evidence that anyone can verify 可独立核验的电子存证"
    return "\n".join(["usage: hefu COMMAND [-h] …", "", title, "", *lines, ""])


def _apply_environment(options: Namespace, environment: Mapping[str, str]) -> str:
    """Fill in what no flag gave; returns what is wrong, naming everything at once."""
    given = {name: value for name, value in environment.items() if name.startswith("HEFU_")}
    problems = [f"{name}: unknown setting (known: {', '.join(_SETTINGS)})" for name in sorted(given.keys() - _SETTINGS)]
    for name, option in _SETTINGS.items():
        if getattr(options, option, "") is None:
            setattr(options, option, given.get(name))
    missing = [option for option in options.needed if not getattr(options, option)]
    return "; ".join([*problems, *(f"--{option} is needed (or HEFU_{option.upper()})" for option in missing)])


def _attempt(command: Command, options: Namespace) -> Outcome:
    try:
        return command.run(options)
    except KeyboardInterrupt:
        return _failure(command, INTERRUPTED, "interrupted; nothing is half-written, and the same command goes on")
    except ClientError as error:
        return _failure(command, error.exit_code, str(error), **_details(error))
    except VerificationError as error:
        return _failure(command, NOT_PROVEN, str(error))
    except (LedgerError, UnreadableError) as error:
        return _failure(command, CANNOT_TELL, str(error))
    except OSError as error:
        return _failure(command, CANNOT_TELL, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:  # a crash must not look like a verdict
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        return _failure(command, CANNOT_TELL, f"unexpected {type(error).__name__}: {error}")


def _details(error: ClientError) -> dict[str, Any]:
    if isinstance(error, FolderError):
        return {"problems": [problem._asdict() for problem in error.problems]}
    if isinstance(error, AlarmError):
        return {"alarm": {"seen_before": error.remembered, "seen_now": error.found}}
    return {}


def _failure(command: Command, code: int, message: str, **details: Any) -> Outcome:
    value: dict[str, Any] = {"error": message, **details}
    if command.verdict:
        found = verdicts.NOT_PROVEN if code == NOT_PROVEN else verdicts.CANNOT_TELL
        value |= {"verdict": found, "verdict_zh": verdicts.IN_CHINESE[found], "steps": []}
        message = f"{verdicts.IN_CHINESE[found]} {found}: {message}"
    notes = "".join(f"\n{name}:\n{note}" for name, note in details.get("alarm", {}).items())
    return Outcome(code, value, f"hefu: {message}{notes}")


def _report(outcome: Outcome, *, as_json: bool) -> int:
    failed = "error" in outcome.value
    if as_json:
        _print(sys.stdout, json.dumps(outcome.value, ensure_ascii=False))
    if failed or not as_json:
        _print(sys.stderr if failed else sys.stdout, outcome.text)
    return outcome.code


def _print(stream: TextIO, text: str) -> None:
    """Write a line that any terminal takes: what it cannot show is escaped, as JSON would (paths may be any bytes)."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
