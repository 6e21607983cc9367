"""Shared by the views: the services of this app, and strict reading of request bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from flask import Response, current_app, request
from werkzeug.exceptions import BadRequest, RequestTimeout, UnsupportedMediaType

from hefu_ledger.encoding import Fields, canonical, parse_plain
from hefu_ledger.errors import MalformedError
from hefu_service.api.arrivals import Arrivals
from hefu_service.api.problems import PrivateHalfError
from hefu_service.api.strangers import Strangers
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.durable import Durable
from hefu_service.receipts.receipts import Receipts
from hefu_service.services import Services

T = TypeVar("T")
MAX_BODY: Final = 262_144  # bytes, unless a view says otherwise
_PRIVATE: Final = frozenset({"digests", "nonce", "sections", "seed"})  # of evidence files, bundles and opened sections
# Matches their names in any JSON, also cut short, inside a note or quoted in a string.
_PRIVATE_HALF: Final = "the body holds a part of the private half (sections, digests, nonces or a seed)"
_PRIVATE_MEMBER: Final = re.compile(rb'"(%s)\\*"\s*:' % "|".join(sorted(_PRIVATE)).encode())


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
    strangers: Strangers = field(default_factory=Strangers)
    arrivals: Arrivals = field(default_factory=Arrivals)


def context() -> Context:
    """The context of the app that answers."""
    found: Context = current_app.extensions["hefu"]
    return found


def admit() -> None:
    """Refuse a POST unread if its address had too many refusals; for requests whose sender is not known yet."""
    if request.method == "POST":
        context().strangers.admit()


def body_of(media_type: str, *, limit: int = MAX_BODY) -> bytes:
    """The request's body of exactly this media type; 415 for another, 413 above ``limit`` bytes, 408 if cut short.

    A body that holds a private half is refused before it is parsed.
    """
    request.max_content_length = limit
    if request.mimetype != media_type:
        raise UnsupportedMediaType(f"Content-Type must be {media_type}")
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaType("Content-Encoding is not supported")
    length = request.content_length
    with context().arrivals.expect(request.remote_addr or "", length or 0):
        data = request.get_data()
    if length not in (None, len(data)):  # the client left or was cut off; the server cannot tell that from the end
        raise RequestTimeout(f"of {length} bytes only {len(data)} came, or not in time")
    if _PRIVATE_MEMBER.search(data):
        raise PrivateHalfError(_PRIVATE_HALF)
    return data


def json_of(*, limit: int = MAX_BODY) -> Any:
    """The request's JSON."""
    value = parse_plain(body_of("application/json", limit=limit), limit=limit)
    _refuse_private(value)
    canonical(value)  # refuses lone surrogates, which could be neither stored nor answered
    return value


def fields_of(*names: str, optional: Collection[str] = ()) -> Fields:
    """The request's JSON object of exactly these members."""
    return Fields(json_of(), "the body", frozenset(names), frozenset(optional))


def _refuse_private(value: object) -> None:
    """Refuse private members whose names were hidden by JSON escapes."""
    if isinstance(value, dict):
        if not _PRIVATE.isdisjoint(value):
            raise PrivateHalfError(_PRIVATE_HALF)
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            _refuse_private(member)


def named(parse: Callable[[str], T], name: str) -> T:
    """Parse a part of the path; 400 if it is malformed."""
    try:
        return parse(name)
    except MalformedError as error:
        raise BadRequest(str(error)) from None


def text(body: bytes, status: int = 200, *, content_type: str = "text/plain; charset=utf-8") -> Response:
    """An answer of exact bytes."""
    return Response(body, status, content_type=content_type)
