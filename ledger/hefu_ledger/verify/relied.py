"""Which records of a receipt the deposit relies on; the others are told."""

from __future__ import annotations

from hefu_ledger.errors import MalformedError
from hefu_ledger.verify.carried import CarriedRecord, DepositorRecord
from hefu_ledger.verify.case import Case

WHOLE_BELOW = 8  # up to this event all of the depositor's events are carried


def relied_on(case: Case) -> list[CarriedRecord]:
    """Genesis, the key record of the acknowledgement if there is one, the depositor's events, the batch; by index.

    MalformedError (cannot) where one of them is not carried.
    """
    events = [record.carried for record in relied_events(case)]
    more = [] if case.acknowledged_by is None else [case.acknowledged_by]
    return sorted([case.carried.records[0], *more, *events, case.carried.batch], key=lambda record: record.index)


def relied_events(case: Case) -> list[DepositorRecord]:
    """The depositor's events that step 12 needs."""
    judging = case.need_judging()
    last = judging.body.event
    if last < WHOLE_BELOW:
        wanted = set(range(last + 1))
    else:
        wanted = {last, judging.body.roster.enrolment, *(signer.since for signer in case.signers)}
    found = {event: pick(case, event) for event in sorted(wanted)}
    missing = [event for event, record in found.items() if record is None]
    if missing:
        raise MalformedError(
            f"the records of events {missing} of the depositor are not carried",
            code="event-missing",
            events=", ".join(map(str, missing)),
        )
    return [record for record in found.values() if record is not None]


def pick(case: Case, event: int) -> DepositorRecord | None:
    """The carried record of an event: of several the first that is under every checkpoint that counts."""
    found = [record for record in case.events if record.body.event == event and record.carried.place is not None]
    proven = [record for record in found if case.carried.leads_everywhere(record.carried)]
    return next(iter(proven or found), None)
