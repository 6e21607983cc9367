"""Group commit: all waiting requests are accepted in one durable transaction, by the thread that came first.

::

    submit ──▶ join ──┬─ no leader ──▶ lead: take all that wait, commit once, set outcomes ─▶ hand over to the next
                      └─ a leader ───▶ wait for an outcome, or for the turn to lead

There is no thread to start or drain, and a lone deposit does not wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance
from hefu_service.intake.deposits import CheckedStatement, Gate, check_all, check_time
from hefu_service.intake.durable import Durable
from hefu_service.intake.refusals import BusyError, OneOfManyError, RefusedError
from hefu_service.intake.statement_texts import Texts
from hefu_service.intake.time import received_at_or_error
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Deposit
from hefu_service.ports.store import Intake
from hefu_service.services import Services
from hefu_service.texts import sentence


@dataclass(frozen=True, slots=True)
class Accepted:
    """A deposit that is durable; ``again`` tells that it was there before this request."""

    deposit: Deposit
    again: bool


class _Waiter:
    """The statements of one request, and their outcome."""

    __slots__ = ("outcome", "statements", "turn")

    def __init__(self, statements: Sequence[CheckedStatement]) -> None:
        self.statements = statements
        self.outcome: list[Accepted] | Exception | None = None
        self.turn = threading.Lock()  # held until there is an outcome, or this thread's turn to lead
        self.turn.acquire()


class Committer:
    """Accepts statements; may be called from any thread.

    ``most_statements`` bounds a transaction, ``most_waiting`` the requests in the queue; ``accepted`` is told how many
    deposits each transaction has added, once they are durable.
    """

    def __init__(
        self,
        services: Services,
        *,
        accepted: Callable[[int], None] = lambda _: None,
        most_statements: int = 512,
        most_waiting: int = 1024,
    ) -> None:
        self._services = services
        self._gate = Gate(services)
        self.durable = Durable(services.store)
        self._accepted = accepted
        self._most_statements = most_statements
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._queue: deque[_Waiter] = deque()
        self._led = False  # a thread leads, or has been woken to lead

    def check(self, statements: Sequence[bytes]) -> list[CheckedStatement]:
        """Check the statements (1 to 64) of a request before anything waits; see ``FrontDoor.accept``."""
        return check_all(self._gate, statements)

    def known(self, statements: Sequence[CheckedStatement]) -> Collection[bytes]:
        """The ids (32 bytes) of those that were accepted before."""
        with self._services.store.view() as view:
            return view.known([each.signed.id for each in statements]).keys()

    def submit(self, statements: Sequence[CheckedStatement]) -> list[Accepted]:
        """Accept all statements of a request that were checked, or none; durable on return."""
        waiter = _Waiter(statements)
        with self._lock:
            if len(self._queue) >= self._most_waiting:
                raise BusyError(sentence("deposit.busy"))
            self._queue.append(waiter)
            leads, self._led = not self._led, True
        if not leads:
            waiter.turn.acquire()
        if waiter.outcome is None:
            self._lead()
        return _result(waiter)

    def _lead(self) -> None:
        """Commit one group, to which the leader itself belongs, and pass the lead on."""
        with self._lock:
            group = self._take()
        try:
            self._commit_all(group)
        finally:
            with self._lock:
                self._led = bool(self._queue)
                successor = [self._queue[0]] if self._queue else []
            for waiter in group:
                waiter.outcome = waiter.outcome or StorageError("the commit was interrupted", unknown=True)
            for waiter in (*group, *successor):
                waiter.turn.release()

    def _take(self) -> list[_Waiter]:
        group = [self._queue.popleft()]
        statements = len(group[0].statements)
        while self._queue and statements + len(self._queue[0].statements) <= self._most_statements:
            statements += len(self._queue[0].statements)
            group.append(self._queue.popleft())
        return group

    def _commit_all(self, group: Sequence[_Waiter]) -> None:
        """Commit together; if that fails, one by one, which also finds deposits that an uncertain commit has stored."""
        try:
            self._commit(group)
        except Exception as error:
            if len(group) == 1 and not (isinstance(error, StorageError) and error.unknown):
                group[0].outcome = error
            else:
                for waiter in group:
                    self._commit_alone(waiter)

    def _commit_alone(self, waiter: _Waiter) -> None:
        try:
            self._commit([waiter])
        except Exception as error:
            waiter.outcome = error

    def _commit(self, group: Sequence[_Waiter]) -> None:
        """Accept a group in one transaction; outcomes are set only when it has ended well."""
        started = time.monotonic()
        with self._services.store.intake() as intake:
            acceptor = _Acceptor(self._services, self._gate, intake, group)
            outcomes = [acceptor.accept(waiter.statements) for waiter in group]
            acceptor.write()
        self.durable.reached(acceptor.next_seq)
        if acceptor.fresh:
            self._services.observer.committed(len(acceptor.fresh), time.monotonic() - started)
            self._accepted(len(acceptor.fresh))
        for waiter, outcome in zip(group, outcomes, strict=True):
            waiter.outcome = outcome


class _Acceptor:
    """Decides on one group, under the intake lock."""

    def __init__(self, services: Services, gate: Gate, intake: Intake, group: Sequence[_Waiter]) -> None:
        signed = [checked.signed for waiter in group for checked in waiter.statements]
        self._services = services
        self._gate = gate
        self._intake = intake
        self._head = intake.intake_head()
        self._known = dict(intake.known([each.id for each in signed]))
        self._nth = dict(intake.next_nth(sorted({each.statement.depositor for each in signed})))
        self._texts = Texts(intake, services.number_prefix, [each.signed for each in self._of_many_keys(group)])
        self._received_at, self._clock_error = received_at_or_error(self._head, services.clock)
        self._events: dict[str, int] = {}  # depositor -> its last event
        self.fresh: list[Deposit] = []

    def accept(self, statements: Sequence[CheckedStatement]) -> list[Accepted] | Exception:
        """Accept a request's statements, or tell why none of them is."""
        for index, checked in enumerate(statements):
            if checked.signed.id in self._known:
                continue
            if self._clock_error is not None:
                return self._clock_error
            try:
                keys = self._gate.check_again(self._intake, checked, self._head.next_event)
                check_time(checked.signed.statement, self._received_at)
                self._events[checked.signed.statement.depositor] = keys.event
                self._texts.check(checked.signed.id, [each.signed.id for each in statements[:index]])
            except RefusedError as error:
                return error if len(statements) == 1 else _one_of_many(index, error)
        return [self._accept(checked) for checked in statements]

    @property
    def next_seq(self) -> int:
        """The number of the next deposit, after these."""
        return self._head.next_seq + len(self.fresh)

    def write(self) -> None:
        """Store the new deposits, if there are any."""
        if self.fresh:
            self._intake.add_deposits(self.fresh)
            self._texts.write()
            self._intake.move_intake(replace(self._head, next_seq=self.next_seq, last_received_at=self._received_at))

    def _of_many_keys(self, group: Sequence[_Waiter]) -> Iterator[CheckedStatement]:
        """The new statements of depositors that ever had more than one key."""
        for waiter in group:
            for checked in waiter.statements:
                if checked.signed.id not in self._known:
                    now = self._gate.key_state_now(self._intake, checked, self._head.next_event)
                    if now.keys.many:
                        yield checked

    def _accept(self, checked: CheckedStatement) -> Accepted:
        known = self._known.get(checked.signed.id)
        if known is not None:
            return Accepted(known, again=True)
        depositor = checked.signed.statement.depositor
        acceptance = Acceptance(
            anchor_by=self._received_at + self._services.longest_delay_ms,
            depositor=depositor,
            event=self._events[depositor],
            nth=self._nth[depositor],
            origin=self._services.origin,
            received_at=self._received_at,
            seq=self.next_seq,
            statement=checked.signed.id,
        )
        deposit = Deposit(
            seq=acceptance.seq,
            depositor=depositor,
            nth=acceptance.nth,
            statement_id=checked.signed.id,
            statement=checked.signed.data,
            acceptance=format_acceptance(acceptance),
        )
        self._nth[depositor] += 1
        self._known[deposit.statement_id] = deposit
        self._texts.accept(deposit)
        self.fresh.append(deposit)
        return Accepted(deposit, again=False)


def _one_of_many(index: int, error: RefusedError) -> OneOfManyError:
    many = OneOfManyError(index)
    many.__cause__ = error
    return many


def _result(waiter: _Waiter) -> list[Accepted]:
    if isinstance(waiter.outcome, list):
        return waiter.outcome
    raise waiter.outcome or StorageError("the commit was interrupted", unknown=True)
