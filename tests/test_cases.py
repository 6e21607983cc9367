"""A loop in one test loses no claim of the items it replaces."""

from __future__ import annotations

import pytest

from tests.support.cases import every_case


def test_every_case_is_tried_and_each_failure_is_named() -> None:
    tried = []

    @every_case("left", [1, 2])
    @every_case(("right", "more"), [(0, 0), pytest.param(1, 0), (2, 1)])
    def test(left: int, right: int, more: int) -> None:
        tried.append((left, right))
        if right == 2:
            pytest.fail("as it was told")
        assert left > right + more, "too small"

    with pytest.raises(ExceptionGroup) as caught:
        test()
    assert sorted(tried) == [(left, right) for left in (1, 2) for right in (0, 1, 2)]
    for said in (
        "2 of 2 cases fail",
        "left=1: 2 of 3",
        "right=1, more=0: too small",
        "right=2, more=1: as it was told",
    ):
        assert said in str(caught.value)


def test_a_case_that_is_marked_is_refused() -> None:
    with pytest.raises(TypeError, match="an item of its own"):
        every_case("n", [pytest.param(1, marks=pytest.mark.soak)])


@every_case("n", [1, 2])
def test_fixtures_reach_every_case(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    assert n > 0
