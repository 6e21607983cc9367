"""Limits 限额: how much a depositor may deposit, and how often whoever is not known may be wrong.

The counters are those of `limits`, the library beneath Flask-Limiter. Flask-Limiter itself decides before a view runs,
by what is seen of a request; but a depositor is known only when its statement is verified, and nobody else may use its
limit up. Counts are leased in portions and spent from memory: a deposit almost never asks the counter, what was not
stored after all is given back, and a process keeps at most a 64th of a limit from the others; one that is killed, until
the limit's time has passed.

The limits share a machine fairly, and are no promise to the last deposit: with Redis they are those of all processes
together; without it, or while it cannot be reached, of each. No honest deposit is refused for a Redis that is down.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, TypeVar

from flask import request
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from hefu_service.intake.committer import Accepted, Committer
from hefu_service.intake.deposits import Checked
from hefu_service.intake.refusals import OverLimitError

T = TypeVar("T")
Network = IPv4Network | IPv6Network
LOG: Final = logging.getLogger("hefu.limits")
RATE: Final = 120_000  # deposits a minute of one depositor
FAILURES: Final = 600  # a minute, of requests from one address that were refused
_SHARE: Final = 64  # a portion is this part of a limit
_REMEMBERED: Final = 4096
_AGAIN_S: Final = 5.0  # between two attempts to reach a Redis that failed


class Counts:
    """What was taken of each limit: counted by ``shared``, and in this process while that fails."""

    def __init__(self, shared: RateLimiter | None = None) -> None:
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = shared
        self._again = 0.0  # when to ask ``shared`` again, after it has failed

    def take(self, item: RateLimitItem, key: str, count: int) -> bool:
        """Whether there was room for ``count`` more, which then are taken."""
        return self._ask(lambda counter: counter.hit(item, key, cost=count))

    def retry_after_s(self, item: RateLimitItem, key: str) -> int:
        """In how many seconds (1 or more) there may be room."""
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
    """What each depositor may take of one limit; may be called from any thread."""

    def __init__(self, counts: Counts, item: RateLimitItem) -> None:
        self.item = item
        self._counts = counts
        self._portion = item.amount // _SHARE
        self._lock = threading.Lock()
        self._leases: dict[str, _Lease] = {}

    def take(self, key: str, count: int) -> bool:
        """Whether there was room for ``count`` (1 or more) more, which then are taken."""
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
        """Let ``count`` that were taken be taken again."""
        with self._lock:
            self._lease(key).left += count

    def refusal(self, key: str) -> OverLimitError:
        """Why there is no room, and when there may be."""
        what = f"more than {self.item.amount} deposits a {self.item.GRANULARITY.name}; nothing was stored"
        return OverLimitError(what, retry_after_s=self._counts.retry_after_s(self.item, key))

    def _lease(self, key: str) -> _Lease:
        now = time.monotonic()
        lease = self._leases.get(key)
        if lease is None or lease.until <= now:
            if len(self._leases) >= _REMEMBERED:
                self._leases = {each: held for each, held in self._leases.items() if held.until > now}
            lease = self._leases[key] = _Lease(now + self.item.get_expiry())
        return lease


class DepositLimits:
    """The limits of depositors; ``daily_quota`` None is no limit."""

    def __init__(self, *, rate: int = RATE, daily_quota: int | None = None, shared: RateLimiter | None = None) -> None:
        counts = Counts(shared)
        items: list[RateLimitItem] = [RateLimitItemPerMinute(rate, namespace="deposits")]
        if daily_quota is not None:
            items.append(RateLimitItemPerDay(daily_quota, namespace="deposits"))
        self._allowances = [Allowance(counts, item) for item in items]

    def accept(self, committer: Committer, statements: Sequence[bytes]) -> list[Accepted]:
        """As ``Committer.accept``; also OverLimitError. What was there before, or is not stored, counts for nothing."""
        checked = committer.check(statements)
        taken = self._take_for(committer, checked)
        fresh: dict[str, int] = {}
        try:
            accepted = committer.submit(checked)
            fresh = _counted(each.deposit.depositor for each in accepted if not each.again)
        finally:
            for depositor, count in taken.items():
                unused = count - fresh.get(depositor, 0)
                if unused > 0:
                    self._give_back(depositor, unused)
        return accepted

    def _take_for(self, committer: Committer, checked: Sequence[Checked]) -> Mapping[str, int]:
        counts = _counted(each.signed.statement.depositor for each in checked)
        refusal = self._take(counts)
        if refusal is None:
            return counts
        known = committer.known(checked)  # asked only now: an enterprise whose answer was lost must get its answer
        counts = _counted(each.signed.statement.depositor for each in checked if each.signed.id not in known)
        if counts and self._take(counts) is not None:
            raise refusal
        return counts

    def _take(self, counts: Mapping[str, int]) -> OverLimitError | None:
        """Take all, or say why not."""
        taken: list[tuple[Allowance, str, int]] = []
        for depositor, count in counts.items():
            for allowance in self._allowances:
                if not allowance.take(depositor, count):
                    for before in taken:
                        before[0].give_back(*before[1:])
                    return allowance.refusal(depositor)
                taken.append((allowance, depositor, count))
        return None

    def _give_back(self, depositor: str, count: int) -> None:
        for allowance in self._allowances:
            allowance.give_back(depositor, count)


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each comes; a Counter takes ten times as long for the one that there mostly is."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


class Strangers:
    """Counts what is refused from each address, before its sender is known; in this process alone.

    ``proxies`` are believed when they say whom they ask for. Deposits are never refused for the address they come from:
    to tell a bad one costs no more than to answer this.
    """

    def __init__(self, proxies: Sequence[Network] = (), *, failures: int = FAILURES) -> None:
        self._proxies = proxies
        self._item = RateLimitItemPerMinute(failures)
        self._counter = FixedWindowRateLimiter(MemoryStorage())

    def admit(self) -> None:
        """Raise OverLimitError if the sender of this request was refused too often; nothing of it is looked at."""
        key = self._key()
        if not self._counter.test(self._item, key):
            raise self._refusal(key)

    def refused(self) -> OverLimitError | None:
        """Count that this request is refused; what to answer instead, if that was too often."""
        key = self._key()
        return None if self._counter.hit(self._item, key) else self._refusal(key)

    def _refusal(self, key: str) -> OverLimitError:
        wait = math.ceil(self._counter.get_window_stats(self._item, key).reset_time - time.time())
        return OverLimitError("too many requests from this address were refused", retry_after_s=max(1, wait))

    def _key(self) -> str:
        """Of the address one of so many keys that nobody can fill the memory."""
        return str(hash(sender_of(request.remote_addr, request.headers.get("X-Forwarded-For"), self._proxies)) & 4095)


def sender_of(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The address that sent a request: the peer's or, where that is a proxy to be believed, whom it asks for.

    Of IPv6, the first 64 bits, which are one household's.
    """
    hops = [*(forwarded_for or "").split(","), peer or ""]
    while len(hops) > 1 and _is_among(hops[-1], proxies):
        hops.pop()
    try:
        address = ip_address(hops[-1].strip())
    except ValueError:
        return peer or ""  # what the proxy says is no address
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


def _is_among(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return False
    return any(address in network for network in networks)
