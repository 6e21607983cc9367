"""The work that is owed, and for how long it has stood still. Read from the database, so a dead worker is seen."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_service.ports.rows import IntakeHead, LedgerHead
from hefu_service.ports.store import View
from hefu_service.services import Services


class Reach(NamedTuple):
    """How far intake and ledger have got, and how many records are published."""

    intake: IntakeHead
    ledger: LedgerHead
    published: int

    @property
    def deposits_waiting(self) -> int:
        """Deposits that are in no record."""
        return self.intake.next_seq - self.ledger.entries

    @property
    def events_waiting(self) -> int:
        """Events that are no records."""
        return self.intake.next_event - self.ledger.events

    @property
    def owed(self) -> bool:
        """Whether anything is to be sealed or published."""
        return bool(self.deposits_waiting or self.events_waiting or self.ledger.size != self.published)


def reach_of(view: View) -> Reach:
    """Read it."""
    checkpoint = view.latest_checkpoint()
    published = parse_checkpoint(parse_note(checkpoint).text).size if checkpoint else 0
    return Reach(view.intake_head(), view.ledger_head(), published)


class Backlog:
    """Looks at the database from time to time, from any thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None  # records, and the published, when last something was owed
        self._since = 0.0

    def standing_s(self) -> float:
        """Seconds for which, from look to look, something was owed and the ledger did not move; 0 at the first."""
        with self._services.store.view() as view:
            reach = reach_of(view)
        now, seen = time.monotonic(), (reach.ledger.size, reach.published)
        with self._lock:
            if not reach.owed or seen != self._seen:
                self._seen, self._since = seen if reach.owed else None, now
            return now - self._since
