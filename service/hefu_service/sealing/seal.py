"""Sealing: owed events and accepted deposits become records. Any number of workers may try at once; one succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.records.bodies import Batch, Clock, KnownBody
from hefu_ledger.records.record import parse_body, parse_record
from hefu_service.ports.rows import LEDGER, Deposit, Event, LedgerHead
from hefu_service.ports.store import View
from hefu_service.sealing.appender import Chain
from hefu_service.sealing.batch import batch_root, leaf_hashes
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import sentence

MOST_DEPOSITS: Final = 100_000  # of one batch: as many as a worker can hold in memory


@dataclass(frozen=True, slots=True)
class Owed:
    """The work of one step, from one snapshot; ``last_ms`` is the time of the last record."""

    head: LedgerHead
    events: Sequence[Event]
    deposits: Sequence[Deposit]
    last_ms: int


def seal_once(services: Services) -> bool:
    """Seal one step: the owed events, then at most one batch, as records. False if nothing is owed.

    Repeatable: an interrupted attempt is taken up. Raises HeadMovedError if another worker was faster,
    SealingStoppedError if the stored data contradict themselves.
    """
    check_past(services)
    with services.store.view() as view:
        owed = _owed(view)
    if not owed.events and not owed.deposits:
        return False
    chain = Chain(owed.head, now_ms=services.clock.now_ms(), last_ms=owed.last_ms)
    for event in owed.events:
        chain.add(_body(event), depositor=event.depositor or LEDGER, events=1)
    if owed.deposits:
        chain.add(_make_batch(services, owed), not_before=_received(owed.deposits))
    services.store.append(owed.head, chain.head, chain.records)
    return True


def _owed(view: View) -> Owed:
    head, intake = view.ledger_head(), view.intake_head()
    if not head.size:
        raise SealingStoppedError(sentence("seal.no_genesis"))
    events, end = _before_correction(view.events(head.events), head.entries, intake.next_seq)
    count = min(end - head.entries, MOST_DEPOSITS)
    deposits = list(view.deposits(head.entries, count)) if count else []
    if len(deposits) != count:
        raise SealingStoppedError(sentence("seal.owed", count=count, first=head.entries, found=len(deposits)))
    return Owed(head, events, deposits, _last_ms(view, head))


def _before_correction(events: Sequence[Event], entries: int, next_seq: int) -> tuple[Sequence[Event], int]:
    """The events to write now and the deposits to stop before.

    A correction of the clock that begins at a later deposit waits until all before it are sealed, so that a batch's
    times are all of one side.
    """
    for place, event in enumerate(events):
        if event.type == "clock" and event.from_seq > entries:
            return events[:place], event.from_seq
    return events, next_seq


def last_time(view: View) -> int | None:
    """The time (ms) of the last deposit or record, lowered by corrections of the clock; None before genesis."""
    head = view.ledger_head()
    if not head.size:
        return None
    owed = [parse_body(event.type, event.body) for event in view.events(head.events) if event.type == "clock"]
    corrected = [body.not_before for body in owed if isinstance(body, Clock)]
    received = view.intake_head().last_received_at  # a correction has lowered it already
    return received if corrected else max(received, _last_ms(view, head))


def _last_ms(view: View, head: LedgerHead) -> int:
    last = view.record(head.size - 1)
    if last is None:
        raise SealingStoppedError(sentence("seal.no_record", index=head.size - 1))
    return parse_record(last.data).recorded_at


def _body(event: Event) -> KnownBody:
    body = parse_body(event.type, event.body)
    if body is None:
        raise SealingStoppedError(sentence("seal.unknown", number=event.number, kind=event.type))
    return body


def _received(deposits: Sequence[Deposit]) -> int:
    """When the last of them was received: times do not go back in a batch."""
    return parse_acceptance(deposits[-1].acceptance).received_at


def _make_batch(services: Services, owed: Owed) -> Batch:
    """Check and hash the deposits read back, and put them on disk."""
    first_seq = owed.head.entries
    leaves = leaf_hashes(owed.deposits, first_seq=first_seq, origin=services.origin)
    root = batch_root(leaves)
    services.batch_files.write(first_seq, owed.deposits)
    return Batch(count=len(owed.deposits), first_seq=first_seq, roots={"sha-256": root})
