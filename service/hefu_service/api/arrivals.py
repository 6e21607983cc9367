"""Request bodies that are arriving. Each holds a thread, so a client has a limited time to send one."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

GRACE_S: Final = 10.0  # s, for any body
BYTES_A_S: Final = 65_536  # a long body has the time that it takes at this pace in addition


class Arrival:
    """A body of ``size`` bytes (0 if it does not say) from the peer ``address``; is received inside of a ``with``."""

    __slots__ = ("_all", "address", "since", "until")

    def __init__(self, all_: set[Arrival], address: str, size: int) -> None:
        self._all = all_
        self.address = address
        self.since = time.monotonic()
        self.until = self.since + GRACE_S + size / BYTES_A_S

    def __enter__(self) -> Self:
        self._all.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.discard(self)


class Arrivals:
    """All bodies of a process that are arriving; may be called from any thread."""

    def __init__(self) -> None:
        self._all: set[Arrival] = set()

    def expect(self, address: str, size: int) -> Arrival:
        """A body about to arrive, to be received inside a ``with``."""
        return Arrival(self._all, address, size)

    def older_than(self, seconds: float) -> list[Arrival]:
        """Bodies that began to arrive so many seconds ago or more."""
        before = time.monotonic() - seconds
        return [each for each in tuple(self._all) if each.since <= before]
