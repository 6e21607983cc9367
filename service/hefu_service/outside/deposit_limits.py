"""Limits 限额 of depositors, counted by ``limits``, the library beneath Flask-Limiter.

Flask-Limiter itself decides before a view runs, by the request's address; but a depositor is known only when its
statement is verified, and no stranger may use its limit up. Counts are leased in portions and spent from memory: a
deposit almost never asks the counter, and room for a deposit that is not stored is given back. A process keeps at most
a 64th of a limit from the others; one that is killed keeps it until the limit's time has passed.

The limits share a machine fairly, and are no promise to the last deposit: with Redis they are those of all processes
together; without it, or while it cannot be reached, of each. No honest deposit is refused for a Redis that is down.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter

from hefu_service.ports.limiter import Excess

T = TypeVar("T")
LOG: Final = logging.getLogger("hefu.limits")
RATE: Final = 120_000  # deposits a minute of one depositor
_SHARE: Final = 64  # a portion is this part of a limit
_REMEMBERED: Final = 4096
_AGAIN_S: Final = 5.0  # between two attempts to reach a Redis that failed


class Counts:
    """Counts of used room of each limit: kept by ``shared``, and in this process while that fails."""

    def __init__(self, shared: RateLimiter | None = None) -> None:
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = shared
        self._again = 0.0  # when to ask ``shared`` again, after it has failed

    def take(self, item: RateLimitItem, key: str, count: int) -> bool:
        """Take room for ``count`` more; False if there is none."""
        return self._ask(lambda counter: counter.hit(item, key, cost=count))

    def retry_after_s(self, item: RateLimitItem, key: str) -> int:
        """Seconds (1 or more) until there may be room."""
        reset = self._ask(lambda counter: counter.get_window_stats(item, key).reset_time)
        return max(1, math.ceil(min(reset - time.time(), item.get_expiry())))

    def _ask(self, question: Callable[[RateLimiter], T]) -> T:
        if self._shared is not None and time.monotonic() >= self._again:
            try:
                return question(self._shared)
            except StorageError as error:
                self._again = time.monotonic() + _AGAIN_S
                cause = type(error.storage_error).__name__
                LOG.warning("no shared counts (%s); limits are those of this process", cause)
        return question(self._here)


class _Lease:
    __slots__ = ("left", "until")

    def __init__(self, until: float) -> None:
        self.left = 0
        self.until = until


class Allowance:
    """One limit, leased to each depositor; may be called from any thread."""

    def __init__(self, counts: Counts, item: RateLimitItem) -> None:
        self.item = item
        self._counts = counts
        self._portion = item.amount // _SHARE
        self._lock = threading.Lock()
        self._leases: dict[str, _Lease] = {}

    def take(self, key: str, count: int) -> bool:
        """Take room for ``count`` (1 or more) more; False if there is none."""
        with self._lock:
            lease = self._lease(key)
            held = min(lease.left, count)  # ours at once: another that counts on it too would be refused for nothing
            lease.left -= held
        needed = count - held
        if not needed:
            return True
        portion = max(needed, self._portion)
        if not self._counts.take(self.item, key, portion):  # asked without the lock: it may be far away
            portion = needed if portion > needed and self._counts.take(self.item, key, needed) else 0
        with self._lock:
            self._lease(key).left += portion - needed if portion else held
        return portion > 0

    def give_back(self, key: str, count: int) -> None:
        """Return room for ``count`` that was taken."""
        with self._lock:
            self._lease(key).left += count

    def excess(self, key: str) -> Excess:
        """Describe a limit without room."""
        reason = f"more than {self.item.amount} deposits a {self.item.GRANULARITY.name}; nothing was stored"
        return Excess(reason, self._counts.retry_after_s(self.item, key))

    def _lease(self, key: str) -> _Lease:
        now = time.monotonic()
        lease = self._leases.get(key)
        if lease is None or lease.until <= now:
            if len(self._leases) >= _REMEMBERED:
                self._leases = {each: held for each, held in self._leases.items() if held.until > now}
            lease = self._leases[key] = _Lease(now + self.item.get_expiry())
        return lease


class DepositLimits:
    """A ``Limiter``: so many deposits a minute, and a day; ``daily_quota`` None is no limit a day."""

    def __init__(self, *, rate: int = RATE, daily_quota: int | None = None, shared: RateLimiter | None = None) -> None:
        counts = Counts(shared)
        items: list[RateLimitItem] = [RateLimitItemPerMinute(rate, namespace="deposits")]
        if daily_quota is not None:
            items.append(RateLimitItemPerDay(daily_quota, namespace="deposits"))
        self._allowances = [Allowance(counts, item) for item in items]

    def take(self, counts: Mapping[str, int]) -> Excess | None:
        """See ``Limiter``."""
        taken: list[tuple[Allowance, str, int]] = []
        for depositor, count in counts.items():
            for allowance in self._allowances:
                if not allowance.take(depositor, count):
                    for before in taken:
                        before[0].give_back(*before[1:])
                    return allowance.excess(depositor)
                taken.append((allowance, depositor, count))
        return None

    def give_back(self, counts: Mapping[str, int]) -> None:
        """See ``Limiter``."""
        for depositor, count in counts.items():
            for allowance in self._allowances:
                allowance.give_back(depositor, count)
