"""The front door of deposits: every entrance of the service hands its statements in here.

::

    statements ─▶ check ─▶ take room of the depositors' limits ─▶ commit ─▶ give back the room of those stored before
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hefu_service.intake.committer import Accepted, Committer
from hefu_service.intake.deposits import CheckedStatement
from hefu_service.intake.refusals import OverLimitError
from hefu_service.ports.limiter import Excess, Limiter, Unlimited


class FrontDoor:
    """Accepts statements; may be called from any thread."""

    def __init__(self, committer: Committer, limiter: Limiter | None = None) -> None:
        self._committer = committer
        self._limiter = limiter or Unlimited()

    def accept(self, statements: Sequence[bytes]) -> list[Accepted]:
        """Accept all statements (1 to 64) of a request, or none; durable on return, in their order.

        Raises OverLimitError, BusyError, ClockError, StorageError, or the MalformedError or RefusedError of a
        statement (in OneOfManyError where there are more than one). A statement that was accepted before, or that is
        not stored, counts for no limit.
        """
        checked = self._committer.check(statements)
        taken = self._take_for(checked)
        fresh: dict[str, int] = {}
        try:
            accepted = self._committer.submit(checked)
            fresh = _counted(each.deposit.depositor for each in accepted if not each.again)
        finally:
            if fresh != taken:
                self._limiter.give_back(_unused(taken, fresh))
        return accepted

    def _take_for(self, checked: Sequence[CheckedStatement]) -> Mapping[str, int]:
        counts = _counted(each.signed.statement.depositor for each in checked)
        excess = self._limiter.take(counts)
        if excess is None:
            return counts
        # Known statements are looked up only now: an enterprise whose answer was lost gets it above its limit too.
        known = self._committer.known(checked)
        counts = _counted(each.signed.statement.depositor for each in checked if each.signed.id not in known)
        if counts and self._limiter.take(counts) is not None:
            raise _refusal(excess)
        return counts


def _refusal(excess: Excess) -> OverLimitError:
    return OverLimitError(excess.reason, retry_after_s=excess.retry_after_s)


def _counted(depositors: Iterable[str]) -> dict[str, int]:
    """Count each depositor; for the usual single one a dict is faster than a Counter."""
    counts: dict[str, int] = {}
    for depositor in depositors:
        counts[depositor] = counts.get(depositor, 0) + 1
    return counts


def _unused(taken: Mapping[str, int], used: Mapping[str, int]) -> dict[str, int]:
    left = {depositor: count - used.get(depositor, 0) for depositor, count in taken.items()}
    return {depositor: count for depositor, count in left.items() if count > 0}
