"""The database: views of one moment, the locked intake, and the store of both."""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from hefu_service.ports.rows import (
    Code,
    Deposit,
    Depositor,
    Event,
    IntakeHead,
    LedgerHead,
    StoredRecord,
    VaultBlob,
    VaultClosure,
)

if TYPE_CHECKING:  # messages have a port of their own, which no use case of the ledger needs
    from hefu_service.ports.outbox import Outbox, Undelivered, Waiting


class View(Protocol):
    """One consistent snapshot of the database."""

    def intake_head(self) -> IntakeHead: ...
    def ledger_head(self) -> LedgerHead: ...

    def deposit(self, statement_id: bytes) -> Deposit | None: ...
    def deposit_at(self, seq: int) -> Deposit | None: ...

    def deposits(self, first_seq: int, count: int) -> Iterator[Deposit]:
        """At most ``count`` deposits from ``first_seq`` on, in order; streamed."""

    def latest_of(self, depositor: str, count: int) -> Iterator[Deposit]:
        """A depositor's last ``count`` deposits, newest first; streamed."""

    def known(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        """The deposits of these statements (ids of 32 bytes), by id; statements not deposited are left out."""

    def known_texts(self, hashes: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        """The deposits of these texts (SHA-256, 32 bytes each), as far as ``add_texts`` stored them."""

    def next_nth(self, depositors: Sequence[str]) -> Mapping[str, int]:
        """The number of each depositor's deposits; 0 for none."""

    def depositor(self, depositor: str) -> Depositor | None: ...
    def code(self, depositor: str) -> Code | None: ...

    def depositors(self) -> Iterator[Depositor]:
        """Every depositor, by id; streamed."""

    def codes(self) -> Iterator[Code]:
        """Every depositor's last code; streamed."""

    def events(self, first: int) -> Sequence[Event]:
        """Events from number ``first`` on, in order."""

    def events_of(self, depositor: str) -> Sequence[Event]:
        """A depositor's events, in order."""

    def last_event_of(self, depositor: str) -> Event | None: ...

    def record(self, index: int) -> StoredRecord | None: ...

    def records(self, first: int, count: int) -> Iterator[StoredRecord]:
        """At most ``count`` records from index ``first`` on, in order; streamed."""

    def records_of(self, depositor: str) -> Sequence[StoredRecord]:
        """A depositor's enrolment and key records, in order."""

    def batch_of(self, seq: int) -> StoredRecord | None:
        """The batch record that covers ``seq``, or None while it is not sealed."""

    def checkpoint_covering(self, index: int) -> bytes | None:
        """The first published checkpoint (a note) of a size above ``index``."""

    def latest_checkpoint(self) -> bytes | None: ...

    def statements_of(self, depositor: str) -> Sequence[bytes]:
        """The ids of a depositor's statements, by their ``nth``."""

    def vault_depositor(self, vault: bytes) -> str | None:
        """The depositor of a vault; None for one that was never used."""

    def vaults(self) -> Sequence[tuple[bytes, str]]:
        """Every vault and its depositor."""

    def vault_blob(self, vault: bytes, name: str) -> VaultBlob | None: ...

    def vault_blobs(self, vault: bytes) -> Sequence[VaultBlob]:
        """A vault's files, by name."""

    def vault_closure(self, vault: bytes) -> VaultClosure | None:
        """The closure of a vault; None while it is open."""

    def vault_bytes(self) -> int:
        """The size of all vaults together (bytes), closed ones too."""

    def vault_sizes(self, depositor: str) -> Mapping[bytes, int]:
        """The size (bytes) of each vault of a depositor, closed ones too."""


class Intake(View, Protocol):
    """A transaction that holds the intake lock from its start; durable once it has ended without error."""

    def add_deposits(self, deposits: Sequence[Deposit]) -> None: ...

    def add_texts(self, texts: Mapping[bytes, int]) -> None:
        """Store the deposit (``seq``) of each text (SHA-256, 32 bytes); a text that is stored already is refused."""

    def add_event(self, event: Event) -> None: ...
    def add_depositor(self, depositor: Depositor) -> None: ...

    def put_code(self, code: Code) -> None:
        """Replace a depositor's code."""

    def bind_vault(self, vault: bytes, depositor: str) -> None: ...
    def add_vault_blob(self, blob: VaultBlob) -> None: ...
    def close_vault(self, closure: VaultClosure) -> None: ...

    def move_intake(self, head: IntakeHead) -> None: ...


class Store(Protocol):
    """The database. Rows of deposits, events, records and checkpoints are never changed or deleted."""

    def view(self) -> AbstractContextManager[View]:
        """A read-only snapshot; MUST NOT block writers."""

    def deposit(self, statement_id: bytes) -> Deposit | None:
        """Look one deposit up by itself, in one round trip: a deposit never changes, so no snapshot is needed."""

    def deposit_now(self, statement_id: bytes) -> tuple[Deposit | None, int]:
        """As ``deposit``, and how many events the ledger holds now (0 where there is no such deposit)."""

    def intake(self) -> AbstractContextManager[Intake]:
        """Take the intake lock; commit, durably, on leaving; roll back on an exception, having written nothing.

        Raises StorageError, with ``unknown`` where a failed commit may have happened.
        """

    def guard(self, check: Callable[[View], None]) -> None:
        """Let ``check`` look at the first intake of each connection, and refuse it by raising."""

    def distrust(self) -> None:
        """Have each connection checked again before its next intake."""

    def append(self, old: LedgerHead, new: LedgerHead, records: Sequence[StoredRecord]) -> None:
        """Move the ledger head from ``old`` to ``new`` and insert the records, in one durable transaction.

        The head is swapped first; if it is not ``old`` any more HeadMovedError is raised, having written nothing.
        """

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a published checkpoint; harmless if this very size is kept already."""

    def outbox(self) -> AbstractContextManager[Outbox]:
        """Begin a transaction on messages; commit, durably, on leaving; roll back on an exception."""

    def undelivered(self, count: int) -> Sequence[Undelivered]:
        """At most ``count`` messages that have not been delivered, by destination and number."""

    def waiting(self) -> Waiting:
        """The number of messages that wait for delivery, and the time of the oldest."""

    def close(self) -> None: ...
