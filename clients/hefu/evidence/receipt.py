"""The receipt inside finished evidence."""

from __future__ import annotations

from hefu.evidence.bundle import read_part
from hefu.evidence.verify import is_bundle
from hefu_ledger.deposit.bundle import read_receipt
from hefu_ledger.deposit.evidence import MAX_EVIDENCE, parse_evidence
from hefu_ledger.deposit.receipt import Receipt


def receipt_of(path: str) -> Receipt:
    """Read the receipt of an evidence file or a bundle; MalformedError where it is none. Nothing is verified."""
    bundle = is_bundle(path)
    with open(path, "rb") as file:
        if bundle:
            read_part(file)
            return read_receipt(file)
        return parse_evidence(file.read(MAX_EVIDENCE + 1)).receipt
