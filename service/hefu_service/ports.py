"""What the use cases need of the world, as protocols; ``store``, ``outside`` and ``jobs`` meet them.

Domain values are frozen dataclasses; rows, files and connections stay behind the ports.
"""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hefu_ledger.checkpoint import Checkpoint
from hefu_ledger.keys import VerifierKey
from hefu_ledger.note import Note
from hefu_ledger.tiles import Tile

if TYPE_CHECKING:  # its ports are a module of their own
    from hefu_service.outbox.ports import Outbox, Undelivered, Waiting


class PortError(Exception):
    """The world did not do what was asked; the text is for the operator."""


class StorageError(PortError):
    """The database or disk failed. ``unknown`` tells that a commit may or may not have happened."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class DamagedError(StorageError):
    """A published file is damaged or gone: nothing is proven by it. The text names what anyone may see, and no path."""


class HeadMovedError(PortError):
    """Another worker sealed first: nothing was written."""


class ImmutableError(PortError):
    """A write-once file exists with other bytes: the ledger's past and present disagree."""


class ClockError(PortError):
    """The time is not to be believed: nothing is accepted until an operator has declared a correction."""


class SignerError(PortError):
    """The signer remembers a checkpoint that the one to sign does not extend: nothing was signed."""


@dataclass(frozen=True, slots=True)
class IntakeHead:
    """What the next deposit gets: moved only under the intake lock."""

    next_seq: int
    last_received_at: int  # ms; the floor of the next ``received_at``
    next_event: int  # how many enrolment, key and clock events there are


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
    """An organisation as the operator knows it; ``identity_text`` and its nonce never reach the ledger."""

    id: str
    identity_nonce: bytes
    identity_text: str
    signatures_required: int


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time enrolment code: only the SHA-256 of its secret is kept."""

    depositor: str
    secret_hash: bytes
    expires_at: int  # ms
    used_for: str | None  # the vkey it enrolled


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where the ledger ends: moved only by compare-and-swap, together with the records."""

    size: int  # records
    entries: int  # deposits covered
    events: int  # events written
    prev: bytes  # hash of the last record, 32 zero bytes for none
    frontier: tuple[bytes, ...]  # compact range of the tree of ``size`` records


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record's bytes and what it is looked up by."""

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
    """A depositor's word (``note``, whole) that a vault is closed, and which vault has taken its place."""

    vault: bytes  # 32 bytes, as in VaultBlob
    successor: bytes  # the same
    note: bytes
    closed_at: int  # ms


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
        """Those of the statements that are deposited already."""

    def known_texts(self, hashes: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        """Those of the texts, by SHA-256 (32 bytes), that ``add_texts`` was told of, and their deposits."""

    def next_nth(self, depositors: Sequence[str]) -> Mapping[str, int]:
        """How many deposits each depositor has; 0 for none."""

    def depositor(self, depositor: str) -> Depositor | None: ...
    def code(self, depositor: str) -> Code | None: ...

    def events(self, first: int) -> Sequence[Event]:
        """Events from number ``first`` on, in order."""

    def events_of(self, depositor: str) -> Sequence[Event]:
        """A depositor's events, in order."""

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
        """Whose vault it is; None for one that was never used."""

    def vaults(self) -> Sequence[tuple[bytes, str]]:
        """Every vault and its depositor."""

    def vault_blob(self, vault: bytes, name: str) -> VaultBlob | None: ...

    def vault_blobs(self, vault: bytes) -> Sequence[VaultBlob]:
        """A vault's files, by name."""

    def vault_closure(self, vault: bytes) -> VaultClosure | None:
        """How a vault was closed; None while it is open."""

    def vault_bytes(self) -> int:
        """How many bytes all vaults hold, closed ones too."""

    def open_sizes(self, depositor: str) -> Mapping[bytes, int]:
        """How many bytes each of a depositor's vaults holds, but for the closed."""


class Intake(View, Protocol):
    """A transaction that holds the intake lock from its start; durable once it has ended without error."""

    def add_deposits(self, deposits: Sequence[Deposit]) -> None: ...

    def add_texts(self, texts: Mapping[bytes, int]) -> None:
        """Keep which deposit (``seq``) each text is, by SHA-256 (32 bytes); another deposit of one is refused."""

    def add_event(self, event: Event) -> None: ...
    def add_depositor(self, depositor: Depositor) -> None: ...

    def put_code(self, code: Code) -> None:
        """Write a depositor's code, in the place of its last one."""

    def bind_vault(self, vault: bytes, depositor: str) -> None: ...
    def add_vault_blob(self, blob: VaultBlob) -> None: ...
    def close_vault(self, closure: VaultClosure) -> None: ...

    def move_intake(self, head: IntakeHead) -> None: ...


class Store(Protocol):
    """The database. Rows of deposits, events, records and checkpoints are never changed or deleted."""

    def view(self) -> AbstractContextManager[View]:
        """A read-only snapshot; MUST NOT block writers."""

    def deposit(self, statement_id: bytes) -> Deposit | None:
        """Look one deposit up by itself, in one round trip: no snapshot is needed for what never changes."""

    def intake(self) -> AbstractContextManager[Intake]:
        """Take the intake lock; commit, durably, on leaving; roll back on an exception, having written nothing.

        Raises StorageError, with ``unknown`` where a failed commit may have happened.
        """

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
        """How many messages wait to be delivered, and for how long."""

    def close(self) -> None: ...


class Clock(Protocol):
    """The time, and whether to believe it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC; raises ClockError if the clock leapt since the last call."""


class LedgerFiles(Protocol):
    """The published ledger: plain files, write-once but for ``checkpoint``. Durable on return."""

    def write_tile(self, tile: Tile, data: bytes) -> None:
        """Raises ImmutableError if the tile exists with other bytes."""

    def read_tile(self, tile: Tile) -> bytes | None:
        """The tile's bytes, cut from a wider one if only that exists; None if there is none."""

    def write_leaves(self, batch: int, data: bytes) -> None:
        """Contiguous 32-byte leaf hashes of the batch with record index ``batch``; ImmutableError as above."""

    def read_leaves(self, batch: int) -> bytes | None: ...

    def write_nodes(self, batch: int, data: bytes) -> None:
        """A large batch's tree, as ``sealing.nodes`` writes it; ImmutableError as above."""

    def read_nodes(self, batch: int) -> bytes | None: ...

    def read_path(self, batch: int, *, place: int, count: int) -> Sequence[bytes] | None:
        """The audit path of leaf ``place`` of ``count`` as the batch's nodes have it, unchecked; None without them."""

    def write_checkpoint(self, note: bytes) -> None:
        """Replace the checkpoint atomically."""

    def read_checkpoint(self) -> bytes | None: ...

    def drop_partials(self, tile: Tile) -> None:
        """Remove the partial tiles that a full one, which must stand, has made needless."""

    def alone(self) -> AbstractContextManager[None]:
        """Wait until nobody else, in any thread or process, is within this block; not to be entered twice."""


class Mender(Protocol):
    """Puts right bytes in the place of damaged ones, in files of the published ledger. Durable on return."""

    def rewrite_tile(self, tile: Tile, data: bytes) -> None: ...
    def rewrite_leaves(self, batch: int, data: bytes) -> None: ...
    def rewrite_nodes(self, batch: int, data: bytes) -> None: ...


class ExportFiles(LedgerFiles, Protocol):
    """A copy of the published ledger that may also hold the batches' private half."""

    def write_entries(self, batch: int, data: bytes) -> None:
        """Acceptances and statements of the batch with this record index; ImmutableError as for tiles."""

    def has_entries(self) -> bool:
        """Whether any batch's acceptances and statements are here."""


class BatchFiles(Protocol):
    """The private half of the ledger: one write-once file of acceptances and statements a batch."""

    def write(self, first_seq: int, deposits: Sequence[Deposit]) -> None:
        """Durable on return; the same again is harmless, other bytes are ImmutableError.

        Another count is another file: an attempt that was never recorded may have left a shorter or longer run.
        """

    def read(self, first_seq: int, count: int) -> Sequence[tuple[str, bytes]]:
        """Acceptance texts and statements; StorageError if the file is missing or damaged."""

    def alone(self) -> AbstractContextManager[None]:
        """As of ``LedgerFiles``."""


class VaultFiles(Protocol):
    """Depositors' encrypted files, each written once."""

    def write(self, depositor: str, name: str, data: bytes) -> None:
        """Durable on return; the same again is harmless, and other bytes are another file."""

    def read(self, depositor: str, name: str, digest: bytes) -> bytes | None:
        """The file of this SHA-256 as it lies on disk, None if there is none."""


class CheckpointSigner(Protocol):
    """Holds the log's key and remembers, outside the database, the last checkpoint it signed."""

    key: VerifierKey

    def last(self) -> Checkpoint | None:
        """The last checkpoint signed."""

    def sign(self, checkpoint: Checkpoint, consistency: Sequence[bytes]) -> Note:
        """Remember, durably, and then sign.

        Raises SignerError, having signed nothing, unless ``consistency`` proves that the checkpoint extends the
        last one signed (an equal one is signed again).
        """


class Watch(Protocol):
    """Is told what was done, for whoever watches the service; called from any thread, it neither fails nor waits."""

    def committed(self, deposits: int, seconds: float) -> None:
        """A group of deposits (at least one) was made durable together."""

    def sealed(self, seconds: float) -> None:
        """Something owed became records."""

    def published(self, seconds: float) -> None:
        """Records were published."""

    def failed(self, job: str) -> None:
        """A run of a job of this name failed."""


class Unwatched:
    """A ``Watch`` where nobody watches."""

    def committed(self, deposits: int, seconds: float) -> None: ...
    def sealed(self, seconds: float) -> None: ...
    def published(self, seconds: float) -> None: ...
    def failed(self, job: str) -> None: ...
