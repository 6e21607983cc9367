"""A receipt reads back byte for byte, its bounds are exact, and what it embeds is not looked into."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import WRONG_HASHES, assert_closed, assert_unknown_version, each, hashes, texts
from tests.support.sample_ledger import POLICY, sample

from hefu_ledger.deposit.receipt import (
    FORMAT,
    MAX_NOTE,
    MAX_PATH,
    MAX_PROOFS,
    MAX_RECEIPT,
    MAX_RECORDS,
    MAX_TOKEN,
    MAX_TOKENS,
    Proof,
    Receipt,
    format_receipt,
    parse_receipt,
    receipt_value,
)
from hefu_ledger.encoding import canonical, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.verify import verify_receipt

PATHS = st.lists(hashes, max_size=4).map(tuple)


def proofs(records: int) -> st.SearchStrategy[Proof]:
    paths = st.lists(st.none() | PATHS, min_size=records - 1, max_size=records - 1).map(tuple)
    tokens = st.lists(st.binary(min_size=1, max_size=40), max_size=3, unique=True).map(sorted).map(tuple)
    return st.builds(Proof, texts, paths, tokens)


RECEIPTS = st.integers(3, 6).flatmap(
    lambda count: st.builds(
        Receipt,
        texts,
        PATHS,
        st.lists(proofs(count), min_size=1, max_size=3).map(tuple),
        st.lists(texts, min_size=count, max_size=count).map(tuple),
        texts,
    )
)


@cache
def good() -> Receipt:
    return sample().receipt(1, [1])


def value() -> dict[str, Any]:
    return copy.deepcopy(receipt_value(good())) | {
        "proofs": [json.loads(json.dumps(receipt_value(good())["proofs"][0]))]
    }


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    members = value()
    change(members)
    return canonical(members)


def put(name: str, member: object) -> Callable[[dict[str, Any]], object]:
    return lambda members: members.__setitem__(name, member)


def put_proof(name: str, member: object) -> Callable[[dict[str, Any]], object]:
    return lambda members: members["proofs"][0].__setitem__(name, member)


@given(RECEIPTS)
def test_receipts_read_back_the_same(receipt: Receipt) -> None:
    data = format_receipt(receipt)
    assert parse_receipt(data) == receipt
    assert format_receipt(parse_receipt(data)) == data


def test_a_receipt_and_its_proofs_are_closed() -> None:
    assert_closed(parse_receipt, value())
    assert_closed(lambda data: parse_receipt(changed(put("proofs", [json.loads(data)]))), value()["proofs"][0])


def test_bounds_are_exact() -> None:
    node, tokens = "00" * 32, [to_base64(bytes([n])) for n in range(MAX_TOKENS + 1)]
    parse_receipt(changed(put("batch_path", [node] * MAX_PATH)))
    parse_receipt(changed(put("proofs", value()["proofs"] * MAX_PROOFS)))
    parse_receipt(changed(put_proof("tokens", tokens[:MAX_TOKENS])))
    parse_receipt(changed(put_proof("paths", [[node] * MAX_PATH] * 2)))
    parse_receipt(changed(put("statement", "x" * MAX_NOTE)))
    for change in (
        put("batch_path", [node] * (MAX_PATH + 1)),
        put("proofs", value()["proofs"] * (MAX_PROOFS + 1)),
        put("proofs", []),
        put("records", value()["records"][:1]),
        put("records", value()["records"][:2]),
        put_proof("tokens", tokens),
        put_proof("tokens", tokens[1::-1]),
        put_proof("tokens", tokens[:1] * 2),
        put_proof("paths", [[node] * (MAX_PATH + 1)] * 2),
        *(put(name, "x" * (MAX_NOTE + 1)) for name in ("statement", "acknowledgement")),
        put_proof("proof", "x" * (MAX_NOTE + 1)),
    ):
        with pytest.raises(MalformedError):
            parse_receipt(changed(change))


@pytest.mark.parametrize(("count", "refused"), [(3, False), (MAX_RECORDS, False), (2, True), (MAX_RECORDS + 1, True)])
def test_a_receipt_carries_3_to_64_records(count: int, refused: bool) -> None:
    members = value() | {"records": ["x"] * count}
    members["proofs"][0]["paths"] = [[]] * (count - 1)
    if refused:
        with pytest.raises(MalformedError, match="records"):
            parse_receipt(canonical(members))
    else:
        assert len(parse_receipt(canonical(members)).records) == count


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_record_but_the_batch_has_a_path_or_null_in_every_proof(count: int) -> None:
    with pytest.raises(MalformedError, match="paths"):
        parse_receipt(changed(put_proof("paths", [[]] * count)))


@every_case(
    "change",
    [
        *(put("batch_path", [wrong]) for wrong in WRONG_HASHES),
        *(put_proof("paths", [[wrong], []]) for wrong in WRONG_HASHES),
        *(put_proof("paths", [wrong, []]) for wrong in each("ab", {}, 1)),
        *(put("records", [wrong, "x", "x"]) for wrong in each(None, 1, [], {})),
        *(put("proofs", [wrong]) for wrong in each(None, 1, [], {}, "x")),
        *(put_proof("tokens", [wrong]) for wrong in each(None, 1, "", "A", "AB==", "AA==\n", "_w==", [])),
    ],
)
def test_every_member_is_checked(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(MalformedError):
        parse_receipt(changed(change))


def test_a_token_has_at_most_16_kib() -> None:
    proof = good().proofs[0]
    for size, refused in ((MAX_TOKEN, False), (MAX_TOKEN + 1, True)):
        data = format_receipt(good()._replace(proofs=(proof._replace(tokens=(bytes(size),)),)))
        if refused:
            with pytest.raises(MalformedError, match="token"):
                parse_receipt(data)
        else:
            parse_receipt(data)


def test_a_receipt_has_at_most_768_kib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_RECEIPT}"):
        parse_receipt(b" " * (MAX_RECEIPT + 1))


def test_another_version_is_unknown_even_with_other_members() -> None:
    assert_unknown_version(parse_receipt, format_receipt(good()), FORMAT)
    assert_unknown_version(parse_receipt, canonical({"format": FORMAT, "new": 1}), FORMAT)


@every_case("data", [b"", b"null", b"[]", b'"x"', b"{}", b"1", b"{"])
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_receipt(data)


@given(st.integers(0, len(format_receipt(sample().receipt(1, [1]))) - 1), st.integers(1, 255))
def test_no_changed_byte_ends_in_anything_but_a_verdict(place: int, mask: int) -> None:
    data = format_receipt(good())
    wrong = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
    verdict = verify_receipt(wrong, policy=POLICY)
    # One of the log's two lines is enough; step 10 says that the other is missing.
    assert verdict.verdict != "proven" or verdict.steps[9].outcome == "noted"


@given(RECEIPTS)
def test_a_receipt_of_nonsense_ends_in_a_verdict(receipt: Receipt) -> None:
    assert verify_receipt(format_receipt(receipt), policy=POLICY).verdict == "cannot tell"
