"""An alarm is told once when it begins and once when it is over, with numbers alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.service.told import Told, on_each
from tests.support.receivers import Receiver
from tests.support.sample_service import DAY, ORIGIN, SampleService

from hefu_ledger.number import format_number
from hefu_service.jobs import messages
from hefu_service.jobs.messages import tell
from hefu_service.outbox.alarms import CLOCK, DISK, PROMISE, SEALING, STOPPED
from hefu_service.outbox.messages import MAIL
from hefu_service.outside.disk import is_low
from hefu_service.ports.errors import ClockError, StorageError
from hefu_service.sealing.stops import RolledBackError


def alarms(receiver: Receiver) -> list[tuple[str, str]]:
    said = [post.said for post in receiver.posts]
    return [(each["type"], each["data"]["alarm"]) for each in said if "alarm" in each["data"]]


@on_each
def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_has_been_over_for_a_minute(
    told: Told, receiver: Receiver
) -> None:
    low = [True]
    told.services = replace(told.services, disk_low=lambda: low[0])
    for _ in range(5):
        told.tell(after_ms=2_000)
    assert alarms(receiver) == [("alarm.raised", DISK)]
    low[0] = False
    told.tell(after_ms=50_000)
    low[0] = True
    told.tell(after_ms=5_000)
    low[0] = False
    told.tell(after_ms=59_999)
    assert alarms(receiver) == [("alarm.raised", DISK)], "another process may see it still"
    told.tell(after_ms=60_000)
    told.tell(after_ms=60_000)
    assert alarms(receiver) == [("alarm.raised", DISK), ("alarm.cleared", DISK)]
    low[0] = True
    told.tell()
    assert alarms(receiver)[2:] == [("alarm.raised", DISK)]


def test_deposits_that_nobody_seals_are_told_of_before_the_promise_is_broken(told: Told, receiver: Receiver) -> None:
    key = told.sample.enrol()
    told.sample.settle()
    first = told.sample.deposit(key, 2)[0].deposit
    told.tell(after_ms=120_000)
    assert alarms(receiver) == []
    told.tell(after_ms=1_000)
    assert alarms(receiver) == [("alarm.raised", SEALING)]
    told.tell(after_ms=DAY // 2)
    assert alarms(receiver) == [("alarm.raised", SEALING), ("alarm.raised", PROMISE)]
    data = receiver.posts[-1].said["data"]
    assert (data["oldest"], data["waiting"], data["origin"]) == (format_number("FX", first.seq), 2, ORIGIN)
    assert set(data) == {"alarm", "anchor_by", "oldest", "origin", "received_at", "waiting"}
    told.sample.settle()
    told.tell(after_ms=60_000)
    assert sorted(alarms(receiver)[2:]) == [("alarm.cleared", PROMISE), ("alarm.cleared", SEALING)]


@pytest.mark.parametrize("wrong", ["leapt", "behind"])
def test_a_clock_that_is_not_believed_is_told_of(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def leapt() -> int:
        raise ClockError("leapt")

    told.sample.deposit(told.sample.enrol())
    told.sample.settle()
    told.tell()
    if wrong == "leapt":
        monkeypatch.setattr(told.sample.clock, "now_ms", leapt)
    else:
        told.sample.clock.time_ms -= 2_000
    told.tell()
    assert alarms(receiver) == [("alarm.raised", CLOCK)]


def test_a_ledger_that_has_stopped_is_told_of(told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def rolled_back(_: object) -> None:
        raise RolledBackError("the database is yesterday's")

    monkeypatch.setattr(messages, "check_past", rolled_back)
    told.tell()
    assert alarms(receiver) == [("alarm.raised", STOPPED)]
    assert b"yesterday" not in receiver.posts[0].body


def test_an_alarm_goes_out_though_it_cannot_be_told_what_was_published(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> bool:
        raise StorageError("record 1 is not there")

    monkeypatch.setattr(messages, "announce", damaged)
    told.services = replace(told.services, disk_low=lambda: True)
    with pytest.raises(StorageError, match="record 1"):
        told.tell()
    assert [post.said["data"]["alarm"] for post in receiver.posts] == [DISK]


def test_a_disk_is_low_when_a_twentieth_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk(total: int, free: int) -> bool:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=total, free=free))
        return is_low(tmp_path)

    assert [disk(1000, free) for free in (49, 50)] == [True, False]
    assert [disk(1000 << 30, free << 30) for free in (19, 20)] == [True, False]


def test_nobody_is_told_and_nothing_kept_where_no_destination_is_set(sample: SampleService) -> None:
    tell(replace(sample.services, disk_low=lambda: True))
    with sample.services.store.outbox() as outbox:
        assert (outbox.alarms(), outbox.first_waiting(MAIL)) == ({}, None)
