"""The front door: one way in for every entrance, with the limits behind a port."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.sample_service import SampleService, depositor_key, depositor_of, statement

from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.refusals import OverLimitError, RefusedError
from hefu_service.outside.deposit_limits import DepositLimits
from hefu_service.ports.limiter import Excess


class Ledgered:
    """A limiter with room for ``room`` deposits, and every move of it written down."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.moves: list[tuple[str, dict[str, int]]] = []

    def take(self, counts: Mapping[str, int]) -> Excess | None:
        self.moves.append(("take", dict(counts)))
        if sum(counts.values()) > self.room:
            return Excess("full", 7)
        self.room -= sum(counts.values())
        return None

    def give_back(self, counts: Mapping[str, int]) -> None:
        self.moves.append(("give back", dict(counts)))
        self.room += sum(counts.values())


def test_an_entrance_without_http_is_limited_by_the_same_counts(service: SampleService) -> None:
    key = service.enrol()
    door = FrontDoor(service.committer, DepositLimits(daily_quota=1))
    (accepted,) = door.accept([statement(key, 0)])
    assert not accepted.again
    with pytest.raises(OverLimitError, match="more than 1 deposits a day") as caught:
        door.accept([statement(key, 1)])
    assert 1 <= caught.value.retry_after_s <= 86_400


def test_a_new_deposit_asks_the_limiter_once_and_gives_nothing_back(service: SampleService) -> None:
    key, limiter = service.enrol(), Ledgered(5)
    FrontDoor(service.committer, limiter).accept([statement(key, 0), statement(key, 1)])
    assert limiter.moves == [("take", {depositor_of(key): 2})]


def test_room_of_what_was_stored_before_is_given_back(service: SampleService) -> None:
    key, limiter = service.enrol(), Ledgered(5)
    door = FrontDoor(service.committer, limiter)
    door.accept([statement(key, 0)])
    door.accept([statement(key, 0), statement(key, 1)])
    assert limiter.moves[1:] == [("take", {depositor_of(key): 2}), ("give back", {depositor_of(key): 1})]
    assert limiter.room == 3


def test_a_refused_statement_takes_no_room(service: SampleService) -> None:
    key, limiter = service.enrol(), Ledgered(5)
    door = FrontDoor(service.committer, limiter)
    with pytest.raises(RefusedError):
        door.accept([statement(depositor_key(depositor_of(key), "a stranger's"))])
    assert limiter.moves == []


def test_an_excess_says_when_there_is_room_again(service: SampleService) -> None:
    key = service.enrol()
    with pytest.raises(OverLimitError, match="full") as caught:
        FrontDoor(service.committer, Ledgered(0)).accept([statement(key)])
    assert caught.value.retry_after_s == 7
