"""Every call of every port counted, and something done at one of them: before it, or when it is done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from hefu_service.ports.errors import StorageError
from hefu_service.services import Services

_PORTS: Final = ("store", "files", "batch_files", "signer", "acknowledger")
_BLOCKS: Final = frozenset({"view", "intake", "alone"})
_COMMITS: Final = frozenset({"store.intake leaves", "store.append", "store.add_checkpoint"})


def fail(label: str) -> None:
    """As a port fails: of a commit, nobody knows whether it happened."""
    raise StorageError(f"injected at {label}", unknown=label in _COMMITS)


def die(_: str) -> None:
    """As a process ends that is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Calls:
    """Counts; ``act`` is done at the call number ``at``, once it is done if ``persisted``, else in its place."""

    at: int | None = None
    persisted: bool = False
    act: Callable[[str], None] = fail
    made: list[str] = field(default_factory=list)

    def over(self, services: Services) -> Services:
        """The same services through counted ports."""
        ports: dict[str, Any] = {name: _Port(getattr(services, name), name, self) for name in _PORTS}
        return replace(services, **ports)

    def do(self, label: str, work: Callable[[], Any]) -> Any:
        """Count one call and do it."""
        number = self.before(label)
        result = work()
        self.after(number)
        return result

    def before(self, label: str) -> int:
        """Count a call that is about to be made; its number."""
        number = len(self.made)
        self.made.append(label)
        if number == self.at and not self.persisted:
            self.act(label)
        return number

    def after(self, number: int) -> None:
        """Tell that it is done."""
        if number == self.at and self.persisted:
            self.act(self.made[number])


class _Port:
    def __init__(self, port: Any, name: str, calls: Calls) -> None:
        self._port = port
        self._name = name
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        member, label = getattr(self._port, name), f"{self._name}.{name}"
        if not callable(member):
            return member
        if name in _BLOCKS:
            return lambda: self._block(member(), label)
        return lambda *args, **named: self._calls.do(label, partial(member, *args, **named))

    @contextmanager
    def _block(self, block: AbstractContextManager[Any], label: str) -> Iterator[Any]:
        number = self._calls.before(f"{label} enters")
        with block as inside:
            self._calls.after(number)
            yield None if inside is None else _Port(inside, label, self._calls)
            number = self._calls.before(f"{label} leaves")
        self._calls.after(number)
