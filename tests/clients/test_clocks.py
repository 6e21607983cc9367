"""A clock that is wrong, ours or the service's: it is said, no one is accused, and nothing else depends on it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.clients.test_offline import stamp
from tests.support.command_line import hefu

from hefu.deposit.clocks import difference_s
from hefu_ledger.deposit.state import ANCHORED
from hefu_ledger.encoding import parse_time

NOW = 1_767_225_600_000
DAY_S = 86_400


@pytest.mark.parametrize(
    ("received_s", "sent", "told"),
    [
        *((0, True, None), (299, True, None), (300, True, 300), (-299, True, None), (-300, True, -300)),
        *((-300, False, None), (2 * DAY_S, False, 2 * DAY_S)),
    ],
)
def test_five_minutes_are_told_where_both_looked_at_the_same_moment(
    received_s: int, sent: bool, told: int | None
) -> None:
    received_at = NOW + 1000 * received_s
    assert difference_s(received_at, sent_ms=NOW if sent else None, answered_ms=NOW) == told


@pytest.fixture(params=[2 * DAY_S, -2 * DAY_S], ids=["ahead", "behind"])
def ahead_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """This computer's clock is two days ahead of the service's, or behind it."""
    off_s: int = request.param
    wall, wall_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall() + off_s)
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + off_s * 10**9)
    return off_s


def test_waiting_does_not_take_our_wrong_clock_for_a_broken_promise(firm: Firm, documents: Path, ahead_s: int) -> None:
    firm.double.faults = [None, None, (202, b'{"state":"accepted"}', {})]
    (done,) = firm.deposit(documents)
    assert done.state == ANCHORED
    assert done.clock_difference_s is not None
    assert abs(done.clock_difference_s + ahead_s) < 60


def test_the_answer_shows_both_times_and_accuses_neither(firm: Firm, documents: Path, ahead_s: int) -> None:
    def deposit(name: str, *flags: str) -> str:
        words = ("deposit", documents / name, "--home", firm.home.path, "--out", firm.out)
        return hefu(*words, *flags).out

    said = deposit("0.txt")
    assert "One of the two is wrong" in said or "二者必有一个不准" in said
    assert "promise" not in said
    (item,) = hefu("deposit", documents / "1.txt", "--home", firm.home.path, "--out", firm.out, "--json").json[
        "deposits"
    ]
    assert abs(item["clock_difference_s"] + ahead_s) < 60
    assert parse_time(item["received_at"])
    again = deposit("1.txt")  # deposited long ago, for all we know
    assert "One of the two" not in again
    assert "二者" not in again


def test_a_clock_far_ahead_still_fetches_timestamps(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + 90 * DAY_S * 10**9)
    hefu("deposit", documents, "--home", firm.home.path, "--out", firm.out, "--wait")
    firm.double.change_receipt = stamp
    assert len(hefu("refresh", "--home", firm.home.path, "--json").json["grown"]) == 1
