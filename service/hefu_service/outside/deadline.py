"""A limit to a whole exchange: time-outs of single reads do not end one whose other side sends a byte now and then.

Nor does anything end the resolving of a name. So each exchange has a thread, which is left where its time is over: its
connections are cut, those to come as well, and it ends when the call that it hangs in returns.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

MOST_LEFT: Final = 4  # threads that hang: beyond, nothing more is begun until one of them has ended


class Deadline:
    """The end of one exchange, which tells of its connections."""

    def __init__(self) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, connection: socket.socket) -> None:
        """Tell of a socket, before TLS takes its place; one told of too late is shut down at once."""
        with self._lock:
            self._sockets.append(connection.dup())
            if self.over:
                _shut(connection)

    def end(self) -> None:
        """Cut every open connection, and every later one."""
        with self._lock:
            self.over = True
            for connection in self._sockets:
                _shut(connection)

    def close(self) -> None:
        """Let go of the sockets that were told of."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


class Exchanges:
    """Exchanges with one other side; may be used from any thread."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(MOST_LEFT)

    def within(self, seconds: float, exchange: Callable[[Deadline], T]) -> T:
        """Run ``exchange``; its value or error, or TimeoutError if it takes longer or too many still hang."""
        if not self._free.acquire(blocking=False):
            raise TimeoutError
        deadline, ended = Deadline(), Future[T]()
        thread = threading.Thread(target=self._run, args=(exchange, deadline, ended), name="exchange", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has none to give
            self._free.release()
            raise
        thread.join(seconds)
        if not ended.done():
            deadline.end()
            raise TimeoutError
        return ended.result()

    def _run(self, exchange: Callable[[Deadline], T], deadline: Deadline, ended: Future[T]) -> None:
        try:
            ended.set_result(exchange(deadline))
        except BaseException as error:
            ended.set_exception(error)
        finally:
            deadline.close()
            self._free.release()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
