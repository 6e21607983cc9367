"""Stalled clients: a sender that stops in the middle of a body is cut off, because it holds a thread that answers.

The server reads a body in a thread, waits without end, and does not tell which connection it waits for. So when bodies
are overdue, as many connections of their senders are ended, those first that have had no answer and sent least since
we began to look, and longest been silent: a sender that still waits for a thread came later than one that holds one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Final, NamedTuple

from hefu_service.api.arrivals import Arrivals
from hefu_service.serving.connections import Unanswered, can_be_seen, end, unanswered

LOG: Final = logging.getLogger("hefu.stalled")
HURRY_S: Final = 2.0  # for a body that hardly moves, while half of the threads wait for bodies
HURRY_BYTES_A_S: Final = 4096
_LOOK_S: Final = 0.5

_Key = tuple[tuple[str, int], int]  # a peer, and how much it was ever sent: one request


class _Seen(NamedTuple):
    since: float  # when we saw first that there is no answer
    received: int  # and how many bytes had come by then


class Stalled:
    """Looks for stalled clients of the server on ``port``, whose requests ``threads`` answer."""

    def __init__(self, arrivals: Arrivals, *, port: int, threads: int) -> None:
        self._arrivals = arrivals
        self._port = port
        self._threads = threads
        self._seen: dict[_Key, _Seen] = {}
        self._ended: set[_Key] = set()

    def watch(self) -> None:
        """Look twice a second, from a thread of its own; only where the system shows its connections."""
        if can_be_seen():
            threading.Thread(target=self._watch, name="stalled", daemon=True).start()
        else:
            LOG.warning("this system does not show connections: slow clients must be kept off by a proxy")

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            try:
                self.look()
            except OSError:
                LOG.exception("cannot look at the connections")

    def look(self) -> int:
        """Look once, end the connections that must end, and return their number."""
        slow = self._arrivals.older_than(_LOOK_S)
        if not slow:
            self._seen, self._ended = {}, set()
            return 0
        now = time.monotonic()
        pressed = 2 * len(slow) > self._threads
        counts = Counter(each.address for each in slow if pressed or each.until <= now)
        found = {_key(each): each for each in unanswered(self._port)}
        self._seen = {key: self._seen.get(key, _Seen(now, each.received)) for key, each in found.items()}
        self._ended &= found.keys()
        chosen = self._choose(counts, [each for each in found.values() if self._may_end(each, now, pressed)])
        for each in chosen:
            end(each)
            self._ended.add(_key(each))
        if chosen:
            LOG.warning("clients that did not go on were cut off", extra={"event": {"connections": len(chosen)}})
        return len(chosen)

    def _may_end(self, connection: Unanswered, now: float, pressed: bool) -> bool:
        seen = self._seen[_key(connection)]
        seconds = max(now - seen.since, connection.silent_ms / 1000)
        moves = connection.received - seen.received >= HURRY_BYTES_A_S * seconds
        return _key(connection) not in self._ended and seconds >= HURRY_S and not (pressed and moves)

    def _choose(self, counts: Counter[str], connections: list[Unanswered]) -> list[Unanswered]:
        """Choose as many of each address as ``counts`` has, first those that have sent least, for longest."""
        chosen = []
        for each in sorted(connections, key=self._rank):
            if counts[each.peer[0]] > 0:
                counts[each.peer[0]] -= 1
                chosen.append(each)
        return chosen

    def _rank(self, connection: Unanswered) -> tuple[int, int]:
        return connection.received - self._seen[_key(connection)].received, -connection.silent_ms


def _key(connection: Unanswered) -> _Key:
    return connection.peer, connection.sent
