"""What the views share: the services of this app, and strict reading of request bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Response, current_app, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from hefu_ledger.encoding import parse_plain
from hefu_service.api.problems import PrivateHalfError
from hefu_service.intake.committer import Committer
from hefu_service.services import Services

MAX_BODY: Final = 262_144  # bytes, unless a view says otherwise
_PRIVATE: Final = frozenset({"nonce", "nonces", "sections", "seed"})


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a view may use."""

    services: Services
    committer: Committer
    not_ready: Callable[[], list[str]]  # the names of what is not ready; empty when all is
    public: Path  # the published ledger
    auditor_token: str | None


def context() -> Context:
    """The context of the app that answers."""
    found: Context = current_app.extensions["hefu"]
    return found


def body_of(media_type: str, *, limit: int = MAX_BODY) -> bytes:
    """The request's body of exactly this media type; 415 for another, 413 above ``limit`` bytes."""
    request.max_content_length = limit
    if request.mimetype != media_type:
        raise UnsupportedMediaType(f"Content-Type must be {media_type}")
    if request.content_encoding is not None:
        raise UnsupportedMediaType("Content-Encoding is not supported")
    return request.get_data()


def json_of(*, limit: int = MAX_BODY) -> Any:
    """The request's JSON; one that holds a private half is refused before anything looks at it."""
    data = body_of("application/json", limit=limit)
    value = parse_plain(data, limit=limit)
    refuse_private(value)
    return value


def refuse_private(value: object) -> None:
    """Refuse a value that holds nonces, a seed or sections anywhere."""
    if isinstance(value, dict):
        if not _PRIVATE.isdisjoint(value):
            raise PrivateHalfError("the body holds an enterprise's private half (nonce, seed or sections)")
        for member in value.values():
            refuse_private(member)
    elif isinstance(value, list):
        for member in value:
            refuse_private(member)


def member(value: object, name: str, kind: type) -> Any:
    """A member of a closed JSON object."""
    if not isinstance(value, dict) or not isinstance(value.get(name), kind):
        raise BadRequest(f"the body must be a JSON object with {name!r}, a {kind.__name__}")
    return value[name]


def text(body: bytes, status: int = 200, *, content_type: str = "text/plain; charset=utf-8") -> Response:
    """An answer of exact bytes."""
    return Response(body, status, content_type=content_type)
