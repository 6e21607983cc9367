"""The Flask application over a context; knows every blueprint and no use case."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Final

from flask import Flask, Response, g, request

from hefu_service.api import problems
from hefu_service.api.context import MAX_BODY, Context
from hefu_service.api.deposits import deposits
from hefu_service.api.enrolments import enrolments
from hefu_service.api.health import health
from hefu_service.api.keys import keys
from hefu_service.api.ledger import ledger
from hefu_service.api.vault import vault
from hefu_service.api.verification import verification

LOG: Final = logging.getLogger("hefu.request")


def create_app(context: Context) -> Flask:
    """Make the WSGI application."""
    app = Flask("hefu_service", static_folder=None)
    app.extensions["hefu"] = context
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # a surface without what nobody described
    app.url_map.merge_slashes = False  # nor redirects, which would be HTML
    app.json.sort_keys = True  # type: ignore[attr-defined]  # Flask's default provider has it
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    for blueprint in (deposits, enrolments, keys, ledger, vault, verification, health):
        app.register_blueprint(blueprint)
    problems.register(app)
    app.before_request(_begin)
    app.after_request(_log)
    return app


def _begin() -> None:
    g.started = time.monotonic()
    g.request_id = secrets.token_hex(8)


def _log(response: Response) -> Response:
    """One line a request: its route, never its path, which may hold an enterprise's identifiers."""
    response.headers["X-Request-Id"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    if LOG.isEnabledFor(logging.INFO):
        event = {
            "request": g.request_id,
            "method": request.method,
            "route": str(request.url_rule) if request.url_rule else None,
            "status": response.status_code,
            "ms": round(1000 * (time.monotonic() - g.started), 1),
        }
        LOG.info("request", extra={"event": event})
    return response
