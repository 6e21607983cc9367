"""Complete evidence grows: its receipt is united with the one of the service now, and loses nothing that counts."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

from hefu.evidence.bundle import read_part
from hefu.evidence.verify import is_bundle
from hefu.files.atomic import PRIVATE, replace, sync_folder, temporary_name
from hefu.home.home import Home
from hefu.service import Service
from hefu_ledger.deposit.bundle import format_receipt_line, read_receipt
from hefu_ledger.deposit.evidence import MAX_EVIDENCE, Evidence, format_evidence, parse_evidence
from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import Growth, unite

_PIECE = 1 << 20  # bytes


class _Found(NamedTuple):
    """Finished evidence. ``end``: of a bundle, the offset of its receipt; ``evidence``: of a single document."""

    receipt: Receipt
    end: int = 0
    evidence: Evidence | None = None


def grow(home: Home, service: Service, path: str) -> Growth | None:
    """Ask for the receipt again, and write its union with the one kept into the evidence. Durable on return.

    None where the service has no receipt now. VerificationError for a receipt of another deposit, for one that would
    weaken the evidence, or for a fork: the evidence stays as it is.
    """
    found = _read(path)
    identity = statement_id(found.receipt.statement.encode()).hex()
    answer = service.get(f"/v1/deposits/{identity}/receipt", limit=MAX_RECEIPT)
    if answer.status != 200:
        return None
    growth = unite(found.receipt, parse_receipt(answer.body), Trust(home.policy))
    if growth.changed:
        if home.vault.has(identity):
            home.vault.keep_receipt(growth.receipt)  # else evidence written again from there would have lost it
        _write(path, found, growth.receipt)
    return growth


def _read(path: str) -> _Found:
    bundle = is_bundle(path)
    with open(path, "rb") as file:
        if bundle:
            part = read_part(file)
            return _Found(read_receipt(file), part.end)
        evidence = parse_evidence(file.read(MAX_EVIDENCE + 1))
    return _Found(evidence.receipt, 0, evidence)


def _write(path: str, found: _Found, receipt: Receipt) -> None:
    if found.evidence is not None:
        replace(path, format_evidence(found.evidence._replace(receipt=receipt)))
        return
    temporary = temporary_name(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with open(descriptor, "wb") as target, open(path, "rb") as source:
        _copy(source, target, found.end)
        target.write(format_receipt_line(receipt))
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, path)
    sync_folder(path)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size and (piece := source.read(min(size, _PIECE))):
        target.write(piece)
        size -= len(piece)
