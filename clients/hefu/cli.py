"""``hefu``: the command line. Exit 0 proven or done, 1 not proven, 2 refused, 3 cannot tell or failed, 130 interrupted.

The standard library's argparse and late imports: with click, ``hefu verify`` would start at half the speed.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, HelpFormatter, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from hefu import __version__
from hefu.document import UnreadableError
from hefu.errors import CANNOT_TELL, INTERRUPTED, NOT_PROVEN, AlarmError, ClientError, FolderError
from hefu_ledger import verdict as verdicts
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, VerificationError

_SETTINGS = {"HEFU_HOME": "home", "HEFU_SERVER": "server", "HEFU_POLICY": "policy"}
_CODES = {verdicts.PROVEN: 0, verdicts.NOT_PROVEN: NOT_PROVEN, verdicts.CANNOT_TELL: CANNOT_TELL}


class _HelpFormatter(HelpFormatter):
    """Help of a fixed width: asking for the terminal's would import shutil, whether help is shown or not."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


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


def _usage() -> str:
    lines = [f"  {name:<8} {command.summary}" for name, command in _COMMANDS.items()]
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


def _option(parser: ArgumentParser, name: str, what: str, *, needed: bool = True) -> None:
    """An option that the environment may give; looked for after both were read."""
    parser.add_argument(f"--{name}", help=f"{what} (or HEFU_{name.upper()})")
    if needed:
        parser.set_defaults(needed=(*parser.get_default("needed"), name))


def _declare_init(parser: ArgumentParser) -> None:
    _option(parser, "home", "the folder to keep key and settings in")
    _option(parser, "server", "the service's address")
    parser.add_argument("--code", required=True, help="the one-time code that the operator gave")


def _init(options: Namespace) -> Outcome:
    from hefu.sdk import enrol_home  # noqa: PLC0415

    done = enrol_home(options.home, server=options.server, code=options.code)
    identity = done.identity._asdict() | {"verified_at": format_time(done.identity.verified_at)}
    text = [
        f"enrolled 已登记: {done.identity.name} ({done.identity.uscc})",
        f"depositor {done.depositor} of the ledger {done.origin}",
        f"found on the ledger under a signed checkpoint of {done.checkpoint_size} records",
        "log keys trusted at first sight; compare them with a source other than the service 请另行核对账本公钥指纹:",
        *(f"  sha256 {fingerprint}" for fingerprint in done.fingerprints),
    ]
    return Outcome(0, done._asdict() | {"identity": identity}, "\n".join(text))


def _declare_deposit(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file or a folder")
    _option(parser, "home", "the folder that hefu init made")
    parser.add_argument("--out", required=True, help="where evidence is written")
    parser.add_argument("--wait", action="store_true", help="wait until the ledger has it and the evidence is complete")
    parser.add_argument("--skip-unreadable", action="store_true", help="deposit the rest, and list what was left out")


def _deposit(options: Namespace) -> Outcome:
    from hefu.sdk import Client  # noqa: PLC0415

    with Client(options.home) as client:
        done = client.deposit(
            options.paths, out=options.out, wait=options.wait, skip_unreadable=options.skip_unreadable
        )
    values = [item._asdict() | {"left_out": [problem._asdict() for problem in item.left_out]} for item in done]
    lines = []
    for item in done:
        lines.append(f"{item.state}: {item.path} ({item.documents}), no. 存证编号 {item.number}, {item.evidence}")
        lines += [f"  left out: {problem.path}: {problem.cause}" for problem in item.left_out]
    if any(item.state == "accepted" for item in done):
        lines.append("acknowledged, not on the ledger yet 已收讫，尚未入账: run the same command again to complete it")
    return Outcome(0, {"deposits": values}, "\n".join(lines))


def _declare_verify(parser: ArgumentParser) -> None:
    parser.add_argument("evidence", metavar="EVIDENCE", help="NAME.hefu.json or NAME.hefu.bundle")
    parser.add_argument("document", metavar="DOCUMENT", help="the document, or for a bundle the folder")
    _option(parser, "policy", "whom to trust, a c2sp.org/tlog-policy file from a source of your own", needed=False)


def _verify(options: Namespace) -> Outcome:
    from hefu.verifying import read_policy, verify  # noqa: PLC0415

    return _verdict(verify(options.evidence, options.document, policy=read_policy(options.policy)))


def _declare_audit(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="URL of a /ledger, or an exported folder")
    _option(parser, "policy", "whom to trust, a c2sp.org/tlog-policy file")
    parser.add_argument("--state", help="a file that remembers the last checkpoint, to notice any rewriting")


def _audit(options: Namespace) -> Outcome:
    from hefu.audit import audit  # noqa: PLC0415
    from hefu.source import open_source  # noqa: PLC0415
    from hefu.state import read_state, write_state  # noqa: PLC0415
    from hefu.verifying import read_policy  # noqa: PLC0415

    policy = read_policy(options.policy)
    if policy is None:
        raise ClientError("--policy is needed: nothing can be checked without a key to trust")
    seen = read_state(options.state) if options.state else None
    verdict, checkpoint = audit(open_source(options.source), policy=policy, seen=seen)
    if options.state and checkpoint is not None:
        write_state(options.state, checkpoint)
    return _verdict(verdict)


def _verdict(verdict: verdicts.Verdict) -> Outcome:
    from hefu.render import verdict_text  # noqa: PLC0415

    return Outcome(_CODES[verdict.verdict], verdicts.verdict_value(verdict), verdict_text(verdict))


def _declare_extract(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("documents", nargs="*", metavar="DOCUMENT", help="names in the deposit; none for all")
    parser.add_argument("--out", required=True, help="where evidence files are written, in the folder's shape")


def _extract(options: Namespace) -> Outcome:
    from hefu.extract import extract  # noqa: PLC0415

    paths = extract(options.bundle, options.out, options.documents)
    return Outcome(0, {"evidence": paths}, f"{len(paths)} evidence files in {options.out}")


def _declare_inspect(parser: ArgumentParser) -> None:
    parser.add_argument("evidence", metavar="EVIDENCE")


def _inspect(options: Namespace) -> Outcome:
    from hefu.inspecting import inspect  # noqa: PLC0415
    from hefu.render import members_text  # noqa: PLC0415

    value = inspect(options.evidence)
    return Outcome(0, value, members_text(value))


_COMMANDS = {
    "init": Command("enrol with a one-time code 实名登记", _declare_init, _init),
    "deposit": Command("deposit files and folders 存证", _declare_deposit, _deposit),
    "verify": Command("verify evidence offline 核验", _declare_verify, _verify, verdict=True),
    "inspect": Command("show what evidence says, unverified 查看", _declare_inspect, _inspect),
    "extract": Command("cut single evidence files out of a bundle 拆分", _declare_extract, _extract),
    "audit": Command("replay a whole ledger 审计重放", _declare_audit, _audit, verdict=True),
}
