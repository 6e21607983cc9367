"""A limit to a whole exchange: time-outs of single reads do not end one whose other side sends a byte now and then."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Deadline:
    """Within this block, sockets that are told of are shut down when so many seconds are over."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._sockets:
                connection.close()

    def watch(self, connection: socket.socket) -> None:
        """Tell of a socket, before TLS takes its place; one told of too late is shut down at once."""
        with self._lock:
            self._sockets.append(connection.dup())
            if self.over:
                _shut(connection)

    def _end(self) -> None:
        with self._lock:
            self.over = True
            for connection in self._sockets:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
