"""The ``Outbox`` port, in SQL. The lock on a destination is the lock on its row, on SQLite the database's own."""

# ruff: noqa: D102 -- the protocol carries the contract
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Executable, bindparam, func, insert, or_, select, text, update

from hefu_service.ports.outbox import Alarm, Message, Outlet, Undelivered, Waiting
from hefu_service.store.engines import translated
from hefu_service.store.rows import Rows
from hefu_service.store.tables import ALARMS, CHECKPOINTS, DELIVERIES, MESSAGES, OUTLETS

WAITING: Final = "waiting"
SENT: Final = "sent"
GIVEN_UP: Final = "given up"

_BEGIN: Final = text(
    "INSERT INTO outlets (destination, next_message, told, claims, failures, not_before, status)"
    " VALUES (:destination, 0, 0, 0, 0, 0, '') ON CONFLICT DO NOTHING"
)
_OUTLET: Final = select(OUTLETS).where(OUTLETS.c.destination == bindparam("destination")).with_for_update()
_MOVE_OUTLET: Final = update(OUTLETS).where(OUTLETS.c.destination == bindparam("of"))
_WAITS: Final = select(MESSAGES).join_from(DELIVERIES, MESSAGES).where(DELIVERIES.c.state == WAITING)
_FIRST: Final = (
    _WAITS.where(DELIVERIES.c.destination == bindparam("destination")).order_by(DELIVERIES.c.number).limit(1)
)
_MARK: Final = (
    update(DELIVERIES)
    .where(DELIVERIES.c.destination == bindparam("to"), DELIVERIES.c.number == bindparam("which"))
    .values(state=SENT, changed_at=bindparam("now_ms"))
)
_GIVE_UP: Final = (  # one that waits has changed when it was made, and not since
    update(DELIVERIES)
    .where(DELIVERIES.c.state == WAITING, DELIVERIES.c.destination == bindparam("to"))
    .where(DELIVERIES.c.changed_at < bindparam("made_before_ms"))
    .values(state=GIVEN_UP, changed_at=bindparam("now_ms"))
)
_ALARMS: Final = select(ALARMS)
_PUT_ALARM: Final = text(
    "INSERT INTO alarms (topic, raised, seen_at) VALUES (:topic, :raised, :seen_at)"
    " ON CONFLICT (topic) DO UPDATE SET raised = excluded.raised, seen_at = excluded.seen_at"
)
_PUBLISHED: Final = (
    select(CHECKPOINTS.c.size)
    .where(CHECKPOINTS.c.size > bindparam("after"))
    .order_by(CHECKPOINTS.c.size)
    .limit(bindparam("count"))
)
_WAITING: Final = select(*(func.count(), func.min(DELIVERIES.c.changed_at))).where(DELIVERIES.c.state == WAITING)
_UNDELIVERED: Final = (
    select(MESSAGES, DELIVERIES.c.state, OUTLETS)
    .join_from(DELIVERIES, MESSAGES)
    .join(OUTLETS, OUTLETS.c.destination == DELIVERIES.c.destination)
    .where(or_(DELIVERIES.c.state == WAITING, DELIVERIES.c.state == GIVEN_UP))
    .order_by(DELIVERIES.c.destination, DELIVERIES.c.number)
    .limit(bindparam("count"))
)


class SqlOutbox(Rows):
    """See ``ports.Outbox``."""

    def outlet(self, destination: str) -> Outlet:
        self._execute(_BEGIN, destination=destination)
        return self._all(Outlet, _OUTLET, destination=destination)[0]

    def put_outlet(self, outlet: Outlet) -> None:
        self._execute(_MOVE_OUTLET, of=outlet.destination, **asdict(outlet))

    def add_message(self, message: Message) -> None:
        self._execute(insert(MESSAGES), **asdict(message))
        state = {"state": WAITING, "changed_at": message.made_at}
        self._execute(insert(DELIVERIES), destination=message.destination, number=message.number, **state)

    def first_waiting(self, destination: str) -> Message | None:
        return self._first(Message, _FIRST, destination=destination)

    def mark_sent(self, message: Message, *, now_ms: int) -> None:
        self._execute(_MARK, to=message.destination, which=message.number, now_ms=now_ms)

    def give_up(self, destination: str, *, made_before_ms: int, now_ms: int) -> int:
        return self._execute(_GIVE_UP, to=destination, made_before_ms=made_before_ms, now_ms=now_ms)

    def alarms(self) -> Mapping[str, Alarm]:
        return {alarm.topic: alarm for alarm in self._all(_alarm, _ALARMS)}

    def put_alarm(self, alarm: Alarm) -> None:
        self._execute(_PUT_ALARM, **asdict(alarm))

    def published_sizes(self, after: int, count: int) -> Sequence[int]:
        return self._all(int, _PUBLISHED, after=after, count=count)

    def _execute(self, statement: Executable, **parameters: object) -> int:
        with translated():
            return self._connection.execute(statement, parameters).rowcount


class SqlUndelivered(Rows):
    """Messages that are not delivered, of one snapshot."""

    def first(self, count: int) -> Sequence[Undelivered]:
        """See ``ports.Store.undelivered``."""
        return self._all(_undelivered, _UNDELIVERED, count=count)

    def waiting(self) -> Waiting:
        """See ``ports.Store.waiting``."""
        return self._all(Waiting, _WAITING)[0]


def _alarm(topic: str, raised: bool, seen_at: int) -> Alarm:
    return Alarm(topic, bool(raised), seen_at)  # SQLite's driver knows no booleans


def _undelivered(*row: Any) -> Undelivered:
    return Undelivered(Message(*row[:5]), row[5], Outlet(*row[6:]))
