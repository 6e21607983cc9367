"""Paths deposited in one call, each by itself: early evidence comes back, and one that cannot holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hefu.deposit.depositor import Deposited, SomeFailedError
from hefu.deposit.plan import Target, expected, plan
from hefu.errors import AlarmError, ClientError, FolderError, UnreachableError
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.recovery.early import early_evidence
from hefu.service import Service
from hefu_ledger.errors import LedgerError

Failed = list[tuple[str, Exception]]


def deposit_paths(
    home: Home,
    service: Service | None,
    index: Index,
    paths: Sequence[str],
    begin: Callable[[list[Target]], list[Deposited]],
    *,
    out: str,
    ignore: bool,
    again: bool,
) -> list[Deposited]:
    """Deposit each path with ``begin``, unless it has early evidence and ``again`` is not asked for.

    SomeFailedError where some of several could not be deposited; of a single path its own error. ``service``: where
    receipts of early evidence may be asked for, None without a network.
    """
    targets, failed = _plan(paths, out, home.path, ignore=ignore)
    done = {} if again else _bring_back(home, service, index, targets, failed)
    left = {path for path, _ in failed}
    new = [target for target in targets if target.path not in done and target.path not in left]
    with expected(home, new):
        done |= _begin(begin, new, failed)
    if failed and len(paths) == 1:
        raise failed[0][1]
    ordered = [done[target.path] for target in targets if target.path in done]
    if failed:
        raise SomeFailedError(ordered, failed)
    return ordered


def _plan(paths: Sequence[str], out: str, home: str, *, ignore: bool) -> tuple[list[Target], Failed]:
    try:
        return plan(paths, out, home, ignore=ignore), []
    except FolderError as error:
        bad = {problem.path: FolderError([problem]) for problem in error.problems}
    failed: Failed = [(path, bad[printable(path)]) for path in paths if printable(path) in bad]
    rest = [path for path in paths if printable(path) not in bad]
    return plan(rest, out, home, ignore=ignore) if rest else [], failed


def _bring_back(
    home: Home, service: Service | None, index: Index, targets: Sequence[Target], failed: Failed
) -> dict[str, Deposited]:
    done: dict[str, Deposited] = {}
    for target in targets:
        try:
            early = early_evidence(home, service, index, target)
        except (UnreachableError, AlarmError):
            raise
        except (ClientError, LedgerError) as error:
            failed.append((target.path, error))
        else:
            done |= {} if early is None else {target.path: early}
    return done


def _begin(
    begin: Callable[[list[Target]], list[Deposited]], targets: list[Target], failed: Failed
) -> dict[str, Deposited]:
    try:
        done = begin(targets) if targets else []
    except SomeFailedError as error:
        failed += error.failed
        done = error.done
    except (UnreachableError, AlarmError):
        raise
    except (ClientError, LedgerError) as error:
        if len(targets) > 1:
            raise
        failed.append((targets[0].path, error))
        done = []
    return {item.path: item for item in done}
