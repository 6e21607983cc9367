"""Verification 核验 of a receipt by the service itself, and the trust policy of its ledger."""

from __future__ import annotations

from functools import partial
from typing import Final

from flask import Blueprint, Response

from hefu_ledger.deposit.receipt import MAX_RECEIPT
from hefu_ledger.tlog.policy import Log, Policy, format_policy
from hefu_service.api.context import body_of, context, text
from hefu_service.receipts.known import find_known

verification: Final = Blueprint("verification", __name__)


@verification.post("/v1/verify")
def verify() -> Response:
    """Verify a receipt by this ledger's own keys and records: every step that needs no private half."""
    context().strangers.admit()
    verifier = context().verifier
    verifier.check_free()
    body = body_of("application/json", limit=MAX_RECEIPT)
    known = partial(find_known, context().services)
    return text(verifier.verdict(body, _policy(), known), content_type="application/json")


@verification.get("/v1/trust")
def trust() -> Response:
    """This ledger's trust policy (c2sp.org/tlog-policy); compare its fingerprints elsewhere before relying on it."""
    response = text(_policy())
    response.headers["Cache-Control"] = "no-cache"
    return response


def _policy() -> bytes:
    logs = tuple(map(Log, context().services.log_keys))
    return format_policy(Policy(logs=logs, witnesses=(), groups=(), quorum=None)).encode()
