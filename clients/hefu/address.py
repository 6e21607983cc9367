"""The address of a service: what may stand in it, and the proxy on the way there."""

from __future__ import annotations

import os
from typing import NamedTuple

import httpx

from hefu.errors import ClientError
from hefu.ui.language import say

_PROXY_SCHEMES = ("http", "https")


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
    if parsed.scheme not in _PROXY_SCHEMES or not parsed.host or parsed.query or parsed.fragment:
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
    if scheme not in _PROXY_SCHEMES:
        raise ClientError(say("service.proxy_scheme", setting=setting, scheme=scheme, host=target.host))
    try:
        httpx.Proxy(proxy)
    except (httpx.InvalidURL, ValueError):
        raise ClientError(say("service.proxy_address", setting=setting)) from None
    return Proxy(proxy, setting)
