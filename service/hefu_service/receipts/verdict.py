"""The verdict 核验结论 on a receipt that was sent to the service: pure, so that it can be reached in any process."""

from __future__ import annotations

import json

from hefu_ledger.deposit.receipt import MAX_RECEIPT
from hefu_ledger.encoding import canonical
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.verdict import verdict_value
from hefu_service.intake.body import parse_json
from hefu_service.intake.refusals import RefusedError
from hefu_service.texts import sentence
from hefu_service.texts.verdicts import verdict_sentences


def receipt_verdict(body: bytes, policy: bytes) -> bytes:
    """Verify a receipt, in any JSON, by a trust policy; the verdict as JSON, its findings in both languages.

    Raises MalformedError, PrivateHalfError, or RefusedError for one that is too long.
    """
    receipt = canonical(parse_json(body, limit=MAX_RECEIPT))
    if len(receipt) > MAX_RECEIPT:
        raise RefusedError(sentence("verify.long", limit=MAX_RECEIPT))
    verdict = verify_receipt(receipt, policy=parse_policy(policy.decode()))
    value = verdict_value(verdict, verdict_sentences())
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
