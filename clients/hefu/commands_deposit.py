"""The commands that enrol and deposit: init, deposit."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.command import Command, Outcome, option
from hefu_ledger.encoding import format_time

if TYPE_CHECKING:
    from hefu.deposit import Deposited


def _declare_init(parser: ArgumentParser) -> None:
    option(parser, "home", "the folder to keep key and settings in")
    option(parser, "server", "the service's address")
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
    option(parser, "home", "the folder that hefu init made")
    parser.add_argument("--out", required=True, help="where evidence is written")
    parser.add_argument("--offline", action="store_true", help="prepare and sign without a network, for hefu submit")
    parser.add_argument("--wait", action="store_true", help="wait until the ledger has it and the evidence is complete")
    parser.add_argument("--skip-unreadable", action="store_true", help="deposit the rest, and list what was left out")


def _deposit(options: Namespace) -> Outcome:
    if options.offline:
        return _prepare(options)
    from hefu.sdk import Client  # noqa: PLC0415

    with Client(options.home) as client:
        done = client.deposit(
            options.paths, out=options.out, wait=options.wait, skip_unreadable=options.skip_unreadable
        )
    lines = [
        f"{item.state}: {item.path} ({item.documents}), no. 存证编号 {item.number}, {item.evidence}" for item in done
    ]
    if any(item.state == "accepted" for item in done):
        lines.append("acknowledged, not on the ledger yet 已收讫，尚未入账: run the same command again to complete it")
    return _deposited(done, lines)


def _prepare(options: Namespace) -> Outcome:
    from hefu.home import load  # noqa: PLC0415
    from hefu.index import expected  # noqa: PLC0415
    from hefu.offline import prepare  # noqa: PLC0415

    home = load(options.home)
    with expected(home, options.paths, options.out):
        done = prepare(home, options.paths, out=options.out, skip_unreadable=options.skip_unreadable)
    lines = [f"{item.state}: {item.path} ({item.documents}), carry 请携带 {item.evidence}.statement" for item in done]
    lines.append(
        "signed, not sent 已签名，尚未提交: on a computer with a network, hefu submit FILE.statement --server URL"
    )
    return _deposited(done, lines)


def _deposited(done: Sequence[Deposited], lines: list[str]) -> Outcome:
    values = [item._asdict() | {"left_out": [problem._asdict() for problem in item.left_out]} for item in done]
    lines += [f"  left out: {problem.path}: {problem.cause}" for item in done for problem in item.left_out]
    return Outcome(0, {"deposits": values}, "\n".join(lines))


COMMANDS = {
    "init": Command("enrol with a one-time code 实名登记", _declare_init, _init),
    "deposit": Command("deposit files and folders 存证", _declare_deposit, _deposit),
}
