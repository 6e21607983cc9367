"""Verifier keys: their text, their ids, and the public keys that nobody may use; referees are the curve's formulas."""

from __future__ import annotations

from hashlib import sha256, sha512

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.encoding import to_base64
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.tlog.ed25519 import check_prime_order
from hefu_ledger.tlog.keys import (
    COSIGNATURE,
    ED25519,
    MAX_VKEY,
    MLDSA44,
    Ed25519Signer,
    MLDSA44Signer,
    Signer,
    VerifierKey,
    check_key_name,
    check_public,
    check_type,
    format_vkey,
    parse_vkey,
    verify_signature,
)

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SEED = sha256(b"seed").digest()
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Add on the twisted Edwards curve of RFC 8032 section 5.1, in affine coordinates."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P
    return x, y


def multiply(count: int, point: Point) -> Point:
    total = (0, 1)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def a_point(y: int) -> Point | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    for root in (x, x * pow(2, (P - 1) // 4, P) % P):
        if root * root % P == square:
            return root, y
    return None


def torsion() -> list[Point]:
    """The eight points of small order: the multiples of one of order 8, found by multiplying the prime order away."""
    points = (multiply(ORDER, point) for y in range(2, 200) if (point := a_point(y)))
    generator = next(point for point in points if multiply(4, point) != (0, 1))
    return [multiply(count, generator) for count in range(8)]


def encode(y: int, sign: int) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def vkey_text(public: bytes, *, name: str = "k", key_type: int = ED25519) -> str:
    data = bytes((key_type,)) + public
    key_id = sha256(name.encode() + b"\n" + data).digest()[:4]
    return f"{name}+{key_id.hex()}+{to_base64(data)}"


def test_the_key_of_the_specification_reads_back() -> None:
    key = parse_vkey(SPEC_VKEY)
    assert (key.name, key.type, key.key_id.hex()) == ("example.com/foo", ED25519, "530d903a")
    assert format_vkey(key) == SPEC_VKEY


def test_a_key_of_another_implementation_comes_out_byte_for_byte() -> None:
    expected = "log.example/ledger+8303fa54+AfFl4eX3wpDlLy7e8/urYMuudL/TJ0+OXuHeM0XJVKFm"
    assert format_vkey(Ed25519Signer("log.example/ledger", SEED).key) == expected


def test_a_vkey_whose_base64_holds_a_plus_reads_back() -> None:
    text = "log.example/ledger+8303fa54+AfFl4eX3wpDlLy7e8/urYMuudL/TJ0+OXuHeM0XJVKFm"
    assert text.count("+") == 3
    assert format_vkey(parse_vkey(text)) == text


def test_the_type_of_a_key_is_part_of_its_id() -> None:
    ids = {Ed25519Signer("w", SEED, key_type).key.key_id for key_type in (ED25519, COSIGNATURE)}
    assert len(ids) == 2


def test_the_fingerprint_is_the_sha256_of_the_vkey_text() -> None:
    assert parse_vkey(SPEC_VKEY).fingerprint == sha256(SPEC_VKEY.encode()).hexdigest()


@given(st.binary(min_size=32, max_size=32), st.sampled_from([ED25519, COSIGNATURE]))
def test_every_signer_has_a_key_that_reads_back_and_verifies_it(seed: bytes, key_type: int) -> None:
    signer: Signer = Ed25519Signer("例.example/钥", seed, key_type)
    assert parse_vkey(format_vkey(signer.key)) == signer.key
    verify_signature(signer.key, b"message", signer.sign(b"message"))


@given(st.text(max_size=60) | st.text("ab+0123456789=", max_size=60))
def test_whatever_reads_as_a_vkey_is_written_back_the_same(text: str) -> None:
    try:
        key = parse_vkey(text)
    except LedgerError:
        return
    assert format_vkey(key) == text


@given(st.integers(0, len(SPEC_VKEY) - 1), st.characters())
def test_a_vkey_with_one_character_changed_is_refused(at: int, character: str) -> None:
    changed = SPEC_VKEY[:at] + character + SPEC_VKEY[at + 1 :]
    if changed != SPEC_VKEY:
        with pytest.raises(MalformedError):
            parse_vkey(changed)


@every_case(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo++AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+",
        SPEC_VKEY + "\n",
        " " + SPEC_VKEY,
        SPEC_VKEY + "=",
        vkey_text(SEED[:31]),
        vkey_text(SEED + b"\0"),
        vkey_text(b""),
    ],
)
def test_a_malformed_vkey_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_vkey(text)


def test_a_wrong_key_id_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(MalformedError, match="530d903a"):
        parse_vkey(SPEC_VKEY.replace("530d903a", "530d903b"))


@every_case("key_type", [0x00, 0x02, 0x03, 0x05, 0x07, 0xFA, 0xFF])
def test_a_key_of_another_type_is_kept_as_bytes_and_nothing_verifies_under_it(key_type: int) -> None:
    text = vkey_text(SEED + b"more", key_type=key_type)
    key = parse_vkey(text)
    assert (key.type, key.public, format_vkey(key)) == (key_type, SEED + b"more", text)
    with pytest.raises(UnknownFormatError, match=f"0x{key_type:02x}"):
        verify_signature(key, b"message", bytes(64))
    with pytest.raises(UnknownFormatError, match=f"0x{key_type:02x}"):
        check_type(key, (ED25519,), "a note's")
    with pytest.raises(MalformedError, match="key id"):
        parse_vkey(text.replace(key.key_id.hex(), "00000000"))


def test_a_key_of_a_known_type_for_another_use_is_named() -> None:
    with pytest.raises(MalformedError, match="0x04; a log's is of type 0x01 or 0x06"):
        check_type(Ed25519Signer("w", SEED, COSIGNATURE).key, (ED25519, MLDSA44), "a log's")


def test_a_vkey_as_long_as_the_limit_is_read_and_one_character_more_refused() -> None:
    text = vkey_text(bytes(2048), name="n" * 1354, key_type=0x07)
    assert len(text) == MAX_VKEY
    assert format_vkey(parse_vkey(text)) == text
    with pytest.raises(MalformedError, match="4096"):
        parse_vkey(vkey_text(bytes(2048), name="n" * 1355, key_type=0x07))


@given(st.integers(0, 255), st.binary(min_size=1, max_size=1400), st.text("abc./-例", min_size=1, max_size=9))
def test_every_type_and_length_reads_back_or_is_refused(key_type: int, public: bytes, name: str) -> None:
    text = vkey_text(public, name=name, key_type=key_type)
    fits = {ED25519: 32, COSIGNATURE: 32, MLDSA44: 1312}.get(key_type, len(public)) == len(public)
    try:
        key = parse_vkey(text)
    except MalformedError:
        assert not fits or key_type in (ED25519, COSIGNATURE)  # a random point may be a bad one
        return
    assert fits
    assert (key, format_vkey(key)) == (VerifierKey(name, key_type, public), text)


@every_case(
    "name",
    [
        "",
        " ",
        "a b",
        " a",
        "a ",
        "a+b",
        "a\tb",
        "a\nb",
        "a\x00b",
        "a\x1fb",
        "a\u00a0b",
        "a\u2028",
        "\u3000a",
        "a\x85b",
        "a\ud800",
    ],
)
def test_a_name_that_a_signature_line_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        check_key_name(name)
    with pytest.raises(MalformedError):
        Ed25519Signer(name, SEED)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "a\u3000b", "a\x00"])
def test_such_a_name_is_refused_in_a_vkey_whose_id_is_right(name: str) -> None:
    with pytest.raises(MalformedError, match="not a key name"):
        parse_vkey(vkey_text(SEED, name=name))


def test_the_points_of_small_order_are_eight() -> None:
    points = torsion()
    assert len(set(points)) == 8
    assert all(multiply(8, point) == (0, 1) for point in points)


@every_case("key_type", [ED25519, COSIGNATURE])
@every_case("count", range(8))
def test_a_public_key_of_small_order_is_refused(count: int, key_type: int) -> None:
    x, y = torsion()[count]
    for sign in (x & 1, ~x & 1):  # the other sign is another point of small order, or no point at all
        with pytest.raises(MalformedError, match="small order"):
            parse_vkey(vkey_text(encode(y, sign), key_type=key_type))


@every_case("count", range(8))
def test_no_signature_verifies_under_a_key_of_small_order_however_it_came(count: int) -> None:
    x, y = torsion()[count]
    public = encode(y, x & 1)
    forged = public_of_identity + bytes(32)  # R the neutral point, S 0: fits any text whose hash is a multiple of 8
    texts = [b"text %d" % number for number in range(32)]
    raw = Ed25519PublicKey.from_public_bytes(public)
    assert any(accepts(raw, forged, text) for text in texts)  # so would OpenSSL
    for text in texts:
        with pytest.raises(VerificationError):
            verify_signature(VerifierKey("k", ED25519, public), text, forged)


public_of_identity = encode(1, 0)


def accepts(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


@given(st.binary(min_size=32, max_size=32), st.integers(0, 7))
def test_a_key_with_a_part_of_small_order_is_not_of_prime_order(seed: bytes, count: int) -> None:
    public = Ed25519Signer("k", seed).key.public
    encoded = int.from_bytes(public, "little")
    point = a_point(encoded & (2**255 - 1))
    assert point is not None
    x, y = point if point[0] & 1 == encoded >> 255 else (P - point[0], point[1])
    x, y = add((x, y), torsion()[count])
    mixed = encode(y, x & 1)
    assert check_public(ED25519, mixed) == mixed  # neither out of range nor of small order
    if count == 0:
        assert mixed == public
        assert check_prime_order(mixed) == mixed
    else:
        with pytest.raises(MalformedError, match="prime order"):
            check_prime_order(mixed)


def test_bytes_that_are_no_point_are_not_of_prime_order() -> None:
    for y in [y for y in range(2, 30) if a_point(y) is None]:
        with pytest.raises(MalformedError, match="no point"):
            check_prime_order(encode(y, 0))


@every_case("count", range(8))
def test_a_key_of_small_order_is_not_of_prime_order(count: int) -> None:
    x, y = torsion()[count]
    with pytest.raises(MalformedError, match="small order"):
        check_prime_order(encode(y, x & 1))


def test_an_equation_that_holds_only_with_the_cofactor_does_not_verify() -> None:
    signer = Ed25519Signer("k", SEED)
    secret, torsion_point = 12345, torsion()[1]
    base = (BASE_X, BASE_Y)
    signed = multiply(77, base)
    mixed = add(signed, torsion_point)  # R with a part of small order: 8SB = 8R + 8kA holds, SB = R + kA does not
    public = multiply(secret, base)
    key = VerifierKey("k", ED25519, encode(public[1], public[0] & 1))
    for point, holds in ((signed, True), (mixed, False)):
        r = encode(point[1], point[0] & 1)
        k = int.from_bytes(sha512(r + key.public + b"m").digest(), "little") % ORDER
        signature = r + ((77 + k * secret) % ORDER).to_bytes(32, "little")
        if holds:
            verify_signature(key, b"m", signature)
        else:
            with pytest.raises(VerificationError):
                verify_signature(key, b"m", signature)
    assert signer.key != key


def test_r_that_is_not_written_canonically_does_not_verify() -> None:
    """R the neutral point, written as y = 1 and as y = p + 1: the same point, and one spelling of it alone is good."""
    secret, base = 12345, (BASE_X, BASE_Y)
    public = multiply(secret, base)
    key = VerifierKey("k", ED25519, encode(public[1], public[0] & 1))
    for y, holds in ((1, True), (P + 1, False)):
        r = encode(y, 0)
        k = int.from_bytes(sha512(r + key.public + b"m").digest(), "little") % ORDER
        signature = r + (k * secret % ORDER).to_bytes(32, "little")
        if holds:
            verify_signature(key, b"m", signature)
        else:
            with pytest.raises(VerificationError):
                verify_signature(key, b"m", signature)


@every_case("y", range(P, 2**255))
def test_a_public_key_that_is_not_reduced_is_refused(y: int) -> None:
    for sign in (0, 1):
        with pytest.raises(MalformedError, match="canonical"):
            parse_vkey(vkey_text(encode(y, sign)))


def test_the_largest_reduced_public_key_that_is_not_of_small_order_is_read() -> None:
    assert parse_vkey(vkey_text(encode(P - 2, 0))).public == encode(P - 2, 0)


def test_a_signature_holds_for_its_message_and_key_alone() -> None:
    signer = Ed25519Signer("k", SEED)
    signature = signer.sign(b"message")
    other = Ed25519Signer("k", bytes(32)).key
    for key, message, tried in [
        (signer.key, b"messagf", signature),
        (other, b"message", signature),
        (signer.key, b"message", signature[:63]),
        (signer.key, b"message", signature + b"\0"),
        (signer.key, b"message", b""),
    ]:
        with pytest.raises(VerificationError, match="does not verify"):
            verify_signature(key, message, tried)


@every_case("times", [1, 2, 7, 14])
def test_a_signature_cannot_be_respelt_by_adding_the_order_of_the_group(times: int) -> None:
    signer = Ed25519Signer("k", SEED)
    signature = signer.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + times * ORDER
    with pytest.raises(VerificationError):
        verify_signature(signer.key, b"message", signature[:32] + scalar.to_bytes(32, "little"))


def test_a_signer_agrees_with_plain_ed25519() -> None:
    assert Ed25519Signer("k", SEED).sign(b"m") == Ed25519PrivateKey.from_private_bytes(SEED).sign(b"m")


def test_a_signer_needs_32_bytes_and_a_known_type() -> None:
    with pytest.raises(ValueError, match="32"):
        Ed25519Signer("k", bytes(31))
    with pytest.raises(ValueError, match="0x06"):
        Ed25519Signer("k", SEED, 0x06)
    with pytest.raises(ValueError, match="32"):
        MLDSA44Signer("k", bytes(31))


def test_a_signer_shows_nothing_of_its_seed() -> None:
    for signer in (Ed25519Signer("k", SEED), MLDSA44Signer("k", SEED)):
        assert SEED.hex() not in repr(signer) + repr(signer.key)


# --- ML-DSA-44 ---


def test_the_key_of_a_seed_is_the_one_of_nist() -> None:
    """Test case 1 of ACVP's ML-DSA-keyGen-FIPS204; its public key by its SHA-256."""
    seed = bytes.fromhex("d71361c000f9a7bc99dfb425bcb6bb27c32c36ab444ff3708b2d93b4e66d5b5b")
    key = MLDSA44Signer("log.example/ledger", seed).key
    assert (key.type, len(key.public)) == (MLDSA44, 1312)
    expected = "451a808c522218fadbdab146fc12004b0741c7d069f238f43ad77216159f6a34"
    assert sha256(key.public).hexdigest() == expected
    assert parse_vkey(format_vkey(key)) == key
    assert format_vkey(key) == vkey_text(key.public, name="log.example/ledger", key_type=0x06)


def test_a_signature_of_ml_dsa_holds_for_its_message_and_key_alone_and_is_hedged() -> None:
    signer = MLDSA44Signer("k", SEED)
    first, second = signer.sign(b"message"), signer.sign(b"message")
    assert len(first) == 2420
    assert first != second
    verify_signature(signer.key, b"message", first)
    verify_signature(signer.key, b"message", second)
    for key, message, tried in [
        (signer.key, b"messagf", first),
        (MLDSA44Signer("k", bytes(32)).key, b"message", first),
        (signer.key, b"message", first[:-1]),
        (signer.key, b"message", first + b"\0"),
        (signer.key, b"message", b""),
        (signer.key._replace(public=signer.key.public[:-1]), b"message", first),
    ]:
        with pytest.raises(VerificationError, match="does not verify"):
            verify_signature(key, message, tried)


@every_case("size", [1, 32, 1311, 1313])
def test_a_key_of_ml_dsa_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(MalformedError, match="1312"):
        parse_vkey(vkey_text(bytes(size), key_type=MLDSA44))
