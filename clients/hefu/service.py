"""Requests to the service: each is repeated until it is answered, which the protocol makes harmless.

A statement's id is the hash of its bytes, a code is bound to one key, and reading changes nothing. So lost
connections, overload and restarts are waited out with growing pauses; a refusal (4xx, 507) is final.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
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
_SCHEMES: Final = ("http", "https")
_PACKINGS: Final = ("gzip", "x-gzip", "deflate")
_PACKING: Final = 1024  # bytes that packing may add to a body that cannot be made smaller, beside a 64th of it
_ANY_HEADER: Final = 47  # of zlib: gzip's or its own
_PAGES: Final = (b"<!doctype html", b"<html")  # of a login or a web filter
_BEGINNING: Final = 100  # bytes
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
    """A service at ``url``. ``sleep`` takes seconds.

    ``insecure_http``: whether http to another computer was accepted; an address in a home was when it was made.
    """

    def __init__(self, url: str, *, insecure_http: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = check_address(url, insecure_http=insecure_http)
        self.sleep = sleep
        self._open: httpx.Client | None = None
        self._through = ""  # the setting of the proxy, if there is one

    @property
    def _client(self) -> httpx.Client:
        """The connections, made when first needed: a wrong proxy must not stop a command without requests."""
        if self._open is None:
            proxy = proxy_of(self.url)
            self._through = "" if proxy is None else proxy.setting
            headers = {
                "User-Agent": f"hefu/{__version__}",
                "Accept-Encoding": "identity",
                "Accept-Language": language(),
            }
            self._open = httpx.Client(
                timeout=_TIMEOUT,
                headers=headers,
                verify=httpx.create_ssl_context(),  # of the environment's authorities, if it names some
                proxy=None if proxy is None else proxy.url,
                trust_env=False,  # the proxy is chosen above
            )
        return self._open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._open is not None:
            self._open.close()

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
                if self._through:
                    cause = say("service.through", cause=cause, setting=self._through)
            else:
                if answer.status not in _TRY_AGAIN:
                    return _check(answer, again=attempt > 0)
                pause_s = max(pause_s, answer.retry_after_s or 0)
                cause = say("service.status", status=answer.status)
            if attempt + 1 < ATTEMPTS:
                self.sleep(min(pause_s, _LONGEST_PAUSE_S))
        raise UnreachableError(say("service.unreachable", url=self.url, attempts=ATTEMPTS, cause=cause))

    def _ask_once(self, method: str, path: str, limit: int, request: dict[str, Any]) -> Answer:
        where = self.url + path
        with self._client.stream(method, where, **request) as response:
            body, most = bytearray(), limit + limit // 64 + _PACKING
            for piece in response.iter_raw():
                body += piece
                if len(body) > most:
                    raise UnreachableError(say("service.too_long", url=where, limit=limit))
            headers = response.headers
            if response.has_redirect_location:
                place = without_password(str(headers["Location"]))
                raise UnreachableError(say("service.moved", url=where, status=response.status_code, place=place))
            unpacked = _unpacked(bytes(body), headers.get("Content-Encoding", ""), limit + 1, where)
            if len(unpacked) > limit:
                raise UnreachableError(say("service.too_long", url=where, limit=limit))
            if response.is_success and unpacked[:_BEGINNING].lstrip().lower().startswith(_PAGES):
                raise UnreachableError(say("service.page", url=where))
            return Answer(response.status_code, unpacked, _seconds(headers.get("Retry-After")))


def _unpacked(body: bytes, encoding: str, most: int, url: str) -> bytes:
    """A body as it was before a server on the way packed it, unasked; at most ``most`` bytes of it."""
    import zlib

    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in _PACKINGS:
        raise UnreachableError(say("service.encoding", url=url, encoding=encoding))
    unpacking, data = zlib.decompressobj(_ANY_HEADER), b""
    with suppress(zlib.error):
        data = unpacking.decompress(body, most)
    if not unpacking.eof and len(data) < most:
        raise UnreachableError(say("service.encoding", url=url, encoding=encoding))
    return data


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After of whole seconds; the form with a date is not used by the service."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else None


def _check(answer: Answer, *, again: bool) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    try:
        problem = json.loads(answer.body)
        title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
        kind = str(problem.get("type", "")).rpartition("/")[2]
    except (ValueError, AttributeError, RecursionError):
        title, detail, kind = "", answer.body[:200].decode("utf-8", "replace"), ""
    if 400 <= answer.status < 500 or answer.status == NO_ROOM:
        raise RefusedError(answer.status, title, detail, kind=kind, again=again)
    raise UnreachableError(say("service.failed", status=answer.status, title=title, detail=detail))


class Proxy(NamedTuple):
    """``url``: of a proxy, which may hold a password and is never shown; ``setting``: its name, which is."""

    url: str
    setting: str


def check_address(url: str, *, insecure_http: bool) -> str:
    """An address without a slash at its end. ClientError unless it is http or https, and hides no password.

    ``insecure_http``: whether http to another computer, which can be read and changed on the way, was accepted.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL()
    if parsed.userinfo or "@" in url:  # in an address that is none, it may be a password as well
        raise ClientError(say("service.password"))
    if parsed.scheme not in _SCHEMES or not parsed.host or parsed.query or parsed.fragment:
        raise ClientError(say("service.address", url=url.partition("?")[0]))
    if parsed.scheme == "http" and not insecure_http and not is_loopback(parsed.host):
        raise ClientError(say("service.insecure", host=parsed.host))
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is of this computer."""
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "localhost.") or host.endswith(".localhost")


def without_password(url: str) -> str:
    """An address as it may be shown: a user and a password are left out."""
    scheme, separator, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def proxy_of(url: str) -> Proxy | None:
    """The proxy that the environment or the system sets for an address; ClientError for one that cannot be used."""
    from urllib.request import getproxies, proxy_bypass

    target = httpx.URL(url)
    found = getproxies()
    name = next((name for name in (target.scheme, "all") if found.get(name)), None)
    if name is None or proxy_bypass(target.host):
        return None
    proxy = found[name] if "://" in found[name] else f"http://{found[name]}"
    names = (f"{name}_proxy".upper(), f"{name}_proxy")
    setting = next((each for each in reversed(names) if os.environ.get(each)), say("service.system"))
    scheme = proxy.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise ClientError(say("service.proxy_scheme", setting=setting, scheme=scheme, host=target.host))
    try:
        httpx.Proxy(proxy)
    except (httpx.InvalidURL, ValueError):
        raise ClientError(say("service.proxy_address", setting=setting)) from None
    return Proxy(proxy, setting)
