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
    """Holds the log's key and remembers, outside the database, the last checkpoint it signed."""

    key: VerifierKey

    def last(self) -> Checkpoint | None:
        """The last checkpoint signed."""

    def sign(self, checkpoint: Checkpoint, consistency: Sequence[bytes]) -> Note:
        """Remember, durably, and then sign.

        Raises SignerError, having signed nothing, unless ``consistency`` proves that the checkpoint extends the
        last one signed (an equal one is signed again).
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
