"""Is it alive, is it ready, how much is there."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from hefu_ledger.checkpoint import parse_checkpoint
from hefu_ledger.note import parse_note
from hefu_service.api.context import context, text
from hefu_service.api.openapi import document

health: Final = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """Deposits can be taken and are being sealed; otherwise 503 names what is not ready."""
    missing = context().not_ready()
    return jsonify(ready=not missing, not_ready=missing), 503 if missing else 200


@health.get("/metrics")
def metrics() -> Response:
    """How far the ledger is, as plain gauges in the Prometheus text format."""
    with context().services.store.view() as view:
        intake, ledger, checkpoint = view.intake_head(), view.ledger_head(), view.latest_checkpoint()
    gauges = {
        "hefu_deposits": intake.next_seq,
        "hefu_deposits_waiting": intake.next_seq - ledger.entries,
        "hefu_records": ledger.size,
        "hefu_checkpoint_size": parse_checkpoint(parse_note(checkpoint).text).size if checkpoint else 0,
    }
    lines = [f"# TYPE {name} gauge\n{name} {value}\n" for name, value in gauges.items()]
    return text("".join(lines).encode(), content_type="text/plain; version=0.0.4")


@health.get("/openapi.json")
def openapi() -> Response:
    """This HTTP surface, described."""
    return jsonify(document())
