"""``hefu``: the command line. Exit 0 for proven or done, 1 not proven, 2 refused, 3 cannot tell or failed, 130 interrupted.

The standard library's argparse and late imports: with click, ``hefu verify`` would start at half the speed.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hefu import __version__
from hefu.document import UnreadableError
from hefu.errors import CANNOT_TELL, INTERRUPTED, NOT_PROVEN, AlarmError, ClientError, FolderError
from hefu_ledger import verdict as verdicts
from hefu_ledger.errors import LedgerError, VerificationError

_SETTINGS = {"HEFU_HOME": "home", "HEFU_SERVER": "server", "HEFU_POLICY": "policy"}
_CODES = {verdicts.PROVEN: 0, verdicts.NOT_PROVEN: NOT_PROVEN, verdicts.CANNOT_TELL: CANNOT_TELL}


class Outcome(NamedTuple):
    """What a command ends in: exit code, the value of ``--json``, the text for people."""

    code: int
    value: dict[str, Any]
    text: str


class Command(NamedTuple):
    """``verdict``: whether its answer, even when it fails, is a verdict."""

    summary: str
    declare: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Outcome]
    verdict: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["--version"]:
        sys.stdout.write(f"hefu {__version__}\n")
        sys.exit(0)
    command = _COMMANDS.get(words[0]) if words else None
    if command is None:
        asked = not words or words[0] in ("-h", "--help")
        (sys.stdout if asked else sys.stderr).write(_usage())
        sys.exit(0 if asked else 2)
    parser = ArgumentParser(prog=f"hefu {words[0]}", description=command.summary, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="answer with one JSON object")
    command.declare(parser)
    options = parser.parse_intermixed_args(words[1:])
    problem = _apply_environment(options, os.environ)
    if problem:
        parser.error(problem)
    sys.exit(_report(_attempt(command, options), as_json=options.json))


def _usage() -> str:
    lines = [f"  {name:<8} {command.summary}" for name, command in _COMMANDS.items()]
    return "usage: hefu COMMAND [-h] …\n\n合符: evidence that anyone can verify 可独立核验的电子存证\n\n" + "\n".join(lines) + "\n"


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
        sys.stdout.write(json.dumps(outcome.value, ensure_ascii=False) + "\n")
    if failed or not as_json:
        (sys.stderr if failed else sys.stdout).write(outcome.text + "\n")
    return outcome.code


def _option(parser: ArgumentParser, name: str, what: str, *, needed: bool = True) -> None:
    """An option that the environment may give; looked for after both were read."""
    parser.add_argument(f"--{name}", help=f"{what} (or HEFU_{name.upper()})")
    if needed:
        parser.set_defaults(needed=(*(parser.get_default("needed") or ()), name))
