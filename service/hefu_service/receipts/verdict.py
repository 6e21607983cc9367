"""The verdict 核验结论 on a receipt that was sent to the service: pure, so that it can be reached in any process.

The service reads its own ledger for it: ``wanted`` tells which records a receipt's verdict may depend on, ``known``
(in ``receipts.known``) finds them, and ``receipt_verdict`` judges with both.
"""

from __future__ import annotations

import json
from contextlib import suppress

from hefu_ledger.deposit.receipt import MAX_RECEIPT, parse_receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import LedgerError
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import Reading, verify_receipt
from hefu_ledger.verify.case import OWN
from hefu_ledger.verify.verdict import verdict_value
from hefu_service.intake.body import parse_json
from hefu_service.intake.refusals import RefusedError
from hefu_service.texts import sentence
from hefu_service.texts.verdicts import verdict_sentences


def wanted(body: bytes) -> bytes:
    """The depositor and the record indices of a receipt, as JSON; ``null`` where it cannot be read.

    Raises MalformedError, PrivateHalfError, or RefusedError for one that is too long.
    """
    try:
        receipt = parse_receipt(_canonical(body))
        _, statement = parse_signed_statement(receipt.statement.encode())
    except RefusedError:
        raise
    except LedgerError:
        return b"null"
    indices = []
    for text in receipt.records:
        with suppress(LedgerError):
            indices.append(parse_record(text.encode()).index)
    return json.dumps({"depositor": statement.depositor, "indices": indices}).encode()


def receipt_verdict(body: bytes, policy: bytes, known: bytes) -> bytes:
    """Verify a receipt, in any JSON, by the service's own trust policy and ledger; the verdict as JSON.

    Its findings are in both languages. Raises as ``wanted`` does.
    """
    receipt = _canonical(body)
    reading = read_known(known)
    verdict = verify_receipt(receipt, policy=parse_policy(policy.decode()), source=OWN, reading=reading)
    value = verdict_value(verdict, verdict_sentences())
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def format_known(reading: Reading | None) -> bytes:
    """The service's reading of its ledger, to be carried to another process."""
    if reading is None:
        return b"null"
    return json.dumps({"records": dict(reading.records), "size": reading.size}, ensure_ascii=False).encode()


def read_known(data: bytes) -> Reading | None:
    """The reverse of ``format_known``."""
    value = json.loads(data)
    if value is None:
        return None
    return Reading(value["size"], {int(index): text for index, text in value["records"].items()})


def _canonical(body: bytes) -> bytes:
    receipt = canonical(parse_json(body, limit=MAX_RECEIPT))
    if len(receipt) > MAX_RECEIPT:
        raise RefusedError(sentence("verify.long", limit=MAX_RECEIPT))
    return receipt
