"""SIGKILL of the whole embedded service at random moments while deposits stream in: nothing acknowledged is lost."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.accounting import account
from tests.fault.figures import Figures
from tests.fault.siege import PATIENCE_S, Claims, Enterprise
from tests.support.enrolling import enrol
from tests.support.serving import Serving

from hefu_service.wiring import open_services

CONNECTIONS = 6
MOST_ACKNOWLEDGED = 30  # before a kill


class Siege:
    """A service that is killed again and again, and the enterprise that depends on it."""

    def __init__(self, folder: Path, chance: random.Random, figures: Figures) -> None:
        self.service = Serving(folder / "data")
        self.chance = chance
        self.figures = figures
        self.service.init()
        with open_services(self.service.data) as services:
            self.enterprise = Enterprise([enrol(services, f"{number}") for number in range(3)])
        self.service.start()
        self.claims = Claims(self.enterprise, self.service.port, figures)

    def round(self) -> None:
        """Let deposits stream in, kill the service, perhaps once more while it starts, and look at what is left."""
        self._stream_until_killed()
        self.service.window_ms = self.chance.choice((1, 20, 100))
        if self.chance.random() < 0.3:
            self.service.launch()
            time.sleep(self.chance.uniform(0, 0.6))
            self._kill()
        self.service.start()
        assert self.claims.trust() == self.claims.policy
        self.claims.send_again()
        self.claims.check()

    def _stream_until_killed(self) -> None:
        port, enterprise = self.service.port, self.enterprise
        names = [f"{self.chance.random()}" for _ in range(CONNECTIONS)]
        threads = [threading.Thread(target=enterprise.stream, args=(port, name)) for name in names]
        threads.append(threading.Thread(target=enterprise.watch, args=(port,)))
        for thread in threads:
            thread.start()
        enterprise.await_progress(self.chance.randint(1, MOST_ACKNOWLEDGED))
        time.sleep(self.chance.uniform(0, 0.05))  # so that the moment is not always just after an answer
        self._kill()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert enterprise.wrong == []

    def _kill(self) -> None:
        self.service.kill()
        self.figures.faults += 1

    def account(self, folder: Path) -> None:
        """Stopped, look at everything from the beginning."""
        assert self.service.stop() == 0
        self.figures.acknowledged = 0  # counted again
        with open_services(self.service.data) as services:
            seen = self.enterprise.checkpoints.values()
            account(services, self.enterprise.acknowledged, self.figures, folder, seen=seen)


@pytest.fixture
def siege(tmp_path: Path, chance: random.Random, figures: Figures) -> Iterator[Siege]:
    siege = Siege(tmp_path, chance, figures)
    try:
        yield siege
    finally:
        siege.service.kill()


@pytest.mark.parametrize("kills", [4, pytest.param(500, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_lost_when_the_service_is_killed(siege: Siege, kills: int, tmp_path: Path) -> None:
    for _ in range(kills):
        siege.round()
    siege.account(tmp_path / "export")
