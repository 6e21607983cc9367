"""The Flask application over a context; knows every blueprint and no use case."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Final

from flask import Flask, Response, current_app, g, request

from hefu_service.api import problems
from hefu_service.api.context import MAX_BODY, Context
from hefu_service.api.deposits import deposits
from hefu_service.api.enrolments import enrolments
from hefu_service.api.health import health
from hefu_service.api.keys import keys
from hefu_service.api.ledger import ledger
from hefu_service.api.vault import vault
from hefu_service.api.verification import verification
from hefu_service.logs import log_about
from hefu_service.metrics import METHODS

LOG: Final = logging.getLogger("hefu.request")
# A proxy's, perhaps, or anybody's: too short for a SHA-256 in hex, which has no place in a log.
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z-]{1,63}", re.ASCII)


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
    app.after_request(_count_refused)  # before the log, which has the answer that is given
    return app


def _begin() -> None:
    g.started = time.monotonic()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    log_about(request=g.request_id)


def _count_refused(response: Response) -> Response:
    """What is sent and refused counts for its sender's address."""
    if request.method not in {"POST", "PUT"} or not 400 <= response.status_code < 500 or response.status_code == 429:
        return response
    context: Context = current_app.extensions["hefu"]
    too_often = context.strangers.refused()
    return response if too_often is None else problems.answer(too_often)


def _log(response: Response) -> Response:
    """One line a request: its route, never its path, which may hold an enterprise's identifiers."""
    context: Context = current_app.extensions["hefu"]
    seconds = time.monotonic() - g.started
    route = request.url_rule.rule if request.url_rule is not None else "none"
    problem = g.get("problem")
    context.answered(request.method, route, response.status_code, seconds, problem)
    response.headers["X-Request-Id"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    if LOG.isEnabledFor(logging.INFO):
        event = {
            "method": request.method if request.method in METHODS else "other",
            "route": route,
            "status": response.status_code,
            "ms": round(1000 * seconds, 1),
        }
        if problem is not None:
            event["problem"] = problem
        LOG.info("request", extra={"event": event})
    return response
