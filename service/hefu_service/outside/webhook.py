"""Signed webhooks, as Standard Webhooks describes them (www.standardwebhooks.com, specification 1.0)."""

from __future__ import annotations

import hmac
import logging
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import httpx

from hefu_ledger.encoding import from_base64, to_base64
from hefu_ledger.errors import MalformedError
from hefu_service.outside.deadline import Deadline, Exchanges
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import DeliveryError, Message
from hefu_service.texts import sentence

_SECRET: Final = "whsec_"  # noqa: S105 -- the beginning of every secret
_TIMEOUTS: Final = httpx.Timeout(10.0, connect=5.0)
LONGEST_S: Final = 15.0

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL, which may hold a secret


def parse_secret(text: str) -> bytes:
    """Read ``whsec_`` and base64 of 24 to 64 random bytes; PortError otherwise."""
    try:
        secret = from_base64(text.removeprefix(_SECRET))
    except MalformedError:
        secret = b""
    if not text.startswith(_SECRET) or not 24 <= len(secret) <= 64:
        raise PortError(sentence("webhook.secret"))
    return secret


def signed_headers(message_id: str, body: bytes, *, secret: bytes, timestamp_s: int) -> Mapping[str, str]:
    """Make the three headers; the signature is HMAC-SHA-256 over ``id.timestamp.body``."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{to_base64(hmac.digest(secret, signed, 'sha256'))}",
    }


class WebhookSender:
    """Meets ``ports.Sender``. The system's certificates are trusted, and no proxy of the environment is used."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._url = url
        self._secret = secret
        self._certificates = ssl.create_default_context()
        self._exchanges = Exchanges()

    def send(self, message: Message) -> None:
        """Any 2xx has taken it; redirects are not followed, and the body of the answer is not read."""
        headers = {
            "content-type": "application/json",
            "user-agent": "hefu-service",
            **signed_headers(message.id, message.body, secret=self._secret, timestamp_s=int(time.time())),
        }
        try:
            status = self._exchanges.within(LONGEST_S, partial(self._post, message.body, headers))
        except (httpx.HTTPError, OSError) as error:
            raise DeliveryError(_state(error)) from None
        if not 200 <= status < 300:
            raise DeliveryError(f"HTTP {status}")

    def _post(self, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> int:
        client = httpx.Client(verify=self._certificates, timeout=_TIMEOUTS, trust_env=False, follow_redirects=False)
        watched = {"trace": partial(_watch, deadline)}
        with client, client.stream("POST", self._url, content=body, headers=headers, extensions=watched) as answer:
            return answer.status_code


def _watch(deadline: Deadline, event: str, info: dict[str, Any]) -> None:
    if event == "connection.connect_tcp.complete":
        deadline.watch(info["return_value"].get_extra_info("socket"))


def _state(error: Exception) -> str:
    """The kind of failure alone: an error's text may hold addresses."""
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return "no answer in time"
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return "TLS: not the receiver's certificate"
    return "cannot connect" if isinstance(error, httpx.ConnectError) else f"connection lost ({type(error).__name__})"
