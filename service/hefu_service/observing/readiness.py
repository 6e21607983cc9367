"""Readiness: probes of every part that taking and sealing deposits needs, run on request, in bounded time."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Final

from hefu_service.intake.time import received_at
from hefu_service.observing.backlog import Reach, reach_of
from hefu_service.observing.timeboxed import PATIENCE_S, Question
from hefu_service.ports.errors import ClockError, StorageError
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services

LOG: Final = logging.getLogger("hefu.readiness")
PARTS: Final = ("database", "disk", "clock", "sealing", "signer")
_GOOD_FOR_S: Final = 1.0  # frequent requests share one answer
_LEAST_FREE: Final = 256 << 20  # bytes, or a twentieth of a disk that is small

_FINE: Final = Future[str | None]()
_FINE.set_result(None)


class Probe:
    """Checks one part; a good result is remembered for 1 s."""

    def __init__(self, part: str, ask: Callable[[], str | None], failing: str) -> None:
        """``ask`` returns the fault or None; ``failing`` is the fault where ``ask`` raises."""
        self._part = part
        self._ask = ask
        self._failing = failing
        self._question = Question(self._find_out, part)
        self._last: str | None = None
        self._good_until = 0.0

    def asked(self) -> Future[str | None]:
        """The fault, or None, as soon as it is known."""
        return _FINE if time.monotonic() < self._good_until else self._question.asked()

    def _find_out(self) -> str | None:
        cause = None
        try:
            wrong = self._ask()
        except Exception as error:
            wrong, cause = self._failing, str(error)
        if wrong is None:
            self._good_until = time.monotonic() + _GOOD_FOR_S
        if wrong != self._last:
            event = {"part": self._part, "reason": wrong, "cause": cause}
            LOG.warning("not ready" if wrong else "ready again", extra={"event": event})
        self._last = wrong
        return wrong


class Readiness:
    """Asks for every part at once; may be called from any thread."""

    def __init__(self, services: Services, data: Path, sealing: Callable[[], str | None]) -> None:
        """``sealing`` returns the reason why the ledger does not grow, or None."""
        self._probes = {
            "database": Probe("database", partial(_database, services), "it does not answer, or takes no writes"),
            "disk": Probe("disk", partial(_disk, data), "it takes no writes"),
            "clock": Probe("clock", partial(_clock, services), "it cannot be read"),
            "sealing": Probe("sealing", sealing, "it cannot be told whether it goes on"),
            "signer": Probe("signer", partial(_signer, services), "its memory cannot be read"),
        }

    def not_ready(self) -> Mapping[str, str]:
        """The parts that do not work, and why, in words fit for anyone; empty when all do. Takes 2 s at most."""
        asked = {part: probe.asked() for part, probe in self._probes.items()}
        deadline = time.monotonic() + PATIENCE_S
        answers = {part: _wait(answer, deadline) for part, answer in asked.items()}
        return {part: wrong for part, wrong in answers.items() if wrong is not None}


def _wait(answer: Future[str | None], deadline: float) -> str | None:
    try:
        return answer.result(max(deadline - time.monotonic(), 0))
    except TimeoutError:
        return f"no answer within {PATIENCE_S:g} s"


def _database(services: Services) -> None:
    """Take the lock that every deposit needs, which PostgreSQL writes down."""
    with services.store.intake() as intake:
        intake.intake_head()


def _disk(data: Path) -> str | None:
    with tempfile.TemporaryFile(dir=data) as file:
        file.write(b"0")
        file.flush()
        os.fsync(file.fileno())
    disk = os.statvfs(data)
    least = min(_LEAST_FREE, disk.f_blocks * disk.f_frsize // 20)
    return f"less than {least >> 20} MiB are free" if disk.f_bavail * disk.f_frsize < least else None


def _clock(services: Services) -> str | None:
    reach = _reach(services)
    if reach is not None:
        try:
            received_at(reach.intake, services.clock.now_ms())
        except ClockError as error:
            return str(error)
    return None


def _signer(services: Services) -> str | None:
    reach = _reach(services)  # before the signer, which signs before anything is published
    last = services.signer.last()
    if reach is not None and (last.size if last else 0) < reach.published:
        return "it remembers less than is published"
    try:
        check_past(services)
    except SealingStoppedError:
        return (
            "the database lacks records that were signed or published: the ledger has stopped, its operator must look"
        )
    return None


def _reach(services: Services) -> Reach | None:
    """How far the ledger has got; None where the database does not tell, which is that part's own concern."""
    try:
        with services.store.view() as view:
            return reach_of(view)
    except StorageError:
        return None
