"""Enrolment 实名登记 of depositors' keys."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from hefu_ledger.errors import MalformedError
from hefu_ledger.records.possession import MAX_POSSESSION
from hefu_ledger.records.roster import roster_value
from hefu_ledger.section import section_value
from hefu_service.api.context import context, fields_of
from hefu_service.intake.enrolment import Invitation, enrol, invite
from hefu_service.receipts.receipts import enrolment_proofs
from hefu_service.texts import sentence

enrolments: Final = Blueprint("enrolments", __name__)


@enrolments.post("/v1/enrolments")
def submit() -> ResponseReturnValue:
    """Enrol the key of a possession note, by a one-time code or by keys of the depositor that vouch for it.

    200 if this very key was enrolled so before. A code alone enrols nothing, and is answered with the text to sign.
    """
    body = fields_of(optional=("code", "possession"))
    code = body.text("code", limit=100) if body.has("code") else None
    if not body.has("possession"):
        if code is None:
            raise MalformedError("the body: neither code nor possession; send the code, the possession note, or both")
        return jsonify(_invitation(invite(context().services, code)))
    possession = body.text("possession", limit=MAX_POSSESSION).encode()
    done = enrol(context().services, possession, code=code)
    answer = {
        "depositor": done.depositor,
        "event": done.event,
        "from_seq": done.from_seq,
        "origin": done.origin,
        "vkey": done.vkey,
    }
    return jsonify(answer), 200 if done.again else 201


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "depositor": invitation.depositor,
        "identity": section_value(invitation.identity),
        "origin": invitation.origin,
        "role": invitation.role,
        "signatures_required": invitation.signatures_required,
    }


@enrolments.get("/v1/enrolments/<depositor>")
def show(depositor: str) -> ResponseReturnValue:
    """A depositor's enrolment and key records with their proofs; they do not hold its name."""
    found = enrolment_proofs(context().services, depositor)
    if found is None:
        raise NotFound(sentence("http.no_depositor"))
    return jsonify(
        checkpoint=found.checkpoint,
        depositor=found.depositor,
        paths=[[node.hex() for node in path] for path in found.paths],
        pending=found.pending,
        records=list(found.records),
        roster=roster_value(found.roster),
    )
