"""A database that falls behind under a running service, as in a failover that loses: nothing more is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.postgres import Postgres, execute
from tests.support.sample_api import VERIFIER
from tests.support.sample_service import RECOVERY, SampleService, SetClock, services_on, statement

from hefu_service.jobs.queue import look
from hefu_service.observing.metrics import Metrics
from hefu_service.outside.files import LedgerFolder
from hefu_service.ports.errors import StorageError
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.sealing.stops import RolledBackError
from hefu_service.serving.server import make_app
from hefu_service.settings import Settings
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import open_store

NOTE = {"content_type": "text/plain"}
END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
STOPPED = "the database lacks records that were signed or published: the ledger has stopped, its operator must look"


@pytest.fixture
def url(postgres: Postgres) -> URL:
    """A database of its own, since it is taken away."""
    url = postgres.create()
    upgrade(url)
    return url


@pytest.fixture
def sample(url: URL, tmp_path: Path) -> Iterator[SampleService]:
    """A service on it."""
    (tmp_path / "data").mkdir()
    clock = SetClock()
    with closing(open_store(url)) as store:
        sample = SampleService(tmp_path / "data", services_on(tmp_path / "data", store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        yield sample


def behind_after(sample: SampleService, url: URL, postgres: Postgres) -> None:
    """Copy the database, publish more, and let the copy take its place: every connection breaks, as in a failover."""
    server, name = postgres.create(), url.database
    sample.services.store.close()  # only a database that is not in use can be copied
    execute(server, f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    key = sample.enrol("later")
    sample.deposit(key, 2)
    sample.settle()
    execute(url, END_OTHERS)
    execute(server, f"ALTER DATABASE {name} RENAME TO {name}_lost")
    execute(server, f"ALTER DATABASE {name}_copy RENAME TO {name}")


def test_a_web_refuses_deposits_at_once_and_is_not_ready(
    sample: SampleService, url: URL, postgres: Postgres, request: pytest.FixtureRequest
) -> None:
    key = sample.enrol()
    sample.deposit(key, 1)
    sample.settle()
    metrics = Metrics(sample.data / "metrics")
    request.addfinalizer(metrics.close)
    app, ticker = make_app(sample.services, Settings(sample.data), metrics, VERIFIER)
    client = app.test_client()
    answers = [client.post("/v1/deposits", data=statement(key, 50), **NOTE)]
    assert answers[0].status_code == 201
    behind_after(sample, url, postgres)
    answers = [client.post("/v1/deposits", data=statement(key, 60 + number), **NOTE) for number in range(12)]
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {500, 503}, "503: the connections that were ended"
    assert statuses[-1] == 500
    assert answers[-1].get_json()["type"] == "about:hefu/stopped"
    told = {part["part"]: part["reason"] for part in client.get("/readyz").get_json()["not_ready"]}
    assert told["signer"] == STOPPED
    assert not ticker.failures, "it has not even run"


def test_a_sweep_finds_it_where_no_connection_breaks(sample: SampleService) -> None:
    checked = []
    sample.services.store.guard(lambda view: checked.append(view.ledger_head().size))
    key = sample.enrol()
    sample.deposit(key, 3)
    assert len(checked) == 1, "once a connection"
    sample.services.store.distrust()
    sample.deposit(key, 1)
    assert len(checked) == 2


def test_an_export_is_refused_where_the_database_would_leave_batches_out(
    sample: SampleService, url: URL, postgres: Postgres, tmp_path: Path
) -> None:
    behind_after(sample, url, postgres)
    sample.services.store.close()
    with pytest.raises(StorageError, match=r"has \d+ of \d+ published records"):
        export_ledger(sample.services, LedgerFolder(tmp_path / "export"), statements=True)
    assert not list(tmp_path.glob("export/*"))


def test_a_web_that_has_its_workers_seal_looks_itself(sample: SampleService, url: URL, postgres: Postgres) -> None:
    look(sample.services)
    behind_after(sample, url, postgres)
    sample.services.store.close()
    with pytest.raises(RolledBackError, match="it has lost records"):
        look(sample.services)
