"""Records appended to the ledger's end, in memory; the store then swaps them in at once."""

from __future__ import annotations

from hefu_ledger.records.bodies import Batch, Clock, KnownBody, record_type
from hefu_ledger.records.record import Record, format_record, parse_record, record_hash
from hefu_ledger.tlog.merkle import Frontier, leaf_hash
from hefu_service.ports.rows import LedgerHead, StoredRecord


class Chain:
    """Grows from a head; ``head`` and ``records`` are then stored together.

    ``now_ms``: the time of the records, unless the record before them (of ``last_ms``) is later.
    """

    def __init__(self, head: LedgerHead, *, now_ms: int, last_ms: int = 0) -> None:
        self.head = head
        self._now_ms = now_ms
        self._last_ms = last_ms
        self.records: list[StoredRecord] = []
        self._frontier = Frontier(head.size, head.frontier)

    def add(self, body: KnownBody, *, depositor: str | None = None, events: int = 0, not_before: int = 0) -> None:
        """Append a record, MalformedError if it could not be read; ``events`` tells how many events it settles.

        A correction of the clock sets the time back, for itself and for the records after it.
        """
        kind = record_type(body)
        earliest = body.not_before if isinstance(body, Clock) else max(self._last_ms, not_before)
        self._last_ms = max(self._now_ms, earliest)
        batch = body if isinstance(body, Batch) else None
        entries = self.head.entries + (batch.count if batch else 0)
        data = format_record(Record(entries, self.head.size, self.head.prev, self._last_ms, kind, body))
        parse_record(data)  # a record that cannot be read would end the ledger
        first_seq = batch.first_seq if batch else None
        self.records.append(StoredRecord(self.head.size, kind, data, entries, depositor, first_seq))
        self._frontier.append(leaf_hash(data))
        self.head = LedgerHead(
            size=self.head.size + 1,
            entries=entries,
            events=self.head.events + events,
            prev=record_hash(data),
            frontier=self._frontier.hashes,
        )
