"""Rows for a store, and what tests ask of one."""

from __future__ import annotations

from hashlib import sha256

from hefu_service.ports.rows import Deposit, Depositor, Event, LedgerHead, StoredRecord
from hefu_service.ports.store import Store

START = LedgerHead(size=0, entries=0, events=0, prev=bytes(32), frontier=())
HEAD_1 = LedgerHead(size=1, entries=0, events=1, prev=b"p" * 32, frontier=(b"f" * 32,))


def depositor(name: str = "acme") -> Depositor:
    """A depositor with an identity that nothing may show."""
    return Depositor(id=name, identity_nonce=b"n" * 32, identity_text='{"name":"合符公司"}', signatures_required=2)


def deposit(seq: int, *, nth: int | None = None, by: str = "acme", statement: bytes = b"") -> Deposit:
    """A deposit; another ``seq``, another statement."""
    statement = statement or b"statement %d" % seq
    return Deposit(seq, by, seq if nth is None else nth, sha256(statement).digest(), statement, f"acceptance {seq}\n")


def record(index: int, *, first_seq: int | None = None, entries: int = 0, of: str | None = None) -> StoredRecord:
    """A batch record if it has a ``first_seq``, else a key record."""
    return StoredRecord(
        index, "batch" if first_seq is not None else "key", b"record %d" % index, entries, of, first_seq
    )


def event(number: int, *, of: str | None = None) -> Event:
    """A key event."""
    return Event(number, "key", b'{"action":"retire"}', of, None if of is None else "vkey", 7)


def add(store: Store, *deposits: Deposit) -> None:
    """Add deposits in one transaction."""
    with store.intake() as intake:
        intake.add_deposits(deposits)


def count(store: Store) -> int:
    """How many deposits there are."""
    with store.view() as view:
        return len(list(view.deposits(0, 1000)))


def ledger(store: Store) -> tuple[LedgerHead, list[StoredRecord]]:
    """The ledger's head and its records."""
    with store.view() as view:
        return view.ledger_head(), list(view.records(0, 1000))
