"""How the tests draw examples, the server that they share, and the last line of a run: what did not run, and why."""

from __future__ import annotations

import faulthandler
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.postgres import Postgres
    from tests.support.valkey import Valkey

# A machine that is busy with other work must not fail a test by being slow; CI draws the same examples each time.
settings.register_profile("hefu", deadline=None)
settings.register_profile("hefu-ci", deadline=None, derandomize=True)
os.environ["LANGUAGE"] = "en"  # whatever the developer speaks; a test of Chinese asks for it
settings.load_profile("hefu-ci" if os.environ.get("CI") else "hefu")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    from tests.support.postgres import postgres_server  # noqa: PLC0415 -- most tests need no database

    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server())
        except Exception as error:
            pytest.skip(f"no PostgreSQL: {error!r}")
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A Redis server."""
    from tests.support.valkey import valkey_server  # noqa: PLC0415 -- most tests need no queue

    with ExitStack() as stack:
        try:
            server = stack.enter_context(valkey_server())
        except Exception as error:
            pytest.skip(f"no Redis: {error!r}")
        yield server


_DESELECTED = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_DESELECTED] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("soak"):  # which takes as long as it takes
        faulthandler.cancel_dump_traceback_later()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        kind = "soak (make soak)" if item.get_closest_marker("soak") else "not selected"
        item.config.stash[_DESELECTED].add(f"{kind}\0{item.nodeid}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # each xdist worker deselects the same tests
    node.config.stash[_DESELECTED].update(getattr(node, "workeroutput", {}).get("deselected", ()))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the outermost: its last words come after the runner's own closing line
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    config = session.config
    if hasattr(config, "workeroutput"):  # an xdist worker, which reports as soon as the inner hooks are through
        config.workeroutput["deselected"] = [*config.stash[_DESELECTED]]
    yield
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(_last_line(session, reporter.stats.get("skipped", ())))


def _last_line(session: pytest.Session, skipped: Iterable[pytest.TestReport]) -> str:
    """Return what did not run, as counts by reason with the tests that were skipped for it."""
    reasons = Counter(entry.partition("\0")[0] for entry in session.config.stash[_DESELECTED])
    parts = [f"{count} {reason}" for reason, count in sorted(reasons.items())]
    parts += [f"{name}: {reason}" for name, reason in sorted({_skip(report) for report in skipped})]
    if session.shouldfail or session.shouldstop:
        parts.append("whatever was left when the run was cut short")
    return "did not run: " + "; ".join(parts) if parts else "nothing was skipped"


def _skip(report: pytest.TestReport) -> tuple[str, str]:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return report.nodeid, reason.removeprefix("Skipped: ")
