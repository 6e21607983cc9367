"""Messages to people and systems, as protocols; see ``hefu_service.ports``."""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hefu_service.ports.errors import PortError


class DeliveryError(PortError):
    """A message was not taken; the text is a state alone (``HTTP 503``), never the receiver's own words."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a person or system, numbers and states alone; ``body`` is canonical JSON {data, timestamp, type}."""

    destination: str
    number: int  # of those to this destination, from 0 without gaps: the order in which they are sent
    id: str  # 32 hex digits, the same however often it is sent
    made_at: int  # ms
    body: bytes


@dataclass(frozen=True, slots=True)
class Outlet:
    """The state of the messages to one destination."""

    destination: str
    next_message: int
    told: int  # the size of the last checkpoint that it has a message about; 0 before the first
    claims: int  # attempts so far: only the last one may record its outcome
    failures: int  # in a row
    not_before: int  # ms; no attempt before: another is under way, or the last has failed
    status: str  # why the last attempt failed; empty if it did not


@dataclass(frozen=True, slots=True)
class Alarm:
    """A state of the service that a person must know of; ``seen_at`` (ms): when a process last saw it."""

    topic: str
    raised: bool
    seen_at: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that is not delivered, its state (``waiting`` or ``given up``) and its destination's state."""

    message: Message
    state: str
    outlet: Outlet


@dataclass(frozen=True, slots=True)
class Waiting:
    """The number of waiting messages, and when the oldest was made (ms; None if there is none)."""

    count: int
    oldest: int | None


class Outbox(Protocol):
    """A transaction on messages; durable once it has ended without error. Lock outlets in the order of their names."""

    def outlet(self, destination: str) -> Outlet:
        """Lock a destination and read its state; a new one if it never had a message."""

    def put_outlet(self, outlet: Outlet) -> None:
        """Write a locked destination's state."""

    def add_message(self, message: Message) -> None:
        """Add a message that waits; its outlet moves with it."""

    def first_waiting(self, destination: str) -> Message | None: ...

    def mark_sent(self, message: Message, *, now_ms: int) -> None: ...

    def give_up(self, destination: str, *, made_before_ms: int, now_ms: int) -> int:
        """Give up the waiting messages made before ``made_before_ms``; returns their number."""

    def alarms(self) -> Mapping[str, Alarm]:
        """Every alarm that was ever raised, by topic."""

    def put_alarm(self, alarm: Alarm) -> None: ...

    def published_sizes(self, after: int, count: int) -> Sequence[int]:
        """The sizes of at most ``count`` published checkpoints above ``after``, in order."""


class Sender(Protocol):
    """One destination of messages."""

    def send(self, message: Message) -> None:
        """Hand a message over, within 20 s; raises DeliveryError unless the receiver has taken it."""
