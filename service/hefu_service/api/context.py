"""Shared by the views: the services of this app, and strict reading of request bodies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, TypeVar

from flask import Response, current_app, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, RequestTimeout, Unauthorized, UnsupportedMediaType

from hefu_ledger.encoding import Fields
from hefu_ledger.errors import MalformedError
from hefu_service.api.arrivals import Arrivals
from hefu_service.api.strangers import Strangers
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.body import check_not_private, parse_json
from hefu_service.intake.durable import Durable
from hefu_service.language import error_text
from hefu_service.ports.verifier import Verifier
from hefu_service.receipts.receipts import Receipts
from hefu_service.services import Services
from hefu_service.texts import Text, sentence

T = TypeVar("T")
BEARER: Final = WWWAuthenticate("bearer")
MAX_BODY: Final = 262_144  # bytes, unless a view says otherwise


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a view may use."""

    services: Services
    front_door: FrontDoor
    durable: Durable
    receipts: Receipts
    not_ready: Callable[[], Mapping[str, str]]  # parts that are not ready, with reasons; empty if all are
    answered: Callable[[str, str, int, float, str | None], None]  # method, route, status, seconds, problem's type
    metrics: Callable[[], bytes]  # in the Prometheus text format
    public: Path  # the published ledger
    auditor_token: str | None
    metrics_token: str | None
    verifier: Verifier
    strangers: Strangers = field(default_factory=Strangers)
    arrivals: Arrivals = field(default_factory=Arrivals)


def context() -> Context:
    """The context of the app that answers."""
    found: Context = current_app.extensions["hefu"]
    return found


def body_of(media_type: str, *, limit: int = MAX_BODY) -> bytes:
    """The request's body of exactly this media type; 415 for another, 413 above ``limit`` bytes, 408 if cut short.

    A body that holds a private half is refused before it is parsed.
    """
    request.max_content_length = limit
    if request.mimetype != media_type:
        raise UnsupportedMediaType(sentence("http.media_type", media_type=media_type))
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaType(sentence("http.encoding"))
    length = request.content_length
    with context().arrivals.expect(request.remote_addr or "", length or 0):
        data = request.get_data()
    if length not in (None, len(data)):  # the client left or was cut off; the server cannot tell that from the end
        raise RequestTimeout(sentence("http.cut_short", length=length, came=len(data)))
    check_not_private(data)
    return data


def json_of(*, limit: int = MAX_BODY) -> Any:
    """The request's JSON."""
    return parse_json(body_of("application/json", limit=limit), limit=limit)


def fields_of(*names: str, optional: Collection[str] = ()) -> Fields:
    """The request's JSON object of exactly these members."""
    return Fields(json_of(), "the body", frozenset(names), frozenset(optional))


def bearer() -> str | None:
    """The bearer token that the request shows."""
    shown = request.authorization
    return shown.token if shown is not None and shown.type == "bearer" else None


def check_bearer(token: str, missing: Text) -> None:
    """Raise Unauthorized, with the text ``missing``, unless the request shows this token."""
    if not compare_digest((bearer() or "").encode(), token.encode()):
        raise Unauthorized(missing, www_authenticate=BEARER)


def named(parse: Callable[[str], T], name: str) -> T:
    """Parse a part of the path; 400 if it is malformed."""
    try:
        return parse(name)
    except MalformedError as error:
        raise BadRequest(error_text(error)) from None


def text(body: bytes, status: int = 200, *, content_type: str = "text/plain; charset=utf-8") -> Response:
    """An answer of exact bytes."""
    return Response(body, status, content_type=content_type)
