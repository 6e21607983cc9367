"""The ticker of a process that takes deposits and leaves sealing to the workers."""

from __future__ import annotations

from hefu_service.jobs.queue import Hints, connect
from hefu_service.jobs.ticker import Ticker
from hefu_service.services import Services


class AskingTicker(Ticker):
    """Asks the workers at each window's end; a Redis that is gone does not matter as long as somebody seals."""

    def __init__(self, services: Services, redis_url: str, *, window_ms: int) -> None:
        hints = Hints(connect(redis_url))
        super().__init__(services, window_ms=window_ms, work=hints.ask, sweep=lambda _: None)
