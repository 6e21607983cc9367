"""Deposits that every commit since has outlived: only these may be acknowledged from a mere read.

A reader of PostgreSQL may see a deposit that no standby has yet, as after a cancelled wait or a crash. Replication is
in order, so the end of a later commit that writes proves all before it.
"""

from __future__ import annotations

from hefu_service.ports.rows import Deposit
from hefu_service.ports.store import Store


class Durable:
    """Remembers how far commits have proven the intake; may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_seq = 0

    def reached(self, next_seq: int) -> None:
        """Remember that a commit has ended well which came after the deposits below ``next_seq``."""
        self._next_seq = max(self._next_seq, next_seq)

    def prove(self, deposit: Deposit) -> Deposit | None:
        """The deposit, once a commit has proven it; None if it is gone meanwhile. StorageError if nothing is proven."""
        if deposit.seq < self._next_seq:
            return deposit
        with self._store.intake() as intake:  # it is read again, since this may be another server
            found, head = intake.deposit(deposit.statement_id), intake.intake_head()
            intake.move_intake(head)
        self.reached(head.next_seq)
        return found
