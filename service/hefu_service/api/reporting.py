"""Reports of requests: a line in the log, a count for Prometheus, an id in the answer."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Callable
from typing import Final

from hefu_service.observing.logs import log_about
from hefu_service.observing.metrics import METHODS

LOG: Final = logging.getLogger("hefu.request")
# A client may choose its id; one as long as a SHA-256 in hex is refused, because hashes have no place in a log.
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z-]{1,63}", re.ASCII)


class Reporter:
    """One instance a process; ``answered`` as in ``Context``. May be called from any thread."""

    def __init__(self, answered: Callable[[str, str, int, float, str | None], None]) -> None:
        self._answered = answered
        self._process = secrets.token_hex(4)  # the rest of an id is a count, which needs no system call
        self._numbers = itertools.count()

    def begin(self, given: str) -> str:
        """Give a request its id, ``given`` if it may be one, and put it on every line logged about it."""
        request_id = given if _REQUEST_ID.fullmatch(given) else f"{self._process}{next(self._numbers):08x}"
        log_about(request=request_id)
        return request_id

    def answered(self, method: str, route: str, status: int, seconds: float, problem: str | None = None) -> None:
        """Report an answered request under its ``route``; its path may hold identifiers and is never reported."""
        self._answered(method, route, status, seconds, problem)
        if LOG.isEnabledFor(logging.INFO):
            event = {
                "method": method if method in METHODS else "other",
                "route": route,
                "status": status,
                "ms": round(1000 * seconds, 1),
            }
            if problem is not None:
                event["problem"] = problem
            LOG.info("request", extra={"event": event})

    def headers(self, request_id: str) -> list[tuple[str, str]]:
        """The headers of every answer."""
        return [("X-Request-Id", request_id), ("X-Content-Type-Options", "nosniff")]
