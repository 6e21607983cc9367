"""What is owed, and for how long nothing has been done about it: as the database tells, whoever works or does not."""

from __future__ import annotations

import time
from typing import NamedTuple

from hefu_ledger.checkpoint import parse_checkpoint
from hefu_ledger.note import parse_note
from hefu_service.ports import View
from hefu_service.services import Services


class Reach(NamedTuple):
    """How far the ledger has got: records, and how many of them are published."""

    sealed: int
    published: int


class Backlog:
    """Looks at the database from time to time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reach: Reach | None = None
        self._since = 0.0

    def standing_s(self) -> float:
        """Seconds for which, from look to look, something was owed and the ledger did not move; 0 at the first."""
        with self._services.store.view() as view:
            reach = _reach(view)
            owed = _owed(view, reach)
        now = time.monotonic()
        if not owed or reach != self._reach:
            self._reach, self._since = reach if owed else None, now
        return now - self._since


def _reach(view: View) -> Reach:
    checkpoint = view.latest_checkpoint()
    published = parse_checkpoint(parse_note(checkpoint).text).size if checkpoint else 0
    return Reach(view.ledger_head().size, published)


def _owed(view: View, reach: Reach) -> bool:
    intake, ledger = view.intake_head(), view.ledger_head()
    return (intake.next_seq, intake.next_event, reach.sealed) != (ledger.entries, ledger.events, reach.published)
