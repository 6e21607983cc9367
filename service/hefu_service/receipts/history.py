"""A depositor's records in the ledger, and those about the ledger itself: receipts rely on some, and tell others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hefu_ledger.deposit.acceptance import Acceptance
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.fold import DepositorEvent
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.roster import verifier_key
from hefu_ledger.verify.relied import WHOLE_BELOW
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import LEDGER, StoredRecord
from hefu_service.ports.store import View

MOST_TOLD: Final = 16  # records about the ledger itself: the newest


@dataclass(frozen=True, slots=True)
class History:
    """The ledger's records when it had ``events`` events: a depositor's records by event, and those of the ledger."""

    depositor: str
    events: int
    own: Sequence[StoredRecord]
    ledger: Sequence[StoredRecord]

    def relied_on(self, acceptance: Acceptance, statement: bytes, batch: StoredRecord) -> list[StoredRecord]:
        """The depositor's records that a deposit relies on, by index (FORMAT.md 8)."""
        last = acceptance.event
        if last >= len(self.own) or self.own[last].index > batch.index:
            raise StorageError(f"deposit {acceptance.seq} is sealed before the keys it was accepted by")
        if last < WHOLE_BELOW:
            return list(self.own[: last + 1])
        roster = event_of(self.own[last]).roster
        note, _ = parse_signed_statement(statement)
        name = depositor_key_name(acceptance.origin, self.depositor)
        lines = {line.key_id for line in note.signatures}
        added = {key.since for key in roster.keys if verifier_key(name, key.key).key_id in lines}
        return [self.own[event] for event in sorted({last, roster.enrolment, *added})]

    def told(self, acceptance: Acceptance, batch: StoredRecord) -> list[StoredRecord]:
        """The records that a receipt tells besides: the depositor's newest, and those of the ledger after the batch."""
        newest = [self.own[-1]] if self.own and len(self.own) - 1 > acceptance.event else []
        return [*newest, *(record for record in self.ledger if record.index > batch.index)]


def read_history(view: View, depositor: str) -> History:
    """Read it from one snapshot."""
    return History(
        depositor=depositor,
        events=view.ledger_head().events,
        own=view.records_of(depositor),
        ledger=list(view.records_of(LEDGER))[-MOST_TOLD:],
    )


@lru_cache(maxsize=1024)
def event_of(record: StoredRecord) -> DepositorEvent:
    """The body of a depositor's record."""
    body = parse_record(record.data).body
    if not isinstance(body, Enrolment | KeyEvent):
        raise StorageError(f"record {record.index} is stored as a depositor's and is none")
    return body
