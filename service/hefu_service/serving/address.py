"""The address a service listens on, which must be its own.

The server lets several processes listen on one port (SO_REUSEPORT) and the kernel deals connections out among them, so
that two services would answer by turns, each with its own ledger. A socket without that option finds any listener.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hefu_service.ports.errors import PortError
from hefu_service.texts import sentence


@contextmanager
def claimed(host: str, port: int) -> Iterator[None]:
    """Hold an address against other services of this machine; PortError if it is taken or not ours.

    Connections of an earlier service that linger in TIME_WAIT are no obstacle.
    """
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with ExitStack() as held:
        try:
            if sys.platform == "linux":
                held.enter_context(_name(place))
            _probe(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortError(sentence("serve.taken", place=place)) from None
            raise PortError(sentence("serve.listen", place=place, reason=os.strerror(error.errno or 0))) from None
        yield


def _name(place: str) -> socket.socket:
    """Take the address's name, which the kernel gives to one process at a time: two may start at one moment."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0hefu-service {place}")
    except OSError:
        holder.close()
        raise
    return holder


def _probe(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
