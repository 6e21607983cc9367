"""Keys 密钥: a depositor's own requests to retire or report one."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from hefu_ledger.records.keyrequest import MAX_REQUEST
from hefu_service.api.context import context, fields_of
from hefu_service.intake.keychange import change_key

keys: Final = Blueprint("keys", __name__)


@keys.post("/v1/keys")
def submit() -> ResponseReturnValue:
    """Carry out a signed key request from the next deposit on; 200 if this very request was carried out before."""
    done = change_key(context().services, fields_of("request").text("request", limit=MAX_REQUEST).encode())
    answer = {
        "action": done.action,
        "depositor": done.depositor,
        "event": done.event,
        "from_seq": done.from_seq,
        "vkey": done.vkey,
    }
    return jsonify(answer), 200 if done.again else 201
