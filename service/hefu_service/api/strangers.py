"""Limits 限额 of addresses: how many refused requests one may send before it is refused unread."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from flask import request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.datastructures import Headers

from hefu_service.intake.refusals import OverLimitError
from hefu_service.texts import sentence

Network = IPv4Network | IPv6Network
_FORWARDED: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip")  # proxies add them
FAILURES: Final = 600  # a minute, of requests from one address that were refused


class Strangers:
    """Counts of the refused requests of each address, in this process alone.

    ``proxies`` are believed about the address behind them. A deposit, a key request, a closure or an enrolment is never
    refused for its address: checking its signature or code costs no more than this answer.
    """

    def __init__(self, proxies: Sequence[Network] = (), *, failures: int = FAILURES) -> None:
        self._proxies = proxies
        self._item = RateLimitItemPerMinute(failures)
        self._counter = FixedWindowRateLimiter(MemoryStorage())

    def admit(self) -> None:
        """Raise OverLimitError if the sender of this request was refused too often; the request stays unread."""
        key = self._key()
        if not self._counter.test(self._item, key):
            raise self._refusal(key)

    def refused(self) -> OverLimitError | None:
        """Count this request as refused; the error to answer instead, if that was too often."""
        key = self._key()
        return None if self._counter.hit(self._item, key) else self._refusal(key)

    def is_from_here(self) -> bool:
        """Whether this request comes from this machine itself."""
        return is_from_here(request.remote_addr, request.headers, self._proxies)

    def _refusal(self, key: str) -> OverLimitError:
        wait = math.ceil(self._counter.get_window_stats(self._item, key).reset_time - time.time())
        return OverLimitError(sentence("http.strangers"), retry_after_s=max(1, wait))

    def _key(self) -> str:
        """Map the sender's address to one of 4096 keys: many addresses cannot fill the memory."""
        return str(hash(sender_of(request.remote_addr, request.headers.get("X-Forwarded-For"), self._proxies)) & 4095)


def is_from_here(peer: str | None, headers: Headers, proxies: Sequence[Network]) -> bool:
    """Whether a request comes from this machine itself; not if a proxy that is not trusted has sent it on."""
    forwarded_for = headers.get("X-Forwarded-For")
    if forwarded_for is not None and _is_among(peer or "", proxies):
        return _is_loopback(_nearest(peer, forwarded_for, proxies))
    return _is_loopback(peer or "") and not any(name in headers for name in _FORWARDED)


def sender_of(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The address that sent a request: the peer's, or the one that a trusted proxy names.

    Of IPv6, the first 64 bits, which are one household's.
    """
    try:
        address = ip_address(_nearest(peer, forwarded_for, proxies))
    except ValueError:
        return peer or ""  # the proxy named no address
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


def _nearest(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The last hop that is none of our own proxies: an address, if the proxy wrote one."""
    hops = [*(forwarded_for or "").split(","), peer or ""]
    while len(hops) > 1 and _is_among(hops[-1], proxies):
        hops.pop()
    return hops[-1].strip()


def _is_loopback(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _is_among(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return False
    return any(address in network for network in networks)
