"""Deposits 存证: statements in, acknowledgements and receipts out."""

from __future__ import annotations

from functools import partial
from typing import Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, UnsupportedMediaType

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED
from hefu_ledger.encoding import from_hex
from hefu_ledger.errors import MalformedError
from hefu_ledger.number import parse_number
from hefu_service.api.context import body_of, context, fields_of, named, text
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.committer import Accepted
from hefu_service.intake.deposits import MAX_BYTES, MAX_STATEMENTS
from hefu_service.receipts.receipts import deposit_state, number_state
from hefu_service.texts import sentence

deposits: Final = Blueprint("deposits", __name__)
POLL_S: Final = 1  # the default sealing window: when a client is told to ask again


@deposits.post("/v1/deposits")
def submit() -> ResponseReturnValue:
    """Accept one statement (a note) or many (JSON, all or nothing); 200 if all were there before."""
    if request.mimetype == "text/plain":
        accepted = _accept([_one()])
        return text(_acknowledge(accepted[0]).encode(), _status(accepted))
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(sentence("http.media_types"))
    accepted = _accept(_many())
    return jsonify(acknowledgements=[_acknowledge(each) for each in accepted]), _status(accepted)


@deposits.get("/v1/deposits/<statement_id>")
def state(statement_id: str) -> ResponseReturnValue:
    """The acknowledgement of a statement, by its SHA-256, and how far it has come."""
    found = deposit_state(context().services, named(from_hex, statement_id))
    if found is None:
        raise NotFound(sentence("http.no_deposit"))
    proven = found.deposit if found.state == ANCHORED else context().durable.prove(found.deposit)
    if proven is None:
        raise NotFound(sentence("http.no_deposit"))
    acknowledgement = acknowledge(context().services, proven)
    return jsonify(acknowledgement=acknowledgement, number=found.number, state=found.state)


@deposits.get("/v1/deposits/<statement_id>/receipt")
def receipt(statement_id: str) -> ResponseReturnValue:
    """The receipt of a statement, by its SHA-256; 202 until it is in the ledger."""
    made = context().receipts.make(named(from_hex, statement_id))
    if made is None:
        return jsonify(state=ACCEPTED), 202, {"Retry-After": str(POLL_S)}
    return text(format_receipt(made), content_type="application/json")


@deposits.get("/v1/numbers/<number>")
def numbered(number: str) -> Response:
    """State and times of a deposit number; the depositor and the document are never told."""
    services = context().services
    named(partial(parse_number, prefix=services.number_prefix), number)
    found = number_state(services, number)
    if found is None:
        raise NotFound(sentence("http.no_number"))
    return jsonify(number=found.number, state=found.state, **found.times())


def _one() -> bytes:
    data = body_of("text/plain")  # the general limit, so that an evidence file is refused as a private half
    if len(data) > MAX_BYTES:
        raise RequestEntityTooLarge(sentence("http.statement", limit=MAX_BYTES))
    return data


def _many() -> list[bytes]:
    items = fields_of("statements").items("statements", low=1, high=MAX_STATEMENTS)
    if not all(isinstance(item, str) for item in items):
        raise MalformedError("the body: statements: not a list of texts, each a signed note")
    return [item.encode() for item in items]


def _accept(statements: list[bytes]) -> list[Accepted]:
    return context().front_door.accept(statements)


def _acknowledge(accepted: Accepted) -> str:
    return acknowledge(context().services, accepted.deposit)


def _status(accepted: list[Accepted]) -> int:
    return 200 if all(each.again for each in accepted) else 201
