"""Verification 核验 of a receipt by the service itself, and the trust policy of its ledger."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import UnprocessableEntity

from hefu_ledger.deposit.receipt import MAX_RECEIPT
from hefu_ledger.encoding import canonical
from hefu_ledger.tlog.policy import Log, Policy, format_policy
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.case import OWN
from hefu_ledger.verify.sentences import FILE, Table
from hefu_ledger.verify.verdict import verdict_value
from hefu_service.api.context import admit, context, json_of, text

verification: Final = Blueprint("verification", __name__)
verification.before_request(admit)


@verification.post("/v1/verify")
def verify() -> Response:
    """Verify a receipt by this ledger's own keys: every step that needs no private half."""
    data = canonical(json_of(limit=MAX_RECEIPT))
    if len(data) > MAX_RECEIPT:
        raise UnprocessableEntity("the receipt is longer than a receipt may be")
    return jsonify(verdict_value(verify_receipt(data, policy=_policy(), source=OWN), _sentences()))


@verification.get("/v1/trust")
def trust() -> Response:
    """This ledger's trust policy (c2sp.org/tlog-policy); compare its fingerprints elsewhere before relying on it."""
    response = text(format_policy(_policy()).encode())
    response.headers["Cache-Control"] = "no-cache"
    return response


@cache
def _sentences() -> Table:
    table: Table = json.loads(files("hefu_ledger.verify").joinpath(FILE).read_bytes())
    return table


def _policy() -> Policy:
    logs = tuple(map(Log, context().services.log_keys))
    return Policy(logs=logs, witnesses=(), groups=(), quorum=None)
