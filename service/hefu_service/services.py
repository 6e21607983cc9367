"""What a use case is given: the ports, the keys it may sign with, and what the ledger promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hefu_ledger.keys import Signer
from hefu_service.ports import BatchFiles, CheckpointSigner, Clock, LedgerFiles, Store, VaultFiles

VAULT_QUOTA: Final = 10 << 30  # bytes of a depositor


@dataclass(frozen=True, slots=True)
class Services:
    """One ledger and all that serves it; origin, delay and prefix stand in its genesis record and never change."""

    store: Store
    clock: Clock
    files: LedgerFiles
    batch_files: BatchFiles
    signer: CheckpointSigner
    acknowledger: Signer
    origin: str
    longest_delay_ms: int
    number_prefix: str
    vault_files: VaultFiles
    vault_quota: int = VAULT_QUOTA
