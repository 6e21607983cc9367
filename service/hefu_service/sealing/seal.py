"""Sealing: owed events and accepted deposits become records. Any number of workers may try at once; one succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.records.record import Batch, Clock, parse_body, parse_record
from hefu_service.ports.rows import Deposit, Event, LedgerHead
from hefu_service.ports.store import View
from hefu_service.sealing.appender import Chain
from hefu_service.sealing.batch import batch_body, batch_root, leaf_hashes
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import sentence

MOST_DEPOSITS: Final = 100_000  # of one batch: as many as a worker can hold in memory


@dataclass(frozen=True, slots=True)
class Owed:
    """The work of one step, from one snapshot; ``floor_ms`` is the earliest time its batch may be sealed at."""

    head: LedgerHead
    events: Sequence[Event]
    deposits: Sequence[Deposit]
    floor_ms: int


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
    chain = Chain(owed.head)
    for event in owed.events:
        chain.add(event.type, parse_body(event.type, event.body), depositor=event.depositor, events=1)
    if owed.deposits:
        chain.add("batch", _make_batch(services, owed))
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
    return Owed(head, events, deposits, _floor(view, head, events))


def _before_correction(events: Sequence[Event], entries: int, next_seq: int) -> tuple[Sequence[Event], int]:
    """The events to write now and the deposits to stop before.

    A correction of the clock that begins at a later deposit waits until all before it are sealed, so that a batch's
    times are all of one side.
    """
    for place, event in enumerate(events):
        if event.type == "clock" and event.from_seq > entries:
            return events[:place], event.from_seq
    return events, next_seq


def _floor(view: View, head: LedgerHead, events: Sequence[Event]) -> int:
    """The last batch's time, lowered by the corrections of the clock that stand after it."""
    last = view.batch_of(head.entries - 1) if head.entries else None
    if last is None:
        return 0
    since = view.records(last.index + 1, head.size - last.index - 1)
    bodies = [parse_record(record.data).body for record in since if record.type == "clock"]
    bodies += [parse_body(event.type, event.body) for event in events if event.type == "clock"]
    return min([batch_body(last).sealed_at, *(body.not_before for body in bodies if isinstance(body, Clock))])


def _make_batch(services: Services, owed: Owed) -> Batch:
    """Check and hash the deposits read back, and put them on disk."""
    first_seq = owed.head.entries
    leaves = leaf_hashes(owed.deposits, first_seq=first_seq, origin=services.origin)
    root = batch_root(leaves)
    received = parse_acceptance(owed.deposits[-1].acceptance).received_at  # the latest: times do not go back in a batch
    sealed_at = max(services.clock.now_ms(), received, owed.floor_ms)
    services.batch_files.write(first_seq, owed.deposits)
    return Batch(count=len(owed.deposits), first_seq=first_seq, roots={"sha-256": root}, sealed_at=sealed_at)
