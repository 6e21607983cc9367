"""Alarms: states that a person must know of, told once when they begin and once when they have ended.

Every process that does the slow work looks for itself. An alarm is raised by the first that sees it, and cleared when
none has seen it for a minute: one process that cannot see it is no all-clear.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.encoding import format_time
from hefu_ledger.number import format_number
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_service.outbox.messages import CLEARED, RAISED, Figures, add_message
from hefu_service.ports.outbox import Alarm, Outbox
from hefu_service.ports.rows import Deposit
from hefu_service.ports.store import Store, View
from hefu_service.services import Services

PROMISE: Final = "promise-in-danger"
"""More than half of the time in which the oldest deposit must be published is over."""

SEALING: Final = "sealing-late"
"""A deposit has waited for two minutes, which is twice the longest window."""

STOPPED: Final = "ledger-stopped"
CLOCK: Final = "clock-not-believed"
DISK: Final = "disk-low"
TOPICS: Final = (PROMISE, SEALING, STOPPED, CLOCK, DISK)

_LATE_MS: Final = 120_000
_CLEAR_MS: Final = 60_000
_SEEN_AGAIN_MS: Final = 10_000  # between two notes of one alarm's still being on


def overdue(services: Services, *, now_ms: int) -> Mapping[str, Figures]:
    """The alarms about owed work, with their figures."""
    with services.store.view() as view:
        oldest, waiting = _oldest_unpublished(view)
    return {} if oldest is None else _late(oldest, waiting, services.number_prefix, now_ms)


def report(store: Store, origin: str, found: Mapping[str, Figures], to: Collection[str], *, now_ms: int) -> None:
    """Tell these destinations which alarms have begun and which have ended."""
    with store.outbox() as outbox:
        outlets = [outbox.outlet(destination) for destination in sorted(to)]
        known = outbox.alarms()
        for topic in TOPICS:
            kind = _change(outbox, known.get(topic, Alarm(topic, raised=False, seen_at=0)), topic in found, now_ms)
            if kind is not None:
                figures = {**found.get(topic, {}), "alarm": topic, "origin": origin}
                outlets = [add_message(outbox, outlet, kind, figures, now_ms=now_ms) for outlet in outlets]


def _change(outbox: Outbox, alarm: Alarm, seen: bool, now_ms: int) -> str | None:
    """Store the state seen; returns the kind of message that it makes, if any."""
    silence_ms = abs(now_ms - alarm.seen_at)  # a clock that was put back must not prolong an alarm
    if seen and (not alarm.raised or silence_ms >= _SEEN_AGAIN_MS):
        outbox.put_alarm(Alarm(alarm.topic, raised=True, seen_at=now_ms))
        return None if alarm.raised else RAISED
    if not seen and alarm.raised and silence_ms >= _CLEAR_MS:
        outbox.put_alarm(Alarm(alarm.topic, raised=False, seen_at=now_ms))
        return CLEARED
    return None


def _oldest_unpublished(view: View) -> tuple[Deposit | None, int]:
    """The first deposit that no published checkpoint covers, and how many there are."""
    checkpoint = view.latest_checkpoint()
    size = 0 if checkpoint is None else parse_checkpoint(parse_note(checkpoint).text).size
    last = view.record(size - 1) if size else None
    entries = 0 if last is None else last.entries
    return view.deposit_at(entries), view.intake_head().next_seq - entries


def _late(oldest: Deposit, waiting: int, prefix: str, now_ms: int) -> dict[str, Figures]:
    acceptance = parse_acceptance(oldest.acceptance)
    figures: Figures = {
        "anchor_by": format_time(acceptance.anchor_by),
        "oldest": format_number(prefix, oldest.seq),
        "received_at": format_time(acceptance.received_at),
        "waiting": waiting,
    }
    age_ms, promised_ms = now_ms - acceptance.received_at, acceptance.anchor_by - acceptance.received_at
    limits = {PROMISE: promised_ms / 2, SEALING: _LATE_MS}
    return {topic: figures for topic, limit_ms in limits.items() if age_ms > limit_ms}
