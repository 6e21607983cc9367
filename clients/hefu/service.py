"""Requests to the service: each is repeated until it is answered, which the protocol makes harmless.

A statement's id is the hash of its bytes, a code is bound to one key, and reading changes nothing. So lost
connections, overload and restarts are waited out with growing pauses; a refusal (4xx, 507) is final.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import httpx

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.ui.language import language, say
from hefu.version import __version__
from hefu_ledger.encoding import parse_plain
from hefu_ledger.errors import MalformedError

JSON: Final = "application/json"
TEXT: Final = "text/plain"
ATTEMPTS: Final = 7
MAX_ANSWER: Final = 1 << 20  # bytes, where a resource does not say otherwise
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_TRY_AGAIN: Final = frozenset({408, 429, 502, 503, 504})
NO_ROOM: Final = 507  # RFC 4918, 11.5: there is no room to store the body, and so a refusal


class Answer(NamedTuple):
    """``retry_after_s``: when the service suggests to ask again, if it does."""

    status: int
    body: bytes
    retry_after_s: float | None

    def json(self, what: str) -> dict[str, Any]:
        """The body as a JSON object; UnreachableError if not: the answer is not of this protocol."""
        try:
            value = parse_plain(self.body, limit=len(self.body))
        except MalformedError as error:
            raise UnreachableError(say("service.malformed", what=what, error=error)) from None
        if not isinstance(value, dict):
            raise UnreachableError(say("service.no_object", what=what))
        return value


class Service:
    """A service at ``url``. ``sleep`` takes seconds."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ClientError(say("service.address", url=url))
        self.url = url.rstrip("/")
        self.sleep = sleep
        headers = {"User-Agent": f"hefu/{__version__}", "Accept-Encoding": "identity", "Accept-Language": language()}
        self._client = httpx.Client(timeout=_TIMEOUT, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, path: str, *, limit: int = MAX_ANSWER, headers: Mapping[str, str] | None = None) -> Answer:
        """Read a resource of at most ``limit`` bytes."""
        return self._ask("GET", path, limit=limit, headers=dict(headers or {}))

    def post(self, path: str, body: bytes, media_type: str, *, limit: int = MAX_ANSWER) -> Answer:
        """Send a body that may safely arrive more than once."""
        return self._ask("POST", path, limit=limit, content=body, headers={"Content-Type": media_type})

    def put(self, path: str, body: bytes, media_type: str, *, headers: Mapping[str, str]) -> Answer:
        """Send a body to be stored under a name."""
        return self._ask("PUT", path, limit=MAX_ANSWER, content=body, headers={"Content-Type": media_type, **headers})

    def _ask(self, method: str, path: str, *, limit: int, **request: Any) -> Answer:
        cause = ""
        for attempt in range(ATTEMPTS):
            pause_s = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1)  # noqa: S311  # spreads clients, hides nothing
            try:
                answer = self._ask_once(method, path, limit, request)
            except httpx.TransportError as error:
                cause = f"{type(error).__name__}: {error}"
            else:
                if answer.status not in _TRY_AGAIN:
                    return _check(answer, again=attempt > 0)
                pause_s = max(pause_s, answer.retry_after_s or 0)
                cause = say("service.status", status=answer.status)
            if attempt + 1 < ATTEMPTS:
                self.sleep(min(pause_s, _LONGEST_PAUSE_S))
        raise UnreachableError(say("service.unreachable", url=self.url, attempts=ATTEMPTS, cause=cause))

    def _ask_once(self, method: str, path: str, limit: int, request: dict[str, Any]) -> Answer:
        with self._client.stream(method, self.url + path, **request) as response:
            body = bytearray()
            for piece in response.iter_raw():
                body += piece
                if len(body) > limit:
                    raise UnreachableError(say("service.too_long", url=self.url + path, limit=limit))
            return Answer(response.status_code, bytes(body), _seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After of whole seconds; the form with a date is not used by the service."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else None


def _check(answer: Answer, *, again: bool) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    try:
        problem = json.loads(answer.body)
        title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
    except (ValueError, AttributeError, RecursionError):
        title, detail = "", answer.body[:200].decode("utf-8", "replace")
    if 400 <= answer.status < 500 or answer.status == NO_ROOM:
        raise RefusedError(answer.status, title, detail, again=again)
    raise UnreachableError(say("service.failed", status=answer.status, title=title, detail=detail))
