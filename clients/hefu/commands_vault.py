"""The commands of the vault: vault restore, vault verify, vault sync."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hefu.command import Command, Outcome, option
from hefu.errors import NOT_PROVEN, ClientError

if TYPE_CHECKING:
    from hefu.recovery import Recovery, Sheet

_LIMIT = 16_384


def read_recovery(path: str) -> tuple[Recovery, Sheet | None]:
    """Read a recovery sheet's words, or what its QR code says, from a file, or from standard input for ``-``."""
    from hefu.recovery import parse_recovery  # noqa: PLC0415

    if path == "-":
        if sys.stdin.isatty():
            sys.stderr.write("the 24 words of the recovery sheet, then Enter 输入恢复单上的 24 个词:\n")
            return parse_recovery(sys.stdin.readline())
        return parse_recovery(sys.stdin.read(_LIMIT))
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return parse_recovery(file.read(_LIMIT))


def _declare_restore(parser: ArgumentParser) -> None:
    option(parser, "home", "the folder to bring the home back in")
    parser.add_argument("--words", required=True, metavar="FILE", help="the sheet's words or QR text; - to type them")
    parser.add_argument("--from", dest="source", metavar="DIR", help="a vault's folder, instead of the service")
    option(parser, "server", "the service's address, where the QR text does not say it", needed=False)
    parser.add_argument("--out", required=True, help="where evidence is written")


def _restore(options: Namespace) -> Outcome:
    from hefu.http import Service  # noqa: PLC0415
    from hefu.restoring import restore_from_folder, restore_from_service  # noqa: PLC0415

    recovery, sheet = read_recovery(options.words)
    server = options.server or (sheet.server if sheet is not None and options.source is None else None)
    if server is None:
        if options.source is None:
            raise ClientError("--server or --from is needed: the words alone do not say where the vault is kept")
        done = restore_from_folder(options.home, recovery, options.source, out=options.out, service=None)
    else:
        with Service(server) as service:
            if options.source is None:
                done = restore_from_service(options.home, recovery, service, out=options.out)
            else:
                done = restore_from_folder(options.home, recovery, options.source, out=options.out, service=service)
    text = [
        f"restored 已恢复: {len(done.evidence)} evidence files, {done.documents} documents, in {options.out}",
        *(f"  deposited, no receipt yet 尚无入账证明: {identity}" for identity in done.waiting),
        *(f"  prepared, never deposited 从未提交: {identity}" for identity in done.never),
        *(f"  could not be restored 无法恢复: {problem.path}: {problem.cause}" for problem in done.problems),
        "a signing key is on no sheet: ask the operator for a new code 签名密钥需凭新登记码重新登记, then",
        f"  hefu init --home {options.home} --server URL --code CODE",
    ]
    value = done._asdict() | {"problems": [problem._asdict() for problem in done.problems]}
    return Outcome(NOT_PROVEN if done.problems else 0, value, "\n".join(text))


def _declare_home(parser: ArgumentParser) -> None:
    option(parser, "home", "the folder that hefu init made")
    option(parser, "server", "another address of the service than the home's", needed=False)


def _declare_verify(parser: ArgumentParser) -> None:
    _declare_home(parser)
    parser.add_argument("--offline", action="store_true", help="look at the folder alone, not at the service's copy")


def _verify(options: Namespace) -> Outcome:
    from hefu.home import load_reader  # noqa: PLC0415
    from hefu.http import Service  # noqa: PLC0415
    from hefu.proving import verify_vault  # noqa: PLC0415

    reader = load_reader(options.home)
    if options.offline:
        done = verify_vault(reader, None)
    else:
        with Service(options.server or reader.config.server) as service:
            done = verify_vault(reader, service)
    counts = f"{done.deposits} deposits, {done.documents} documents"
    good = f"everything could be brought back 保管库完整，可全部恢复: {counts}"
    text = [f"not everything could be brought back 保管库有缺损: {counts}" if done.findings else good]
    text += [f"  {finding.where}: {finding.name}: {finding.what}" for finding in done.findings]
    text += [f"  prepared, not deposited 未提交: {identity}" for identity in done.never]
    value = done._asdict() | {"findings": [finding._asdict() for finding in done.findings]}
    return Outcome(NOT_PROVEN if done.findings else 0, value, "\n".join(text))


def _sync(options: Namespace) -> Outcome:
    from hefu.home import is_restored, load, load_reader  # noqa: PLC0415
    from hefu.http import Service  # noqa: PLC0415
    from hefu.syncing import sync  # noqa: PLC0415

    home = load_reader(options.home) if is_restored(options.home) else load(options.home)
    with Service(options.server or home.config.server) as service:
        done = sync(home, service)
    text = [f"sent 已上传 {done.sent}, fetched 已取回 {done.fetched}, receipts 入账证明 {done.receipts}"]
    text += [f"  {problem.path}: {problem.cause}" for problem in done.problems]
    value = done._asdict() | {"problems": [problem._asdict() for problem in done.problems]}
    return Outcome(NOT_PROVEN if done.problems else 0, value, "\n".join(text))


COMMANDS = {
    "vault restore": Command("bring everything back from the recovery sheet 恢复", _declare_restore, _restore),
    "vault verify": Command("prove that everything could be brought back 验库", _declare_verify, _verify),
    "vault sync": Command("exchange what the service or this computer lacks 同步", _declare_home, _sync),
}
