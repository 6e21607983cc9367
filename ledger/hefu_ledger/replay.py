"""Replay 审计重放: the whole ledger recomputed from its bytes, by a state machine that is fed and never asks.

Public depth: records, the leaf hashes of each batch, checkpoints. It needs no account and no private data, and checks
every hash, order and count, enrolments, key events and times. Full depth: acceptances and statements in the place of
leaf hashes; it also checks each depositor's signatures, ``nth`` and every rule of acceptance. The first broken place is
named in the VerificationError or MalformedError that stops the replay.

Feed it, in the ledger's order: ``record``, and after each batch record ``leaves`` or ``entries``; then ``finish``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from hefu_ledger.deposit.acceptance import Acceptance, check_not_after, parse_acceptance
from hefu_ledger.deposit.statement import Seen, parse_signed_statement, statement_id
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.records.bodies import Batch, Clock, End, Enrolment, Genesis, KeyEvent, LedgerKey
from hefu_ledger.records.ending import verify_end
from hefu_ledger.records.fold import depositor_of
from hefu_ledger.records.history import DepositorHistory, LedgerHistory
from hefu_ledger.records.record import NO_RECORD, Record, parse_record, record_hash
from hefu_ledger.records.signatures import verify_statement
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.merkle import Frontier, leaf_hash, root_of_leaves
from hefu_ledger.tlog.note import Note, judge_lines, parse_note


class Replay:
    """One replay, from the first record on. After an error it must not be fed any more."""

    def __init__(self, *, full: bool) -> None:
        """``full``: ``entries`` will follow each batch record, not ``leaves``."""
        self.full = full
        self.genesis: Genesis | None = None
        self.size = 0  # records
        self.deposits = 0
        self.broken_promises = 0  # deposits anchored later than their acknowledgement said; full depth
        self.strange_sights = 0  # statements that claim to have seen another ledger than this; full depth
        self.clock_corrections = 0  # times that were declared anew by the operator
        self.unknown_records = 0  # of a type unknown here: their hashes are checked, their meaning is not
        self._prev = NO_RECORD
        self._frontier = Frontier()
        self._roots = bytearray()  # full depth: the ledger's root at every size, 32 bytes each
        self._remembered: dict[int, bytes] = {}
        self._depositors: dict[str, DepositorHistory] = {}
        self._ledger_keys: LedgerHistory | None = None  # from genesis on
        self._ended = False
        self._last_from_seq = 0
        self._last_recorded = 0
        self._last_received = 0
        self._clock: Clock | None = None
        self._batch: Batch | None = None  # the batch record whose leaves or entries are awaited
        self._nth: dict[str, int] = {}
        self._statements: set[bytes] = set()

    def remember(self, checkpoint: Checkpoint) -> None:
        """Check, when its size is reached, that a checkpoint verified earlier belongs to this ledger."""
        if checkpoint.size <= self.size:
            raise ValueError("a remembered checkpoint must be given before its size is reached")
        known = self._remembered.setdefault(checkpoint.size, checkpoint.root)
        if known != checkpoint.root:
            raise VerificationError(
                f"fork: two roots of size {checkpoint.size} were signed",
                code="fork",
                size=checkpoint.size,
                expected=known.hex(),
                found=checkpoint.root.hex(),
            )

    def record(self, data: bytes) -> Record:
        """Take in the next record."""
        if self._batch is not None:
            raise ValueError("leaves or entries of the last batch were not fed")
        with _named("record", self.size):
            record = parse_record(data)
            self._check_header(record)
            self._check_body(record)
            self._append(data)
        return record

    def leaves(self, leaf_hashes: bytes) -> None:
        """Take in the leaf hashes (32 bytes each, contiguous) of the batch record fed last; public depth."""
        with _named("batch", self.size - 1):
            self._check_root(leaf_hashes)

    def entries(self, entries: Iterable[tuple[str, bytes]]) -> None:
        """Take in acceptance texts and statements of the batch record fed last; full depth."""
        leaves = bytearray()
        seq = self._awaited().first_seq
        for acceptance, statement in entries:
            with _named("deposit", seq):
                self._check_entry(seq, acceptance, statement)
            leaves += leaf_hash(acceptance.encode())
            seq += 1
        with _named("batch", self.size - 1):
            self._check_root(bytes(leaves))

    def finish(self, checkpoint: bytes | Note, log_keys: Sequence[VerifierKey]) -> Checkpoint:
        """Check the signed checkpoint that all records fed lead to, and return it.

        Raises VerificationError unless a key of ``log_keys`` signed it for this ledger and its size and root are those
        replayed; also if the ledger is now shorter than a remembered checkpoint.
        """
        if self._batch is not None:
            raise ValueError("leaves or entries of the last batch were not fed")
        with _named("checkpoint", self.size):
            note = checkpoint if isinstance(checkpoint, Note) else parse_note(checkpoint)
            parsed = parse_checkpoint(note.text)
            if not any(line.key.name == parsed.origin for line in judge_lines(note, log_keys).good):
                raise VerificationError("not signed by a trusted log key", code="log-key-untrusted")
            self._compare(parsed)
        return parsed

    def _compare(self, checkpoint: Checkpoint) -> None:
        if self._remembered:
            raise VerificationError(
                "rollback: the ledger is shorter than a checkpoint seen before",
                code="rollback",
                expected=f"at least {max(self._remembered)} records",
                found=f"{self.size}",
            )
        if self.genesis is None or checkpoint.origin != self.genesis.origin:
            found = "no record" if self.genesis is None else self.genesis.origin
            raise VerificationError("origin", code="ledger-other", expected=checkpoint.origin, found=found)
        if checkpoint.size != self.size:
            raise VerificationError("size", code="ledger-size", expected=f"{checkpoint.size}", found=f"{self.size}")
        if checkpoint.root != self._frontier.root():
            found = self._frontier.root().hex()
            raise VerificationError("root", code="ledger-root", expected=checkpoint.root.hex(), found=found)

    def _check_header(self, record: Record) -> None:
        if record.index != self.size:
            raise VerificationError("index", code="record-index", expected=f"{self.size}", found=f"{record.index}")
        if record.prev != self._prev:
            raise VerificationError(
                "prev is not the record before", code="record-prev", expected=self._prev.hex(), found=record.prev.hex()
            )
        covered = self.deposits + (record.body.count if isinstance(record.body, Batch) else 0)
        if record.entries != covered:
            raise VerificationError("entries", code="record-entries", expected=f"{covered}", found=f"{record.entries}")
        if self._ended:
            raise VerificationError("the ledger has ended; no record follows", code="after-end")
        if isinstance(record.body, Genesis) != (self.size == 0):
            raise VerificationError("genesis must be the first record, and only the first", code="genesis-place")

    def _check_time(self, record: Record) -> None:
        """A record is not older than the one before; a clock record sets back the time for itself and those after."""
        low = record.body.not_before if isinstance(record.body, Clock) else self._last_recorded
        if record.recorded_at < low:
            raise VerificationError(
                "recorded_at",
                code="recorded-back",
                expected=f"not before {format_time(low)}",
                found=format_time(record.recorded_at),
            )
        self._last_recorded = record.recorded_at

    def _check_body(self, record: Record) -> None:
        self._check_time(record)
        match record.body:
            case Genesis():
                self.genesis, self._ledger_keys = record.body, LedgerHistory(record.body)
            case Enrolment() | KeyEvent():
                self._check_from_seq(record.body.from_seq)
                self._check_event(record.body)
            case LedgerKey():
                self._check_from_seq(record.body.from_seq)
                self._keys.take(record.body)
            case Clock():
                self._check_clock(record.body)
                self._clock = record.body
            case Batch():
                self._check_batch(record.body)
            case End():
                verify_end(record.body, origin=self._keys.origin, recovery=self._keys.keys.recovery)
                self._ended = True
            case None:
                self.unknown_records += 1

    @property
    def unjudged_events(self) -> int:
        """Events with lines of a key type unknown here: their rosters are taken as the records state them."""
        return sum(history.unjudged for history in self._depositors.values())

    @property
    def _keys(self) -> LedgerHistory:
        if self._ledger_keys is None:  # _check_header has made sure
            raise ValueError("no genesis")
        return self._ledger_keys

    def _check_event(self, body: Enrolment | KeyEvent) -> None:
        origin, depositor = depositor_of(body)
        if origin != self._keys.origin:
            raise VerificationError("origin", code="ledger-other", expected=self._keys.origin, found=origin)
        self._depositors.setdefault(depositor, DepositorHistory(origin, depositor)).take(body)

    def _check_from_seq(self, from_seq: int) -> None:
        # An enrolment or key event must stand before any batch that reaches its from_seq, and in that order.
        if from_seq < max(self.deposits, self._last_from_seq):
            expected = f"at least {max(self.deposits, self._last_from_seq)}"
            raise VerificationError("from_seq", code="from-seq", expected=expected, found=f"{from_seq}")
        self._last_from_seq = from_seq

    def _check_clock(self, clock: Clock) -> None:
        if clock.from_seq != self.deposits:  # one for later deposits would lower the time of the batch before them
            raise VerificationError("from_seq", code="from-seq", expected=f"{self.deposits}", found=f"{clock.from_seq}")
        self._check_from_seq(clock.from_seq)
        self.clock_corrections += 1

    def _check_batch(self, batch: Batch) -> None:
        if batch.first_seq != self.deposits:
            raise VerificationError(
                "first_seq", code="first-seq", expected=f"{self.deposits}", found=f"{batch.first_seq}"
            )
        self._batch = batch
        self.deposits += batch.count

    def _append(self, data: bytes) -> None:
        self._frontier.append(leaf_hash(data))
        self._prev = record_hash(data)
        self.size += 1
        if self.full:
            self._roots += self._frontier.root()
        expected = self._remembered.pop(self.size, None)
        if expected is not None and expected != self._frontier.root():
            raise VerificationError(
                "rewritten: the ledger up to here differs from the checkpoint seen before",
                code="rewritten",
                expected=expected.hex(),
                found=self._frontier.root().hex(),
            )

    def _awaited(self) -> Batch:
        if self._batch is None:
            raise ValueError("no batch record was fed last")
        return self._batch

    def _check_root(self, leaf_hashes: bytes) -> None:
        batch = self._awaited()
        if len(leaf_hashes) != 32 * batch.count:
            raise VerificationError(
                "leaves", code="batch-leaves", expected=f"{batch.count}", found=f"{len(leaf_hashes) / 32:g}"
            )
        root = root_of_leaves(leaf_hashes)
        if root != batch.roots["sha-256"]:
            raise VerificationError(
                "the batch's root", code="batch-root", expected=batch.roots["sha-256"].hex(), found=root.hex()
            )
        self._batch = None

    def _check_entry(self, seq: int, text: str, data: bytes) -> None:
        acceptance = parse_acceptance(text)
        note, statement = parse_signed_statement(data)
        genesis = self.genesis
        if genesis is None:
            raise ValueError("no genesis")
        digest = statement_id(data)
        found = (acceptance.seq, acceptance.origin, acceptance.depositor, acceptance.statement.hex())
        expected = (seq, genesis.origin, statement.depositor, digest.hex())
        if found != expected or statement.origin != genesis.origin:
            raise VerificationError(
                "acceptance",
                code="acceptance-other",
                expected=" ".join(map(str, expected)),
                found=" ".join(map(str, found)),
            )
        if digest in self._statements:
            raise VerificationError("the same statement was accepted before", code="statement-twice")
        self._statements.add(digest)
        self._check_nth(acceptance)
        self._check_times(acceptance, genesis)
        self.broken_promises += self._last_recorded > acceptance.anchor_by
        check_not_after(statement, acceptance)
        self._check_seen(statement.seen)
        if statement.depositor not in self._depositors:
            raise VerificationError(
                f"no enrolment of depositor {statement.depositor} stands before this batch",
                code="no-key-in-force",
                depositor=statement.depositor,
            )
        history = self._depositors[statement.depositor]
        event, roster = history.at(seq)
        if acceptance.event != event:
            raise VerificationError("event", code="acceptance-event", expected=f"{event}", found=f"{acceptance.event}")
        verify_statement(note, roster, history.name)

    def _check_nth(self, acceptance: Acceptance) -> None:
        nth = self._nth.get(acceptance.depositor, 0)
        if acceptance.nth != nth:
            raise VerificationError(
                f"nth of depositor {acceptance.depositor}",
                code="nth",
                depositor=acceptance.depositor,
                expected=f"{nth}",
                found=f"{acceptance.nth}",
            )
        self._nth[acceptance.depositor] = nth + 1

    def _check_times(self, acceptance: Acceptance, genesis: Genesis) -> None:
        sealed = self._last_recorded  # the batch record's, the last one fed
        if self._clock is not None and acceptance.seq >= self._clock.from_seq:
            self._last_received, self._clock = self._clock.not_before, None
        received = acceptance.received_at
        if not self._last_received <= received <= sealed:
            expected = f"{format_time(self._last_received)} to {format_time(sealed)}"
            raise VerificationError(
                "received_at", code="received-order", expected=expected, found=format_time(received)
            )
        self._last_received = received
        if not received <= acceptance.anchor_by <= received + genesis.longest_delay_ms:
            expected = f"within {genesis.longest_delay_ms} ms of {format_time(received)}"
            raise VerificationError(
                "anchor_by", code="delay-long", expected=expected, found=format_time(acceptance.anchor_by)
            )

    def _check_seen(self, seen: Seen | None) -> None:
        if seen is None:
            return
        if seen.size >= self.size:  # the batch record itself is counted already
            raise VerificationError(
                "seen", code="seen-future", expected=f"a size below {self.size}", found=f"{seen.size}"
            )
        # Counted, not refused: it is the depositor's claim, and a liar must not be able to stop an audit.
        # A depositor that did see another ledger holds its signed checkpoint, which is the proof.
        self.strange_sights += self._roots[32 * (seen.size - 1) : 32 * seen.size] != seen.root


@contextmanager
def _named(place: str, number: int) -> Iterator[None]:
    """Name the place of an error."""
    try:
        yield
    except LedgerError as error:
        english = place if place == "checkpoint" else f"{place} {number}"
        raise error.at(english, f"at-{place}", number=number) from error
