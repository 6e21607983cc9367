"""This process's connections, as the kernel knows them (Linux), and those that wait for an answer."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_FDS: Final = "/proc/self/fd"
_TCP_INFO_SIZE: Final = 136
_ALIVE: Final = frozenset({1, 8})  # TCP_ESTABLISHED, TCP_CLOSE_WAIT
_AGES: Final = struct.Struct("=I4xI")  # tcpi_last_data_sent, tcpi_last_data_recv, in ms
_BYTES: Final = struct.Struct("=QQ")  # tcpi_bytes_acked, tcpi_bytes_received


class Unanswered(NamedTuple):
    """A connection over which the last word was its client's."""

    descriptor: int
    peer: tuple[str, int]  # address and port
    sent: int  # bytes, all that its client has confirmed
    received: int  # bytes, all that ever came
    silent_ms: int  # since something came


def unanswered(port: int) -> Iterator[Unanswered]:
    """Find those of the connections that were made to ``port``; IPv4 as well, of which only a length differs."""
    with os.scandir(_FDS) as entries:
        descriptors = [int(entry.name) for entry in entries]
    for descriptor in descriptors:
        with suppress(OSError):  # no socket, not of TCP, or gone by now
            found = _look(descriptor, port)
            if found is not None:
                yield found


def end(connection: Unanswered) -> None:
    """Let nothing more be received over it: received bytes are read, then its end; it may still be answered."""
    with suppress(OSError):
        ours = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, fileno=os.dup(connection.descriptor))
        with ours:
            if _peer(ours) == connection.peer:  # or the number is another's by now
                ours.shutdown(socket.SHUT_RD)


def can_be_seen() -> bool:
    """Test whether this system shows the figures that this module needs."""
    return sys.platform == "linux" and Path(_FDS).is_dir()


def _look(descriptor: int, port: int) -> Unanswered | None:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, fileno=descriptor)
    try:
        found = _read(descriptor, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE))
        if found is None or sock.getsockname()[1] != port:
            return None
        return found._replace(peer=_peer(sock))
    finally:
        sock.detach()  # it is not ours to close


def _read(descriptor: int, info: bytes) -> Unanswered | None:
    if len(info) < _TCP_INFO_SIZE or info[0] not in _ALIVE:
        return None
    since_sent, since_received = _AGES.unpack_from(info, 44)
    sent, received = _BYTES.unpack_from(info, 120)
    # As many bytes as there may be, the kernel counts time in steps: an answer within one is as old as its question.
    if not received or since_received > since_sent:
        return None
    return Unanswered(descriptor, ("", 0), sent, received, since_received)


def _peer(sock: socket.socket) -> tuple[str, int]:
    address, port = sock.getpeername()[:2]
    return address, port
