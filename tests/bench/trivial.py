"""A server that answers every request at once with nothing: what is left is the load generator's own cost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.write(ANSWER)  # requests here are smaller than a segment of loopback, and come one by one


async def _serve(port_to: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
    port_to.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _main(port_to: Connection) -> None:
    sys.stderr.close()
    asyncio.run(_serve(port_to))


@contextmanager
def trivial_server() -> Iterator[int]:
    """A process of its own; its port."""
    context = get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()
