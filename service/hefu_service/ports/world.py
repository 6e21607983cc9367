"""The clock, the signer of checkpoints, and the observer of the service's work."""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note


class Clock(Protocol):
    """The time, and the decision to believe it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC; raises ClockError if the clock leapt since the last call."""


class CheckpointSigner(Protocol):
    """Holds the log's two keys and remembers, outside the database, the last checkpoint it signed, with its lines.

    ``key``: of type 01; ``key_mldsa44``: of type 06. Both are named like the origin.
    """

    key: VerifierKey
    key_mldsa44: VerifierKey

    def last(self) -> Checkpoint | None:
        """The last checkpoint signed."""

    def sign(self, checkpoint: Checkpoint, consistency: Sequence[bytes], kept: Note | None = None) -> Note:
        """Give the checkpoint with the lines of both keys, remembered durably before anyone has them.

        No checkpoint is signed twice: the lines come from ``kept``, the note that the store has of it, or from the
        memory, where these hold both. Raises SignerError, having signed nothing, unless ``consistency`` proves that
        the checkpoint extends the last one signed, or is it.
        """


class Observer(Protocol):
    """Counts the work of the service, for its metrics; called from any thread, it neither fails nor waits."""

    def committed(self, deposits: int, seconds: float) -> None:
        """A group of deposits (at least one) was made durable together."""

    def sealed(self, seconds: float) -> None:
        """Something owed became records."""

    def published(self, seconds: float) -> None:
        """Records were published."""

    def failed(self, job: str) -> None:
        """A run of a job of this name failed."""


class Unobserved:
    """An ``Observer`` that counts nothing."""

    def committed(self, deposits: int, seconds: float) -> None: ...
    def sealed(self, seconds: float) -> None: ...
    def published(self, seconds: float) -> None: ...
    def failed(self, job: str) -> None: ...
