"""A time server on this machine, as far off as a test sets it, and as talkative."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_EPOCH_S = 2_208_988_800


@dataclass
class TimeServer:
    """Answers by RFC 5905 unless it is told to lie about the question, its stratum or its being in step."""

    port: int = 0
    off_s: float = 0
    first: int = 0b00_100_100
    stratum: int = 2
    echo: bool = True
    silent: bool = False

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, question: bytes) -> bytes:
        now = int((time.time() + self.off_s + _EPOCH_S) * 2**32)
        origin = question[40:48] if self.echo else bytes(8)
        times = (bytes(8), origin, (now & (2**64 - 1)).to_bytes(8, "big"), (now & (2**64 - 1)).to_bytes(8, "big"))
        return struct.pack(">BBbb", self.first, self.stratum, 6, -20) + bytes(12) + b"".join(times)


@contextmanager
def time_server(**changes: object) -> Iterator[TimeServer]:
    """Run one until the end."""
    server = TimeServer(**changes)  # type: ignore[arg-type]  # the fields' own types
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        server.port = udp.getsockname()[1]

        def run() -> None:
            while True:
                question, asker = udp.recvfrom(1024)
                if not question:
                    return
                if not server.silent:
                    udp.sendto(server.answer(question), asker)

        thread = threading.Thread(target=run)
        thread.start()
        yield server
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", server.port))
        thread.join()
