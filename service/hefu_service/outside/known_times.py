"""Times that are known when a process starts, and against which its clock is compared before it is believed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from hefu_ledger.encoding import format_time, parse_time
from hefu_service.intake.time import BACK_MS
from hefu_service.outside.sntp import measure
from hefu_service.texts import Text, sentence

LOG: Final = logging.getLogger("hefu.clock")
DAY_MS: Final = 86_400_000
OFF_MS: Final = 5_000  # from a time server: more than a well-kept clock ever is
RELEASED: Final = "released"
"""The file in this package that ``make release`` writes: the release's time, as in records."""


@dataclass(frozen=True, slots=True)
class KnownTimes:
    """``last_ms``: of the ledger. ``servers``: of each time server, the true time at the elapsed count's zero (ms).

    None, and a server's None, is "not told": it neither agrees nor disagrees.
    """

    last_ms: int | None = None
    idle_ms: int = 35 * DAY_MS
    released_ms: int | None = None
    servers: Mapping[str, int | None] = field(default_factory=dict)

    def doubt(self, now_ms: int, offset_ms: int) -> Text | None:
        """Why a clock that shows ``now_ms``, and showed ``offset_ms`` at the count's zero, is not believed, if so."""
        off = [abs(true_ms - offset_ms) for true_ms in self.servers.values() if true_ms is not None]
        if self.last_ms is not None and now_ms < self.last_ms - BACK_MS:
            return sentence("clock.early", now=format_time(now_ms), last=format_time(self.last_ms))
        if self.last_ms is not None and now_ms > self.last_ms + self.idle_ms:
            days = self.idle_ms // DAY_MS
            return sentence("clock.late", now=format_time(now_ms), last=format_time(self.last_ms), days=days)
        if self.released_ms is not None and now_ms < self.released_ms:
            return sentence("clock.unreleased", now=format_time(now_ms), released=format_time(self.released_ms))
        if off and max(off) > OFF_MS:
            return sentence("clock.server", off_ms=max(off))
        return None

    @property
    def silent(self) -> list[str]:
        """The time servers that did not tell."""
        return [server for server, true_ms in self.servers.items() if true_ms is None]


def released_ms() -> int | None:
    """When this release was made; None for a program that is none, such as a clone."""
    file = files("hefu_service").joinpath(RELEASED)
    return parse_time(file.read_text("ascii").strip()) if file.is_file() else None


def known_times(
    last_ms: int | None, *, idle_days: int, servers: tuple[str, ...], elapsed_ns: Callable[[], int]
) -> KnownTimes:
    """Ask for all that is known; a time server that does not tell is named in the log."""
    known = KnownTimes(last_ms, idle_days * DAY_MS, released_ms(), measure(servers, elapsed_ns))
    for server in known.silent:
        LOG.warning("a time server does not tell the time", extra={"event": {"server": server}})
    return known
