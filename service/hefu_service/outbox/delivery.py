"""Delivery: one message at a time and in order to each destination, at least once, from the database.

An attempt is claimed before and its end written after, so that an attempt cut short by a crash is repeated with the
same id. A claim is good for a minute, three times as long as a sender may take.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from hefu_service.ports.outbox import DeliveryError, Message, Outlet, Sender
from hefu_service.ports.store import Store

LOG: Final = logging.getLogger("hefu.messages")
CLAIM_MS: Final = 60_000
FIRST_BACK_OFF_MS: Final = 5_000
LONGEST_BACK_OFF_MS: Final = 3_600_000
GIVE_UP_MS: Final = 3 * 86_400_000
_FEWEST: Final = 20  # failures in a row, half a day's, before anything is given up: a leap of the clock must not do it


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt."""

    outlet: Outlet
    message: Message


def deliver_next(store: Store, destination: str, sender: Sender, *, time_ms: Callable[[], int]) -> bool:
    """Send a destination's first message that waits. False if there is none, its time has not come, or it failed."""
    claim = _claim(store, destination, time_ms())
    if claim is None:
        return False
    failure = _attempt(sender, claim.message)
    _finish(store, claim, failure, time_ms())
    return failure is None


def _claim(store: Store, destination: str, now_ms: int) -> Claim | None:
    with store.outbox() as outbox:
        outlet = outbox.outlet(destination)
        # One that is further away than any was ever put was put there by a clock that has gone back since.
        if 0 < outlet.not_before - now_ms <= LONGEST_BACK_OFF_MS:
            return None
        message = outbox.first_waiting(destination)
        if message is None:
            return None
        claimed = replace(outlet, claims=outlet.claims + 1, not_before=now_ms + CLAIM_MS)
        outbox.put_outlet(claimed)
        return Claim(claimed, message)


def _attempt(sender: Sender, message: Message) -> str | None:
    """Why it failed, as a state; None if it did not."""
    try:
        sender.send(message)
    except DeliveryError as error:
        return str(error)
    except Exception as error:  # a mistake of ours must not hold up the other destinations
        LOG.exception("message %d to %s", message.number, message.destination)
        return f"unexpected {type(error).__name__}"
    return None


def _finish(store: Store, claim: Claim, failure: str | None, now_ms: int) -> None:
    destination = claim.message.destination
    with store.outbox() as outbox:
        outlet = outbox.outlet(destination)
        if failure is None:
            outbox.mark_sent(claim.message, now_ms=now_ms)
        if outlet.claims != claim.outlet.claims:
            LOG.warning("message %d to %s took longer than a claim lasts", claim.message.number, destination)
            return
        if failure is None:
            outbox.put_outlet(replace(outlet, failures=0, not_before=0, status=""))
            return
        failed = _failed(outlet, failure, now_ms)
        outbox.put_outlet(failed)
        given_up = 0
        if failed.failures >= _FEWEST:
            given_up = outbox.give_up(destination, made_before_ms=now_ms - GIVE_UP_MS, now_ms=now_ms)
    _log(failed, given_up)


def _failed(outlet: Outlet, failure: str, now_ms: int) -> Outlet:
    back_off_ms = min(FIRST_BACK_OFF_MS << min(outlet.failures, 20), LONGEST_BACK_OFF_MS)
    return replace(outlet, failures=outlet.failures + 1, not_before=now_ms + back_off_ms, status=failure)


def _log(outlet: Outlet, given_up: int) -> None:
    event = {"destination": outlet.destination, "status": outlet.status, "failures": outlet.failures}
    LOG.warning("message not delivered", extra={"event": event})
    if given_up:
        LOG.error("%d messages to %s given up", given_up, outlet.destination)
