"""A roster keeps its own rules: what is not written as the format has it is refused, whatever led to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.roster import MAX_KEYS, MAX_NAMED, parse_roster_value, roster_value

EVENT = 20
TIME = format_time(0)


def key(since: int, word: int = 0, public: str = "ab" * 32) -> dict[str, Any]:
    return {"from": since, "key": f"01{public}", "word": word}


def reports(count: int) -> list[dict[str, Any]]:
    return [{"key": f"01{number:064x}", "since": TIME} for number in range(count)]


def roster(**changed: object) -> dict[str, Any]:
    value = {"enrolment": 0, "identity": "00" * 32, "keys": [key(0)], "reported": [], "signatures_required": 1}
    return value | changed


KEYS = [key(since, public=f"{since:064x}") for since in range(MAX_KEYS)]
GOOD = {
    "one key": roster(),
    "no key": roster(keys=[]),
    "events up to this one": roster(enrolment=EVENT, keys=[key(EVENT, EVENT)]),
    "the shortest key": roster(keys=[{"from": 0, "key": "0102", "word": 0}]),
    "all the keys there may be": roster(keys=KEYS, reported=reports(MAX_NAMED - MAX_KEYS)),
    "sixteen signatures": roster(signatures_required=16),
}
BAD = {
    "a later enrolment": roster(enrolment=EVENT + 1),
    "a later key": roster(keys=[key(EVENT + 1)]),
    "a word after its key": roster(keys=[key(1, 2)]),
    "a type without a key": roster(keys=[{"from": 0, "key": "01", "word": 0}]),
    "half a byte": roster(keys=[{"from": 0, "key": "01020", "word": 0}]),
    "one event twice": roster(keys=[key(1, public="ab" * 32), key(1, public="cd" * 32)]),
    "a falling order": roster(keys=[key(2, public="ab" * 32), key(1, public="cd" * 32)]),
    "a key twice": roster(keys=[key(1), key(2)]),
    "a report twice": roster(reported=reports(1) * 2),
    "falling reports": roster(reported=reports(2)[::-1]),
    "a key too many": roster(keys=[*KEYS, key(MAX_KEYS, public="cd" * 32)]),
    "a report too many": roster(keys=KEYS, reported=reports(MAX_NAMED - MAX_KEYS + 1)),
    "no signature": roster(signatures_required=0),
    "seventeen signatures": roster(signatures_required=17),
    "one more member": roster(more=1),
}


@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_a_roster_is_read_as_it_is_written(value: dict[str, Any]) -> None:
    assert roster_value(parse_roster_value(value, event=EVENT)) == value


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_roster_that_breaks_a_rule_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse_roster_value(value, event=EVENT)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_other_value_is_no_roster(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_roster_value(value, event=EVENT)
