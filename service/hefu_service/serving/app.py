"""The Flask application over a context; knows every blueprint and no use case."""

from __future__ import annotations

import time
from functools import partial

from flask import Flask, Response, current_app, g, request

from hefu_service.api import problems
from hefu_service.api.context import MAX_BODY, Context
from hefu_service.api.deposits import deposits
from hefu_service.api.enrolments import enrolments
from hefu_service.api.fast_path import FAILURE, FastPath
from hefu_service.api.front import front
from hefu_service.api.health import health
from hefu_service.api.keys import keys
from hefu_service.api.ledger import ledger
from hefu_service.api.reporting import Reporter
from hefu_service.api.vault import vault
from hefu_service.api.verification import verification


def create_app(context: Context) -> Flask:
    """Make the WSGI application."""
    app = Flask("hefu_service", static_folder=None)
    app.extensions["hefu"] = context
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # only described methods answer
    app.url_map.merge_slashes = False  # nor redirects, which would be HTML
    app.json.sort_keys = True  # type: ignore[attr-defined]  # Flask's default provider has it
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the same
    for blueprint in (front, deposits, enrolments, keys, ledger, vault, verification, health):
        app.register_blueprint(blueprint)
    problems.register(app)
    reporter = Reporter(context.answered)
    app.before_request(partial(_begin, reporter))
    app.after_request(partial(_end, reporter))
    app.after_request(_count_refused)  # before the log, which has the answer that is given
    app.wsgi_app = FastPath(app, reporter)  # type: ignore[method-assign]  # as Flask's manual has it
    return app


def _begin(reporter: Reporter) -> None:
    g.started = time.monotonic()
    g.request_id = reporter.begin(request.headers.get("X-Request-Id", ""))
    if (failure := request.environ.get(FAILURE)) is not None:
        raise failure


def _count_refused(response: Response) -> Response:
    """Count a request that is sent and refused for its sender's address."""
    if request.method not in {"POST", "PUT"} or not 400 <= response.status_code < 500:
        return response
    if response.status_code in {409, 410, 429}:  # a signature or code was verified before
        return response
    context: Context = current_app.extensions["hefu"]
    too_often = context.strangers.refused()
    return response if too_often is None else problems.answer(too_often)


def _end(reporter: Reporter, response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule is not None else "none"
    seconds = time.monotonic() - g.started
    reporter.answered(request.method, route, response.status_code, seconds, g.get("problem"))
    response.headers.extend(reporter.headers(g.request_id))
    return response
