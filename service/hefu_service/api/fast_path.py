"""The most frequent requests, answered before Flask: a statement in, a receipt out; a receipt not verified now.

Flask costs a deposit more than all the rest of its work (contexts, routing, proxies). The fast path decides nothing:
each answer has a Flask view of the same route behind it, and a request that is malformed, refused or not found goes on
to that view unchanged, which explains the refusal.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from flask import Flask

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.errors import LedgerError
from hefu_service.api.context import Context
from hefu_service.api.problems import MEDIA_TYPE, Problem, problem_json, problem_of
from hefu_service.api.reporting import Reporter
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.deposits import MAX_BYTES
from hefu_service.intake.refusals import RefusedError, VerifierBusyError
from hefu_service.language import error_text
from hefu_service.receipts.receipts import UnknownDepositError

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
FAILURE: Final = "hefu.failure"
"""The key under which Flask finds an error of the service itself, which it answers without a second attempt."""

_DEPOSITS: Final = "/v1/deposits"
_VERIFY: Final = "/v1/verify"
_RECEIPT: Final = re.compile(r"/v1/deposits/([0-9a-f]{64})/receipt", re.ASCII)
_RECEIPT_ROUTE: Final = "/v1/deposits/<statement_id>/receipt"


class Answer(NamedTuple):
    """A whole answer; ``problem`` is one of those that may be tried again."""

    status: str
    media_type: str
    body: bytes
    problem: Problem | None = None


class FastPath:
    """A WSGI application in front of Flask's own."""

    def __init__(self, flask: Flask, reporter: Reporter) -> None:
        self._flask = flask
        self.behind: App = flask.wsgi_app
        self._reporter = reporter

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request, or pass it to Flask."""
        began = time.monotonic()
        route, serve = _lane(environ)
        if serve is None:
            return self.behind(environ, start_response)
        request_id = self._reporter.begin(environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            answer = serve(self._flask.extensions["hefu"], environ)
        except (LedgerError, RefusedError, UnknownDepositError):
            answer = None
        except Exception as error:
            environ[FAILURE] = error
            answer = None
        if answer is None:
            return self.behind(environ, start_response)
        problem = None if answer.problem is None else answer.problem.type
        self._reporter.answered(
            environ["REQUEST_METHOD"], route, int(answer.status[:3]), time.monotonic() - began, problem
        )
        headers = [("Content-Type", answer.media_type), ("Content-Length", str(len(answer.body)))]
        if answer.problem is not None:
            headers.append(("Retry-After", str(answer.problem.retry_after_s)))
        start_response(answer.status, [*headers, *self._reporter.headers(request_id)])
        return [answer.body]


def _lane(environ: Environ) -> tuple[str, Callable[[Context, Environ], Answer | None] | None]:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if method == "POST" and path == _DEPOSITS and environ.get("CONTENT_TYPE") == "text/plain":
        return _DEPOSITS, _deposit
    if method == "GET" and _RECEIPT.fullmatch(path):
        return _RECEIPT_ROUTE, _receipt
    if method == "POST" and path == _VERIFY:
        return _VERIFY, _verify_later
    return "", None


def _deposit(context: Context, environ: Environ) -> Answer | None:
    text = environ.get("CONTENT_LENGTH", "")
    length = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 0 < length <= MAX_BYTES or "HTTP_CONTENT_ENCODING" in environ:
        return None
    with context.arrivals.expect(environ.get("REMOTE_ADDR", ""), length):
        data = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(data)  # Flask may read it again
    if len(data) != length:
        return None
    (accepted,) = context.front_door.accept([data])
    body = acknowledge(context.services, accepted.deposit).encode()
    return Answer("200 OK" if accepted.again else "201 CREATED", "text/plain; charset=utf-8", body)


def _receipt(context: Context, environ: Environ) -> Answer | None:
    made = context.receipts.make(bytes.fromhex(environ["PATH_INFO"].split("/")[3]))
    return None if made is None else Answer("200 OK", "application/json", format_receipt(made))


def _verify_later(context: Context, environ: Environ) -> Answer | None:
    """Refuse a receipt while another is being verified: strangers may send as many as they like."""
    try:
        context.verifier.check_free()
    except VerifierBusyError as error:
        problem = problem_of(error)
        body = problem_json(problem, error_text(error), environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        return Answer("503 SERVICE UNAVAILABLE", MEDIA_TYPE, body, problem)
    return None
