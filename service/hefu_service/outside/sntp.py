"""Time servers, asked once each over UDP (SNTP, RFC 4330 and RFC 5905): the true time against our count of it.

An answer that is not to our question, or of a server that is not in step itself, tells nothing.
"""

from __future__ import annotations

import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

PORT: Final = 123
PATIENCE_S: Final = 2.0
_CLIENT: Final = 0b00_100_011  # version 4, mode 3
_SERVER: Final = 4  # the mode of an answer
_ALARM: Final = 3  # the leap indicator of a server that is not in step
_STRATA: Final = range(1, 16)
_HEADER: Final = struct.Struct(">BBbb11I")  # 48 bytes
_EPOCH_S: Final = 2_208_988_800  # from 1900 to 1970
_ERA_S: Final = 1 << 32  # the count of seconds begins anew in 2036
_OLDEST_S: Final = 1_735_689_600  # 2025-01-01: no answer is older, so that it is of the next era


def measure(servers: Sequence[str], elapsed_ns: Callable[[], int]) -> Mapping[str, int | None]:
    """Ask each server (``host`` or ``host:port``) at the same time; it takes 2 s at most.

    Returns the true time at the count's zero (ms since 1970), so that the true time is that plus the elapsed count;
    None for a server that did not tell.
    """
    told: dict[str, int] = {}

    def ask(server: str) -> None:
        with suppress(OSError, ValueError):
            told[server] = _ask(server, elapsed_ns)

    # Daemons: a name that is looked up in vain may take longer than we wait.
    threads = [threading.Thread(target=ask, args=(server,), name="sntp", daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))
    found = dict(told)
    return {server: found.get(server) for server in servers}


def _ask(server: str, elapsed_ns: Callable[[], int]) -> int:
    place = urlsplit(f"//{server}")
    family, kind, protocol, _, address = socket.getaddrinfo(place.hostname, place.port or PORT, type=socket.SOCK_DGRAM)[
        0
    ]
    with socket.socket(family, kind, protocol) as udp:
        udp.settimeout(PATIENCE_S)
        udp.connect(address)  # datagrams from elsewhere do not arrive
        question = secrets.token_bytes(8)  # in the place of our time, so that only an answer to this question counts
        asked = elapsed_ns()
        udp.send(_HEADER.pack(_CLIENT, *([0] * 14))[:40] + question)
        answer = udp.recv(1024)
        middle_ms = (asked + elapsed_ns()) // 2_000_000
    return _time_ms(answer, question) - middle_ms


def _time_ms(answer: bytes, question: bytes) -> int:
    """The middle of a server's times of receipt and of answer; ValueError if it tells no time."""
    if len(answer) < _HEADER.size:
        raise ValueError("too short")
    first, stratum, *_ = fields = _HEADER.unpack_from(answer)
    if first & 7 != _SERVER or first >> 6 == _ALARM or stratum not in _STRATA or answer[24:32] != question:
        raise ValueError("no answer to the question, or of a server that is not in step")
    received, sent = (_ms(*fields[place : place + 2]) for place in (11, 13))
    return (received + sent) // 2


def _ms(seconds: int, fraction: int) -> int:
    unix_s = seconds - _EPOCH_S
    return (unix_s + _ERA_S if unix_s < _OLDEST_S else unix_s) * 1000 + (fraction * 1000 >> 32)
