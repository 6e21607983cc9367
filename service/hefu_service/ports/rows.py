"""The rows that use cases read and write, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from hefu_ledger.records.role import PREPARE


@dataclass(frozen=True, slots=True)
class IntakeHead:
    """The numbers and time that the next deposit gets; moved only under the intake lock."""

    next_seq: int
    last_received_at: int  # ms; the floor of the next ``received_at``
    next_event: int  # the number of enrolment, key and clock events


@dataclass(frozen=True, slots=True)
class Deposit:
    """One accepted statement: the exact bytes of the note and the exact text of its acceptance."""

    seq: int
    depositor: str
    nth: int
    statement_id: bytes  # 32 bytes
    statement: bytes
    acceptance: str


@dataclass(frozen=True, slots=True)
class Event:
    """An enrolment, key or clock record that is owed to the ledger, in the order of ``number`` from 0.

    ``body`` is the record's own members as canonical JSON, ``vkey`` the key it is about.
    """

    number: int
    type: str  # enrolment | key | clock
    body: bytes
    depositor: str | None
    vkey: str | None
    from_seq: int


@dataclass(frozen=True, slots=True)
class Depositor:
    """An organisation as the operator knows it; ``identity_text`` and its nonce never reach the ledger.

    ``another_identity``: why it was enrolled although its organisation was known. ``another_check_character``: why its
    统一社会信用代码 may have a check character that is not by GB 32100.
    """

    id: str
    identity_nonce: bytes
    identity_text: str
    signatures_required: int
    another_identity: str | None = None
    another_check_character: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time enrolment code: only the SHA-256 of its secret is kept. ``role``: of the key that it enrols."""

    depositor: str
    secret_hash: bytes
    expires_at: int  # ms
    used_for: str | None  # the vkey it enrolled
    role: str = PREPARE


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The end of the ledger; moved only by compare-and-swap, together with the records."""

    size: int  # records
    entries: int  # deposits covered
    events: int  # events written
    prev: bytes  # hash of the last record, 32 zero bytes for none
    frontier: tuple[bytes, ...]  # compact range of the tree of ``size`` records


LEDGER = "*"  # the ``depositor`` of records about the ledger itself: its clock, its keys, its end


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record's bytes, and the columns that it is looked up by.

    ``depositor``: whom an enrolment or key record is about, ``LEDGER``, or None for genesis and batches.
    """

    index: int
    type: str
    data: bytes
    entries: int
    depositor: str | None = None
    first_seq: int | None = None


@dataclass(frozen=True, slots=True)
class VaultBlob:
    """An encrypted file of a depositor's vault; ``vault`` is the SHA-256 of the vault's address (32 bytes)."""

    vault: bytes
    name: str
    size: int
    sha256: bytes  # 32 bytes
    stored_at: int  # ms


@dataclass(frozen=True, slots=True)
class VaultClosure:
    """A closed vault, the vault that takes its place, and the depositor's signed ``note``, whole."""

    vault: bytes  # 32 bytes, as in VaultBlob
    successor: bytes  # the same
    note: bytes
    closed_at: int  # ms
