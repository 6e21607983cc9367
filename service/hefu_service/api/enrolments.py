"""Enrolment 实名登记 of depositors' keys."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from hefu_ledger.records.identity import MAX_POSSESSION
from hefu_ledger.section import section_value
from hefu_service.api.context import context, fields_of
from hefu_service.intake.enrolment import enrol
from hefu_service.receipts.receipts import enrolment_proofs
from hefu_service.texts import sentence

enrolments: Final = Blueprint("enrolments", __name__)


@enrolments.post("/v1/enrolments")
def submit() -> ResponseReturnValue:
    """Enrol the key of a possession note with a one-time code; 200 if this very key was enrolled with it before."""
    body = fields_of("code", "possession")
    possession = body.text("possession", limit=MAX_POSSESSION).encode()
    done = enrol(context().services, body.text("code", limit=100), possession)
    answer = {
        "depositor": done.depositor,
        "from_seq": done.from_seq,
        "identity": section_value(done.identity),
        "origin": done.origin,
        "vkey": done.vkey,
    }
    return jsonify(answer), 200 if done.again else 201


@enrolments.get("/v1/enrolments/<depositor>")
def show(depositor: str) -> ResponseReturnValue:
    """A depositor's enrolment and key records with their proofs; they do not hold its name."""
    found = enrolment_proofs(context().services, depositor)
    if found is None:
        raise NotFound(sentence("http.no_depositor"))
    return jsonify(
        depositor=found.depositor,
        pending=found.pending,
        proofs=[{"index": index, "proof": proof} for index, proof in found.proofs],
        records=list(found.records),
    )
