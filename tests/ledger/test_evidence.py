"""An evidence file reads back byte for byte, its bounds are exact, and no content makes a verification raise."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_HASHES,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    each,
    hashes,
    paths,
    texts,
)
from tests.support.sample_ledger import (
    POLICY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    digests,
    sample,
)

from hefu_ledger import section
from hefu_ledger.deposit import card
from hefu_ledger.deposit.evidence import FORMAT, MAX_EVIDENCE, Evidence, format_evidence, parse_evidence
from hefu_ledger.deposit.receipt import MAX_PATH
from hefu_ledger.deposit.statement import MAX_COUNT
from hefu_ledger.encoding import MAX_TIME_MS, canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.note import Note, cosign
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.verify import verify_evidence
from hefu_ledger.verify.verdict import Verdict

OPENED = st.builds(section.OpenedSection, hashes, texts)
SECTIONS = hashes | OPENED
FOUND = digests(b"formula 3")


@cache
def good() -> Evidence:
    ledger = sample()
    return ledger.evidence(1, 3, ledger.receipt(1, [1]))


EVIDENCE = st.builds(
    lambda index, path, sections, identity: Evidence(index, path, good().receipt, sections, identity),
    st.integers(0, MAX_COUNT - 1),
    paths,
    st.tuples(SECTIONS, SECTIONS, SECTIONS),
    st.none() | OPENED,
)


def value() -> dict[str, Any]:
    members: dict[str, Any] = json.loads(format_evidence(good()))
    return members


def judge(data: bytes, policy: Policy = POLICY) -> Verdict:
    return verify_evidence(data, document=FOUND, policy=policy)


@given(EVIDENCE)
def test_evidence_reads_back_the_same(evidence: Evidence) -> None:
    data = format_evidence(evidence)
    assert parse_evidence(data) == evidence
    assert format_evidence(parse_evidence(data)) == data


@given(EVIDENCE)
def test_evidence_of_nonsense_ends_in_a_verdict(evidence: Evidence) -> None:
    assert judge(format_evidence(evidence)).verdict != "proven"


def test_evidence_and_its_sections_are_closed() -> None:
    assert_closed(parse_evidence, value(), "identity")
    assert_closed(lambda data: parse_evidence(canonical(value() | {"sections": json.loads(data)})), value()["sections"])


@every_case(
    ("name", "wrong"),
    [
        *(("index", value) for value in (*WRONG_WHOLES, MAX_COUNT)),
        *(("path", [value]) for value in WRONG_HASHES),
        ("path", ["00" * 32] * (MAX_PATH + 1)),
        *(("identity", value) for value in each({"closed": "ab" * 32}, {"nonce": "ab" * 31, "text": "x"}, {}, "x")),
        *(("receipt", value) for value in each({}, "x", 1)),
    ],
)
def test_every_member_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_evidence, value() | {name: wrong})


@every_case("name", card.SECTIONS)
@every_case("size", [31, 33])
def test_a_nonce_of_another_length_is_refused(name: str, size: int) -> None:
    sections = value()["sections"]
    assert_refused(parse_evidence, value() | {"sections": sections | {name: sections[name] | {"nonce": "00" * size}}})


def test_a_card_has_at_most_64_kib_in_all() -> None:
    sizes = [len(opened.text.encode()) for opened in good().sections[:2] if isinstance(opened, section.OpenedSection)]
    for extra, refused in ((0, False), (1, True)):
        long = section.OpenedSection(bytes(32), "x" * (section.MAX_CARD - sum(sizes) + extra))
        data = format_evidence(good()._replace(sections=(*good().sections[:2], long)))
        if refused:
            with pytest.raises(MalformedError, match="at most 65536"):
                parse_evidence(data)
        else:
            parse_evidence(data)


def test_the_size_of_a_card_is_counted_in_bytes() -> None:
    long = section.OpenedSection(bytes(32), "配" * (section.MAX_CARD // 2))
    with pytest.raises(MalformedError, match="at most 65536"):
        parse_evidence(format_evidence(good()._replace(sections=(bytes(32), long, bytes(32)))))


def test_evidence_has_at_most_1_mib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_EVIDENCE}"):
        parse_evidence(b" " * (MAX_EVIDENCE + 1))


def test_another_version_is_unknown_even_with_other_members() -> None:
    assert_unknown_version(parse_evidence, format_evidence(good()), FORMAT)
    assert_unknown_version(parse_evidence, canonical({"format": FORMAT, "new": 1}), FORMAT)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("hefu-receipt/v1", False),
        ("hefu-deposit/v1", True),
        ("hefu-acceptance/v1", True),
        ("hefu-record/v1", True),
        ("c2sp.org/tlog-proof@v1", True),
    ],
)
def test_another_version_of_any_part_cannot_tell(name: str, inside: bool) -> None:
    """Were a newer part contradicted, a genuine newer file would be called a forgery."""
    data = format_evidence(good())
    assert name.encode() in data
    verdict = judge(data.replace(name.encode(), f"{name[:-1]}2".encode()))
    assert verdict.verdict == "cannot tell"
    assert verdict.steps[0].code == "unknown-format" or inside


def test_evidence_that_is_not_canonical_cannot_tell() -> None:
    data = format_evidence(good())
    assert judge(data).verdict == "proven"
    for wrong in (
        data + b"\n",
        b" " + data,
        b"\xef\xbb\xbf" + data,
        data.replace(b'"index":3', b'"index":3.0'),
        data[:-1],
    ):
        assert judge(wrong).verdict == "cannot tell"
    assert judge(json.dumps(value(), ensure_ascii=False).encode()).verdict == "cannot tell"


def witnessed_at(time_s: int) -> Verdict:
    ledger = sample()
    note = ledger.checkpoint()
    note = Note(note.text, (*note.signatures, *(cosign(note.text, witness, time_s) for witness in WITNESSES)))
    return judge(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1], [note]))), WITNESSED)


@pytest.mark.parametrize("time_s", [0, START, MAX_TIME_MS // 1000 + 1, 2**62, 2**63 - 1])
def test_the_line_of_a_witness_whose_seconds_are_no_time_does_not_count(time_s: int) -> None:
    verdict = witnessed_at(time_s)
    assert verdict.verdict == "cannot tell"
    assert [step.step for step in verdict.steps if step.outcome in ("failed", "cannot")] == [11]


def test_a_witness_at_the_end_of_time_is_one_that_holds() -> None:
    assert witnessed_at(MAX_TIME_MS // 1000).verdict == "proven"


@pytest.mark.parametrize("first", [True, False])
def test_of_two_compromised_signers_the_earlier_counts(first: bool) -> None:
    """The one whose window began after the independent time must not hide the other."""
    ledger = SampleLedger()
    ledger.begin()
    one, two = depositor_signer("acme", "one"), depositor_signer("acme", "two")
    ledger.enrol("acme", "one")
    ledger.enrol("acme", "two", required=2, earlier=one)
    ledger.deposit("acme", {"a": b"formula 3"}, signers=[one, two])
    harmless, harmful = START + 3_600_000, START
    ledger.end_key("acme", "one", since=harmless if first else harmful)
    newest = ledger.end_key("acme", "two", since=harmful if first else harmless)
    ledger.seal()
    receipt = ledger.receipt(0, checkpoints=[ledger.checkpoint(cosigners=WITNESSES)], told=[newest])
    verdict = judge(format_evidence(ledger.evidence(0, 0, receipt)), WITNESSED)
    assert (verdict.verdict, verdict.steps[16].outcome) == ("cannot tell", "cannot")
