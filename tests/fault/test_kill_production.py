"""SIGKILL of web and worker processes, one by one, at random, on PostgreSQL and Redis: nothing acknowledged is lost.

The scheduler is no process of its own: each web asks for sealing and each worker sweeps, by a ticker that dies with it.
"""

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
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.serving import Serving
from tests.support.valkey import Valkey

from hefu_service.wiring import open_services

EACH = 2  # webs, and workers
CONNECTIONS = 2  # to each web
CHECKED = 500  # over HTTP; each is accounted for in the end
MOST_ACKNOWLEDGED = 30  # before a kill


class Siege:
    """Webs and workers of which one is killed at a time, and started again while the others go on."""

    def __init__(self, production: Production, chance: random.Random, figures: Figures) -> None:
        self.production = production
        self.chance = chance
        self.figures = figures
        for _ in range(EACH):
            production.add_web()
            production.add_worker()
        with open_services(production.data, production.database) as services:
            self.enterprise = Enterprise([enrol(services, f"{number}") for number in range(3)])
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.claims = Claims(self.enterprise, production.webs[0].port, figures)

    def stream(self) -> None:
        """Deposit and watch from now on, over each web, through whatever happens."""
        self._ended.clear()
        for web in self.production.webs:
            works = [self._depositing] * CONNECTIONS + [self._watching]
            self._threads += [threading.Thread(target=work, args=(web,)) for work in works]
        for thread in self._threads:
            thread.start()

    def _depositing(self, web: Serving) -> None:
        while not self._ended.is_set():
            self.enterprise.stream(web.port, f"{next(self.enterprise.numbers)}")
            self._ended.wait(0.02)

    def _watching(self, web: Serving) -> None:
        while not self._ended.is_set():
            self.enterprise.watch(web.port)
            self._ended.wait(0.02)

    def round(self) -> None:
        """Kill one process, and start it again without waiting for it."""
        self.enterprise.await_progress(self.chance.randint(1, MOST_ACKNOWLEDGED))
        time.sleep(self.chance.uniform(0, 0.05))  # so that the moment is not always just after an answer
        number = self.chance.randrange(2 * EACH)
        if number < EACH:
            self.production.webs[number].kill()
            self.production.webs[number].launch()
        else:
            self.production.replace_worker(number - EACH)
        self.figures.faults += 1

    def end(self) -> None:
        """Kill the webs, which ends every stream, and start them again."""
        self._ended.set()
        for web in self.production.webs:
            web.kill()
            self.figures.faults += 1
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._threads.clear()
        assert self.enterprise.wrong == []
        for web in self.production.webs:
            web.start()

    def account(self, folder: Path) -> None:
        """Claims are met over HTTP; then, stopped, everything is looked at from the beginning."""
        self.end()
        self.claims.send_again()
        self.claims.check(most=CHECKED)
        assert self.production.stop() == [0] * 2 * EACH, self.production.log.read_text()[-2000:]
        self.figures.acknowledged = 0  # counted again
        with open_services(self.production.data, self.production.database) as services:
            seen = self.enterprise.checkpoints.values()
            account(services, self.enterprise.acknowledged, self.figures, folder, seen=seen)


@pytest.fixture
def siege(
    postgres: Postgres, valkey: Valkey, tmp_path: Path, chance: random.Random, figures: Figures
) -> Iterator[Siege]:
    valkey.flush()
    # A web that is killed takes its portion of each depositor's limit with it; nobody but us kills a hundred a minute.
    production = Production(tmp_path / "data", postgres.create(), valkey.url, settings={"HEFU_RATE": "100000000"})
    try:
        yield Siege(production, chance, figures)
    finally:
        production.kill()


@pytest.mark.parametrize("kills", [6, pytest.param(500, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_lost_when_one_process_after_the_other_is_killed(
    siege: Siege, kills: int, tmp_path: Path
) -> None:
    siege.stream()
    for _ in range(kills):
        siege.round()
    siege.account(tmp_path / "export")
