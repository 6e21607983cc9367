"""What a use case is given: the ports, the keys it may sign with, and what the ledger promised."""

from __future__ import annotations

from dataclasses import dataclass

from hefu_ledger.keys import Signer
from hefu_service.ports import BatchFiles, CheckpointSigner, Clock, LedgerFiles, Store


@dataclass(frozen=True, slots=True)
class Services:
    """One ledger and all that serves it; the last three stand in its genesis record and never change."""

    store: Store
    clock: Clock
    files: LedgerFiles
    batch_files: BatchFiles
    signer: CheckpointSigner
    acknowledger: Signer
    origin: str
    longest_delay_ms: int
    number_prefix: str
