"""Health: alive, ready, metrics, and the description of the HTTP surface."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from werkzeug.exceptions import Forbidden

from hefu_service.api.context import check_bearer, context, text
from hefu_service.api.openapi import document_json
from hefu_service.texts import sentence

health: Final = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """200 while deposits are taken and sealed; otherwise 503 names each part that is not ready, and the reason."""
    found = context().not_ready()
    parts = [{"part": part, "reason": reason} for part, reason in found.items()]
    return jsonify(ready=not parts, not_ready=parts), 503 if parts else 200


@health.get("/metrics")
def metrics() -> Response:
    """Counters and gauges, in the Prometheus text format: for this machine, and elsewhere for who has the token."""
    if not context().strangers.is_from_here():
        token = context().metrics_token
        if token is None:
            raise Forbidden(sentence("http.no_metrics"))
        check_bearer(token, sentence("http.metrics"))
    return text(context().metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@health.get("/openapi.json")
def openapi() -> Response:
    """This HTTP surface, described."""
    return text(document_json(), content_type="application/json")
