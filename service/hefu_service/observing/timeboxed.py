"""Answers in bounded time, though the disk that is asked may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PATIENCE_S: Final = 2.0

T = TypeVar("T")


class Question(Generic[T]):
    """Asked in a thread of its own, once at a time however many want to know."""

    def __init__(self, ask: Callable[[], T], name: str) -> None:
        """``name``: of the thread."""
        self._ask = ask
        self._name = name
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None

    def asked(self) -> Future[T]:
        """The answer, as soon as it is known; RuntimeError if the system has no thread to give."""
        with self._lock:
            if self._answer is None or self._answer.done():
                begun = Future[T]()
                threading.Thread(target=self._run, args=(begun,), name=self._name, daemon=True).start()
                self._answer = begun  # not before: a thread that could not start would never answer
            return self._answer

    def _run(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._ask())
        except Exception as error:
            answer.set_exception(error)


class Bounded(Collector):
    """The metrics of another collector; none where the disk fails, or it takes longer than 2 s."""

    def __init__(self, collector: Collector) -> None:
        self._question = Question(lambda: [*collector.collect()], "scrape")

    def collect(self) -> Iterable[Metric]:
        """See the library's ``Collector``."""
        try:
            return self._question.asked().result(PATIENCE_S)
        except (TimeoutError, OSError):
            return []
