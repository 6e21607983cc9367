"""The receipt inside finished evidence."""

from __future__ import annotations

from hefu.evidence.bundle import read_part
from hefu.evidence.verify import is_bundle, read_evidence
from hefu_ledger.deposit.bundle import read_receipt
from hefu_ledger.deposit.evidence import parse_evidence
from hefu_ledger.deposit.receipt import Receipt


def receipt_of(path: str) -> Receipt:
    """Read the receipt of an evidence file or a bundle; MalformedError where it is none. Nothing is verified."""
    if not is_bundle(path):
        return parse_evidence(read_evidence(path)).receipt
    with open(path, "rb") as file:
        read_part(file)
        return read_receipt(file)
