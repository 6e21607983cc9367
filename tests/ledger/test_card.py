"""A card's sections, names, nonces and commitment, against the hmac module and canonical JSON as referees."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    DIGITS,
    LOWER,
    WRONG_DEPOSITORS,
    WRONG_HASHES,
    WRONG_ORIGINS,
    WRONG_TIMES,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    depositors,
    each,
    hashes,
    origins,
    texts,
    wholes,
)

from hefu_ledger import section
from hefu_ledger.deposit import card
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError, VerificationError

DOCUMENTS = st.builds(card.Document, origins, depositors, hashes, st.none() | hashes, wholes)
NAMES = (
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1), min_size=1)
    .filter(lambda parts: not {".", ".."} & set(parts))
    .map("/".join)
)
MEMBERS: dict[str, Any] = {
    "depositor": "acme",
    "digests": {"sha-256": "ab" * 32, "sm3": "cd" * 32},
    "origin": "log.example/fengxian",
    "size": 7,
}
GOOD = card.Document("log.example/fengxian", "acme", b"a" * 32, b"b" * 32, 7)
TEXTS = (b"{}", b'{"name":"a"}', b"{}")


def parse_document(data: bytes) -> card.Document:
    return card.parse_document(data.decode())


@given(hashes, st.binary(max_size=200))
def test_the_keyed_hash_is_hmac_sha_256(nonce: bytes, text: bytes) -> None:
    assert section.keyed_hash(nonce, text) == hmac.digest(nonce, text, "sha256")


@given(hashes, st.integers(0, 10**7))
def test_nonces_are_hmac_of_index_and_section(seed: bytes, index: int) -> None:
    expected = tuple(hmac.digest(seed, f"{index}/{section}".encode(), "sha256") for section in card.SECTIONS)
    assert section.Nonces(seed).of(index) == expected


def test_one_seed_gives_the_same_nonces_in_any_order() -> None:
    nonces = section.Nonces(bytes(32))
    assert nonces.of(5) == section.Nonces(bytes(32)).of(5) == (nonces.of(1), nonces.of(5))[1]


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_nonce_or_seed_of_another_length_is_refused(size: int) -> None:
    """HMAC pads a short key with zeros and hashes a long one: two nonces would give one commitment."""
    assert hmac.digest(b"\1" * 31, b"x", "sha256") == hmac.digest(b"\1" * 31 + b"\0", b"x", "sha256")
    with pytest.raises(MalformedError, match="32 bytes"):
        section.keyed_hash(bytes(size), b"x")
    with pytest.raises(MalformedError, match="32 bytes"):
        section.Nonces(bytes(size))
    with pytest.raises(MalformedError):
        section.parse_opened({"nonce": bytes(size).hex(), "text": "{}"}, "label")
    with pytest.raises(MalformedError):
        section.parse_section_value({"closed": bytes(size).hex()}, "label")


@given(st.tuples(hashes, hashes, hashes), st.tuples(texts, texts, texts))
def test_the_commitment_is_the_hash_of_the_title_and_three_keyed_hashes(
    nonces: tuple[bytes, bytes, bytes], sections: tuple[str, str, str]
) -> None:
    encoded = (sections[0].encode(), sections[1].encode(), sections[2].encode())
    keyed = [hmac.digest(nonce, text, "sha256") for nonce, text in zip(nonces, encoded, strict=True)]
    expected = sha256(b"hefu-card/v1\n" + b"".join(keyed)).digest()
    first, second, third = map(section.OpenedSection, nonces, sections)
    assert card.commit(encoded, nonces) == card.commitment_of((first, second, third)) == expected
    assert card.commitment_of((keyed[0], second, keyed[2])) == expected


@given(st.integers(0, 2))
def test_sections_are_not_exchangeable(place: int) -> None:
    nonces = section.Nonces(bytes(32)).of(0)
    changed = [*TEXTS]
    changed[place] += b" "
    assert card.commit((changed[0], changed[1], changed[2]), nonces) != card.commit(TEXTS, nonces)
    assert card.commit((TEXTS[1], TEXTS[0], TEXTS[2]), nonces) != card.commit(TEXTS, nonces)


@given(DOCUMENTS)
def test_a_document_section_written_by_hand_is_canonical_and_reads_back(document: card.Document) -> None:
    data = card.document_text(document)
    digests = {"sha-256": document.sha256.hex()} | ({"sm3": document.sm3.hex()} if document.sm3 is not None else {})
    members: dict[str, Any] = {
        "depositor": document.depositor,
        "digests": digests,
        "origin": document.origin,
        "size": document.size,
    }
    assert data == canonical(members) == rfc8785.dumps(members)
    assert card.parse_document(data.decode()) == document
    assert card.section_text("document", members) == data


@given(NAMES)
def test_a_label_written_by_hand_is_canonical_and_reads_back(name: str) -> None:
    assert card.label_text(name) == canonical({"name": name}) == rfc8785.dumps({"name": name})
    assert card.parse_section("label", card.label_text(name).decode()) == {"name": name}


@every_case(
    "name",
    [
        "",
        "/",
        "/etc/passwd",
        "//a",
        "a//b",
        "a/",
        "..",
        "../a",
        "a/..",
        "a/../b",
        ".",
        "./a",
        "a/./b",
        "a\0b",
        "\0",
        "x" * 4097,
    ],
)
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        card.label_text(name)
    with pytest.raises(MalformedError):
        card.section_text("label", {"name": name})
    with pytest.raises(MalformedError):
        card.parse_section("label", canonical({"name": name}).decode())


@every_case("name", ["...", ".hidden", "a..b", "a/...", "..a/b", "a b", "配方/1.txt", "C:\\x", "a\nb", "x" * 4096])
def test_odd_names_that_stay_in_their_folder_are_kept(name: str) -> None:
    assert card.parse_section("label", card.label_text(name).decode())["name"] == name


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(MalformedError, match="UTF-8"):
        card.label_text("a\udcff")


def test_the_document_section_is_closed() -> None:
    assert_closed(parse_document, MEMBERS)
    assert_closed(lambda data: parse_document(canonical(MEMBERS | {"digests": _read(data)})), MEMBERS["digests"], "sm3")


def _read(data: bytes) -> object:
    import json  # noqa: PLC0415  # the tests' own reader, not the one tested

    return json.loads(data)


@every_case(
    ("name", "wrong"),
    [
        *(("origin", value) for value in WRONG_ORIGINS),
        *(("depositor", value) for value in WRONG_DEPOSITORS),
        *(("size", value) for value in WRONG_WHOLES),
        *(("digests", {"sha-256": value}) for value in WRONG_HASHES),
        *(("digests", {"sha-256": "ab" * 32, "sm3": value}) for value in WRONG_HASHES),
        ("digests", {"sm3": "ab" * 32}),
        ("digests", {"sha-256": "ab" * 32, "md5": "ab" * 16}),
    ],
)
def test_every_member_of_the_document_section_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_document, MEMBERS | {name: wrong})


FULL = {
    "collection": {"clock_offset_ms": -3, "collector": "c", "environment_check": "e", "witness": "w"},
    "declared_at": "2026-01-01T00:00:00.000Z",
    "source": dict.fromkeys(("device", "how_obtained", "maker", "path", "tool", "tool_version", "url"), "x"),
}


def test_every_section_may_be_empty_but_the_documents() -> None:
    assert card.parse_section("label", "{}") == card.parse_section("circumstances", "{}") == {}
    with pytest.raises(MalformedError):
        card.parse_section("document", "{}")


def test_circumstances_read_back_the_same() -> None:
    assert card.parse_section("circumstances", card.section_text("circumstances", FULL).decode()) == FULL


@every_case(
    "wrong",
    [
        {"zz": 1},
        *({"declared_at": value} for value in WRONG_TIMES),
        *(
            {"source": value}
            for value in each(None, [], "x", {"zz": "x"}, {"path": 1}, {"path": ""}, {"url": "x" * 4097})
        ),
        *({"collection": value} for value in each(None, [], {"zz": "x"}, {"witness": 1}, {"witness": ""})),
        *({"collection": {"clock_offset_ms": value}} for value in each(True, "1", None, 2**40 + 1, -(2**40) - 1)),
    ],
)
def test_every_member_of_circumstances_is_checked(wrong: dict[str, Any]) -> None:
    assert_refused(lambda data: card.parse_section("circumstances", data.decode()), FULL | wrong)
    with pytest.raises(MalformedError):
        card.section_text("circumstances", FULL | wrong)


@every_case("wrong", [{"zz": 1}, {"title": ""}, {"title": 1}, {"media_type": None}, {"name": 1}, {"name": ".."}])
def test_every_member_of_the_label_is_checked(wrong: dict[str, Any]) -> None:
    assert_refused(lambda data: card.parse_section("label", data.decode()), {"title": "t", "media_type": "m"} | wrong)


def test_a_section_that_is_not_canonical_is_refused() -> None:
    for text in (' {"name":"a"}', '{"name": "a"}', '{"name":"\\u0061"}', '{"name":"a","name":"a"}', "null", "[]", ""):
        with pytest.raises(MalformedError):
            card.parse_section("label", text)


def test_a_card_has_at_most_64_kib_in_all() -> None:
    third = section.MAX_CARD // 3
    card.check_card((b"x" * third, b"x" * third, b"x" * (section.MAX_CARD - 2 * third)))
    with pytest.raises(MalformedError, match="at most 65536"):
        card.check_card((b"x" * third, b"x" * third, b"x" * (section.MAX_CARD - 2 * third + 1)))
    with pytest.raises(MalformedError, match="at most 65536"):
        card.parse_document(" " * (section.MAX_CARD + 1))


@given(hashes, texts)
def test_sections_read_back_the_same_open_and_closed(nonce: bytes, text: str) -> None:
    for one in (section.OpenedSection(nonce, text), nonce):
        assert section.parse_section_value(section.section_value(one), "label") == one


@every_case(
    "value",
    [
        None,
        "x",
        [],
        {},
        {"closed": "ab" * 32, "nonce": "ab" * 32},
        {"closed": "ab" * 32, "nonce": "ab" * 32, "text": "{}"},
        {"closed": None},
        {"closed": "AB" * 32},
        {"nonce": "ab" * 32},
        {"text": "{}"},
        {"nonce": "ab" * 32, "text": ""},
        {"nonce": "ab" * 32, "text": None},
        {"nonce": "ab" * 32, "text": "x" * (section.MAX_CARD + 1)},
        {"nonce": "AB" * 32, "text": "{}"},
        {"nonce": "ab" * 32, "text": "{}", "zz": 1},
    ],
)
def test_a_section_is_open_or_closed_and_nothing_else(value: object) -> None:
    with pytest.raises(MalformedError):
        section.parse_section_value(value, "label")


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"size": 8}, "size"), ({"sha256": b"c" * 32}, "SHA-256"), ({"sm3": b"c" * 32}, "SM3")],
)
def test_a_document_must_have_its_cards_digests_and_size(changes: dict[str, Any], place: str) -> None:
    found: dict[str, Any] = {"sha256": GOOD.sha256, "sm3": GOOD.sm3, "size": GOOD.size}
    card.verify_digests(GOOD, **found)
    with pytest.raises(VerificationError, match=place):
        card.verify_digests(GOOD, **(found | changes))


def test_sm3_is_compared_only_where_both_sides_have_it() -> None:
    card.verify_digests(GOOD._replace(sm3=None), sha256=GOOD.sha256, sm3=b"c" * 32, size=7)
    card.verify_digests(GOOD, sha256=GOOD.sha256, sm3=None, size=7)


def test_the_alphabets_of_names_are_those_written_down() -> None:
    for character in map(chr, range(0x180)):
        for good, name, value in (
            (LOWER + DIGITS, "depositor", character),
            (LOWER + LOWER.upper() + DIGITS + "-._/:", "origin", character),
        ):
            if character in good:
                parse_document(canonical(MEMBERS | {name: value}))
            else:
                assert_refused(parse_document, MEMBERS | {name: value})
