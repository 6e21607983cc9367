"""The end of every fault run: fsck, a full replay by bytes alone, and each acknowledged deposit accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.fault.figures import Figures
from tests.fault.ledger_data import replay

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.policy import Log, Policy
from hefu_ledger.verify import verify_receipt
from hefu_service.jobs.tasks import settle
from hefu_service.outside.files import LedgerFolder
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.fsck import fsck
from hefu_service.receipts.receipts import Receipts
from hefu_service.services import Services
from hefu_service.wiring import recover


def account(
    services: Services,
    acknowledged: Mapping[bytes, bytes],
    figures: Figures,
    folder: Path,
    *,
    seen: Iterable[Checkpoint] = (),
) -> None:
    """Recover as a restart does, and account for every acknowledgement, by its statement.

    ``folder``, new, is for an export; ``seen`` are checkpoints that anyone was ever shown.
    """
    recover(services)
    settle(services)
    receipts = Receipts(services)
    lost = [statement for statement, note in acknowledged.items() if not _kept(services, receipts, statement, note)]
    figures.acknowledged += len(acknowledged)
    figures.lost += len(lost)
    assert lost == []
    assert list(fsck(services)) == []
    export_ledger(services, LedgerFolder(folder), statements=True)
    machine = replay(folder, seen, services.signer.key)  # VerificationError for a fork
    figures.broken_promises += machine.broken_promises
    with services.store.view() as view:
        assert machine.deposits == view.intake_head().next_seq
    assert machine.broken_promises == 0


def _kept(services: Services, receipts: Receipts, statement: bytes, acknowledgement: bytes) -> bool:
    """Whether its receipt verifies and holds the acknowledgement that was given."""
    policy = Policy(logs=tuple(map(Log, services.log_keys)), witnesses=(), groups=(), quorum=None)
    try:
        receipt = receipts.make(statement_id(statement))
    except ValueError:  # there is no such deposit
        return False
    if receipt is None or receipt.acknowledgement.encode() != acknowledgement:
        return False
    return verify_receipt(format_receipt(receipt), policy=policy).verdict == "proven"
