"""The ticker of a process that takes deposits and leaves sealing to the workers."""

from __future__ import annotations

from typing import Final

from hefu_service.jobs.backlog import Backlog
from hefu_service.jobs.queue import Hints, connect
from hefu_service.jobs.ticker import Ticker
from hefu_service.services import Services

_STALLED_S: Final = 30.0  # beyond a window: workers would have swept many times


class AskingTicker(Ticker):
    """Asks the workers at each window's end; not ready when, by the database, none of them does anything."""

    def __init__(self, services: Services, redis_url: str, *, window_ms: int) -> None:
        super().__init__(services, window_ms=window_ms, work=self._ask, sweep=self._look)
        self._hints = Hints(connect(redis_url))
        self._backlog = Backlog(services)
        self._patience_s = window_ms / 1000 + _STALLED_S
        self._standing_s = 0.0

    def not_ready(self) -> list[str]:
        """As ``Ticker``; a Redis that is gone does not matter as long as somebody seals."""
        return super().not_ready() or (["sealing"] if self._standing_s > self._patience_s else [])

    def _ask(self, services: Services) -> None:
        self._hints.ask(services)
        self._look(services)

    def _look(self, _: Services) -> None:
        self._standing_s = self._backlog.standing_s()
