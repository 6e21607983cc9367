"""The services of one ledger, as use cases are given them: ports, signing keys, and the promises of its genesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hefu_ledger.tlog.keys import Signer, VerifierKey
from hefu_service.ports.files import BatchFiles, LedgerFiles, VaultFiles
from hefu_service.ports.store import Store
from hefu_service.ports.world import CheckpointSigner, Clock, Observer, Unobserved

if TYPE_CHECKING:  # no use case depends on messages
    from hefu_service.ports.outbox import Sender

VAULT_QUOTA: Final = 10 << 30  # bytes of a depositor


@dataclass(frozen=True, slots=True)
class Services:
    """One ledger and its ports; origin, delay and prefix stand in its genesis record and never change."""

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
    observer: Observer = field(default_factory=Unobserved)
    senders: Mapping[str, Sender] = field(default_factory=dict)  # of messages, by destination
    disk_low: Callable[[], bool] = bool  # True if the disk is nearly full

    @property
    def log_keys(self) -> tuple[VerifierKey, VerifierKey]:
        """The keys whose lines every checkpoint has, in this order: of type 01 and of type 06."""
        return self.signer.key, self.signer.key_mldsa44
