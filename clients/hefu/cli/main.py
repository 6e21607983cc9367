"""``hefu``: the command line. Exit 0 proven or done, 1 not proven, 2 refused, 3 cannot tell or failed, 130 interrupted.

The standard library's argparse and late imports, because ``hefu verify`` must start fast.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from hefu.cli.command import Command, Outcome
from hefu.cli.parser import PATHS, SETTINGS, WORDS, Parser, interactive, overview, whole_path
from hefu.cli.streams import finished, lost, prepare, read_names_as_utf8, write_json, write_text
from hefu.errors import CANNOT_TELL, INTERRUPTED, NOT_PROVEN, AlarmError, ClientError, FolderError
from hefu.files.document import UnreadableError
from hefu.files.platform import why
from hefu.files.scan import printable
from hefu.ui.escape import plain
from hefu.ui.language import languages, say
from hefu.version import __version__
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.language import CHINESE, ENGLISH, LANGUAGES, SETTING
from hefu_ledger.verify import verdict as verdicts

_RESEMBLING = 0.7  # of difflib: HEFU_SEVER is HEFU_SERVER misspelt, HEFU_SERVICE_HOST is another program's
# Where each command lives, in the order of the help: only the module of the one that is asked for is imported.
MODULES = {
    "init": "enrol",
    "deposit": "deposit",
    "approve": "keys",
    "verify": "evidence",
    "inspect": "evidence",
    "extract": "evidence",
    "audit": "evidence",
    "list": "index",
    "search": "index",
    "label": "index",
    "check": "folders",
    "watch": "folders",
    "submit": "deposit",
    "renew": "deposit",
    "drop": "deposit",
    "refresh": "deposit",
    "key request": "keys",
    "key add": "keys",
    "key list": "keys",
    "key retire": "keys",
    "key lost": "keys",
    "vault restore": "vault",
    "vault verify": "vault",
    "vault sync": "vault",
    "vault rotate": "vault",
    "vault join": "vault",
    "completion": "shell",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit. A crash ends in 3, and so does a good answer that cannot be written."""
    if arguments is None:
        read_names_as_utf8()
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as ended:  # argparse's
        code = ended.code if isinstance(ended.code, int) else CANNOT_TELL
    except OSError as error:
        code = lost(0, error)
    except Exception as error:
        code = CANNOT_TELL
        with suppress(OSError):
            write_text(sys.stderr, f"hefu: {say('cli.unexpected', kind=type(error).__name__, error=error)}")
    sys.exit(finished(code))


def _run(words: Sequence[str]) -> int:
    prepare()
    if words[:1] == ["--version"]:
        write_text(sys.stdout, f"hefu {__version__}")
        return 0
    name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in MODULES), "")
    command = find(name) if name else None
    if command is None:
        asked = not words or words[0] in ("-h", "--help")
        text = overview((name, find(name).summary) for name in MODULES)
        write_text(sys.stdout if asked else sys.stderr, text.removesuffix("\n"))
        return 0 if asked else 2
    parser = Parser(name, command)
    options = parser.parse(words[len(name.split()) :])
    problem = _complete(command, options, os.environ)
    if problem:
        parser.error(problem)
    if getattr(options, "insecure_http", False):
        write_text(sys.stderr, f"hefu: {say('service.warning')}")
    return _report(_attempt(command, options), as_json=options.json)


def parsers() -> dict[str, Parser]:
    """The parser of every command, in the order of the help."""
    return {name: Parser(name, find(name)) for name in MODULES}


def find(name: str) -> Command:
    """Import the command of a name in ``MODULES``."""
    command: Command = import_module(f"hefu.cli.commands.{MODULES[name]}").COMMANDS[name]
    return command


def _complete(command: Command, options: Namespace, environment: Mapping[str, str]) -> str:
    """Fill in options that no flag gave; returns all problems at once, as text."""
    for name, setting in SETTINGS.items():
        if getattr(options, name, "") is None:
            setattr(options, name, environment.get(setting))
    problems = [*_misset(environment), *_expand(options), *_foreign(options)]
    missing = _missing(options)
    if missing and command.ask is not None and not options.json and not problems and interactive():
        command.ask(options, missing)
        missing = _missing(options)
    return "; ".join([*problems, *map(_needed, missing)])


def _expand(options: Namespace) -> Iterator[str]:
    """Let ``~`` be a home folder in every path, and name the paths where it is none."""
    for name in sorted(PATHS & vars(options).keys()):
        value = getattr(options, name)
        try:
            setattr(
                options, name, list(map(whole_path, value)) if isinstance(value, list) else value and whole_path(value)
            )
        except ValueError as error:
            yield str(error)


def _foreign(options: Namespace) -> Iterator[str]:
    """Name the words that are in another encoding than UTF-8."""
    for name in sorted(WORDS & vars(options).keys()):
        value = getattr(options, name) or ""
        if any("\ud800" <= character <= "\udfff" for character in value):
            yield say("cli.not_utf8", word=printable(value))


def _misset(environment: Mapping[str, str]) -> Iterator[str]:
    known = (*SETTINGS.values(), SETTING)
    for name in sorted(name for name in environment if name.startswith("HEFU_") and name not in known):
        from difflib import get_close_matches  # a cold start goes without it

        bare = [each.removeprefix("HEFU_") for each in known]
        for near in get_close_matches(name.removeprefix("HEFU_").upper(), bare, 1, _RESEMBLING):
            yield say("cli.unknown_setting", name=name, near=f"HEFU_{near}")
    if environment.get(SETTING, CHINESE) not in LANGUAGES:
        yield say("cli.unknown_language", name=SETTING)


def _missing(options: Namespace) -> list[str]:
    return [name for name in options.needed if not getattr(options, name)]


def _needed(name: str) -> str:
    setting = SETTINGS.get(name)
    return say("cli.needed_or", option=name, setting=setting) if setting else say("cli.needed", option=name)


def _attempt(command: Command, options: Namespace) -> Outcome:
    try:
        return command.run(options)
    except KeyboardInterrupt:
        return _failure(command, INTERRUPTED, say("cli.interrupted"))
    except ClientError as error:
        return _failure(command, error.exit_code, str(error), **_details(error))
    except VerificationError as error:
        return _failure(command, NOT_PROVEN, say("cli.contradiction", error=error), **_details(error))
    except LedgerError as error:
        return _failure(command, CANNOT_TELL, say("cli.unreadable", error=error), **_details(error))
    except UnreadableError as error:
        return _failure(command, CANNOT_TELL, plain(error))
    except OSError as error:
        return _failure(command, CANNOT_TELL, plain(f"{error.filename}: {why(error)}" if error.filename else error))
    except Exception as error:  # a crash must not look like a verdict
        import traceback

        with suppress(OSError):
            write_text(sys.stderr, traceback.format_exc().rstrip("\n"))
        return _failure(command, CANNOT_TELL, say("cli.unexpected", kind=type(error).__name__, error=error))


def _details(error: ClientError | LedgerError) -> dict[str, Any]:
    if isinstance(error, LedgerError):
        return {"code": error.code, "values": error.values}
    if isinstance(error, FolderError):
        return {"problems": [problem._asdict() for problem in error.problems]}
    if isinstance(error, AlarmError):
        return {"alarm": {"seen_before": error.remembered, "seen_now": error.found}}
    return {}


def _failure(command: Command, exit_code: int, message: str, **details: Any) -> Outcome:
    value: dict[str, Any] = {"error": message, **details}
    if command.verdict:
        found = verdicts.NOT_PROVEN if exit_code == NOT_PROVEN else verdicts.CANNOT_TELL
        value |= {"verdict": found, "verdict_zh": verdicts.IN_CHINESE[found], "steps": []}
        names = {CHINESE: verdicts.IN_CHINESE[found], ENGLISH: found}
        message = f"{' '.join(names[each] for each in languages())}: {message}"
    notes = "".join(f"\n{name}:\n{note}" for name, note in details.get("alarm", {}).items())
    return Outcome(exit_code, value, f"hefu: {message}{notes}")


def _report(outcome: Outcome, *, as_json: bool) -> int:
    failed = "error" in outcome.value
    try:
        if as_json:
            write_json(sys.stdout, outcome.value)
        if failed or not as_json:
            write_text(sys.stderr if failed else sys.stdout, outcome.text)
    except OSError as error:
        return lost(outcome.code, error)
    return outcome.code
