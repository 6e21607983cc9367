"""Timestamp tokens: what OpenSSL issues is accepted, and what is no token, or of something else, is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256, sha384, sha512
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import GeneralizedTime, Null, SetOf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ObjectIdentifier as Oid
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.stamping import (
    AT,
    AUTHORITY,
    CERTIFICATE_V2,
    MESSAGE,
    MESSAGE_DIGEST,
    POLICY,
    RSA,
    RSA_PSS,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    STAMPER,
    Key,
    Party,
    algorithm,
    enrol,
    issue,
    naming,
    needs_openssl,
    openssl_accepts,
    openssl_stamp,
    pem,
    pss,
    refuse,
    root,
    rsa_key,
    signer_info,
    tlv,
    tsa,
    tst_info,
    verify,
)

from hefu_ledger.encoding import parse_time
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.timestamp import cms
from hefu_ledger.timestamp.token import Timestamp, verify_token

# What OpenSSL issues


@needs_openssl
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA"])
def test_a_token_that_openssl_issued_is_accepted(tmp_path: Path, kind: str, digest: str) -> None:
    curve = ec.SECP384R1() if kind == "P-384" else ec.SECP256R1()
    key = rsa_key() if kind == "RSA" else ec.generate_private_key(curve)
    intermediate = enrol("Stamping CA", root(), AUTHORITY)
    party = enrol("TSA of the district", intermediate, STAMPER, key=key)
    (tmp_path / "chain").write_bytes(pem(intermediate))
    settings = "accuracy = secs:1, millisecs:500, microsecs:100\nclock_precision_digits = 6\ntsa_name = yes\n"
    settings += "ordering = yes\ness_cert_id_chain = yes\n"
    before = datetime.now(UTC)
    token = openssl_stamp(tmp_path, party, digest, "-chain", "chain", "-token_out", ess=digest, settings=settings)
    stamp = verify(token)
    assert stamp[1:] == (stamp.accuracy_ms, POLICY, "TSA of the district", 0x20)
    assert stamp.accuracy_ms in (1501, 1502)  # 1500.1 ms, and what was cut off genTime
    assert abs(datetime.fromtimestamp(stamp.gen_time_ms / 1000, UTC) - before) < timedelta(minutes=5)


@needs_openssl
def test_a_plain_token_of_openssl_states_no_accuracy_and_is_taken_to_a_second(tmp_path: Path) -> None:
    stamp = verify(openssl_stamp(tmp_path, tsa(), "sha256", "-token_out"))
    assert stamp.accuracy_ms == 1000
    assert stamp.gen_time_ms % 1000 == 0


@needs_openssl
def test_a_response_is_not_a_token(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="no response around it"):
        verify(openssl_stamp(tmp_path, tsa(), "sha256"))


@needs_openssl
def test_a_certificate_id_by_sha_1_is_refused(tmp_path: Path) -> None:
    token = openssl_stamp(tmp_path, tsa(), "sha256", "-token_out", ess="sha1")
    refuse(token, "ESSCertIDv2 of RFC 5816.* is missing")


@needs_openssl
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of certificates broken here
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "chain").write_bytes(pem(root()))
    settings = "accuracy = secs:1\ntsa_name = yes\n"
    token = openssl_stamp(tmp_path, tsa(), "sha256", "-chain", "chain", "-token_out", settings=settings)
    right, refused = verify(token), 0
    for place in range(len(token)):
        for bit in range(8):
            broken = token[:place] + bytes([token[place] ^ 1 << bit]) + token[place + 1 :]
            try:
                assert verify(broken) == right
            except LedgerError:
                refused += 1
    assert refused > 4 * len(token)  # what may change is the certificate of the root, which is trusted from outside


# What is right


def test_our_own_token_is_accepted_and_read() -> None:
    assert verify(issue()) == Timestamp(parse_time("2026-06-01T12:00:00.000Z"), 1000, POLICY, "TSA", 7)


@needs_openssl
def test_our_own_token_is_accepted_by_openssl(tmp_path: Path) -> None:
    assert openssl_accepts(tmp_path, issue())


@every_case(
    ("microsecond", "accuracy", "expected"),
    [
        (0, (None, None, None), (0, 1000)),
        (0, (2, None, None), (0, 2000)),
        (0, (None, 500, None), (0, 500)),
        (0, (1, 2, 3), (0, 1003)),
        (0, (0, 0, 0), (0, 0)),
        (123_000, (None, None, 999), (123, 1)),
        (123_456, (None, None, None), (123, 1001)),
        (123_001, (None, None, 999), (123, 1)),
        (123_002, (None, None, 999), (123, 2)),
        (999_999, (86400, 999, 999), (999, 86_401_001)),
    ],
)
def test_time_and_accuracy_are_rounded_so_that_they_hold_the_true_interval(
    microsecond: int, accuracy: tuple[int | None, int | None, int | None], expected: tuple[int, int]
) -> None:
    seconds, millis, micros = accuracy
    content = tst_info(
        gen_time=GeneralizedTime(AT.replace(microsecond=microsecond)),
        accuracy=cms.Accuracy(seconds=seconds, millis=millis, micros=micros),
    )
    stamp = verify(issue(content=content))
    assert (stamp.gen_time_ms - parse_time("2026-06-01T12:00:00.000Z"), stamp.accuracy_ms) == expected


HASHES: Final[list[tuple[hashes.HashAlgorithm, Oid]]] = [
    (hashes.SHA256(), SHA256),
    (hashes.SHA384(), SHA384),
    (hashes.SHA512(), SHA512),
]


def issue_by(party: Party, digest: hashes.HashAlgorithm, digest_oid: Oid, signature: cms.Algorithm) -> bytes:
    """Issue a token whose one hash is ``digest``."""
    content, whole = tst_info(), hashes.Hash(digest)
    whole.update(content)

    def signing(key: Key, data: bytes) -> bytes:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(digest))
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.sign(data, padding.PKCS1v15(), digest)

    signer = {"digest_algorithm": algorithm(digest_oid), "signature_algorithm": signature, "signing": signing}
    digests = {MESSAGE_DIGEST: asn1.encode_der(whole.finalize())}
    return issue(party, content=content, attributes={**digests}, signer=signer)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_the_named_curves_are_accepted_with_each_hash(curve: ec.EllipticCurve) -> None:
    party = enrol("TSA", root(), STAMPER, key=ec.generate_private_key(curve))
    for last, (digest, oid) in enumerate(HASHES, 2):
        verify(issue_by(party, digest, oid, algorithm(Oid(f"1.2.840.10045.4.3.{last}"))))


def test_rsa_is_accepted_with_each_hash_under_each_of_its_names() -> None:
    party = enrol("TSA", root(), STAMPER, key=rsa_key())
    for last, (digest, oid) in enumerate(HASHES, 11):
        for name in (RSA, Oid(f"1.2.840.113549.1.1.{last}")):
            verify(issue_by(party, digest, oid, cms.Algorithm(oid=name, parameters=Null())))


def test_rsa_pss_is_accepted() -> None:
    parameters = cms.PssParameters(hash=None, mask=None, salt=[tlv(asn1.encode_der(32))], trailer=None)
    named = cms.Algorithm(oid=RSA_PSS, parameters=parameters)
    party = enrol("TSA", root(), STAMPER, key=rsa_key())
    verify(issue(party, signer={"signature_algorithm": named, "signing": pss}))


@pytest.mark.parametrize(("digest", "oid"), [(sha256, SHA256), (sha384, SHA384), (sha512, SHA512)])
def test_the_certificate_may_be_named_by_any_strong_hash(digest: Callable[[bytes], Any], oid: Oid) -> None:
    verify(issue(attributes={CERTIFICATE_V2: naming(tsa().der, digest, oid)}))


def test_certificates_in_any_order_and_strangers_among_them_do_no_harm() -> None:
    intermediate = enrol("Stamping CA", root(), AUTHORITY)
    party, stranger = enrol("TSA", intermediate, STAMPER), enrol("Stranger", None, AUTHORITY)
    for held in ([party, intermediate, stranger], [stranger, intermediate, party], [root(), party, intermediate]):
        assert verify(issue(party, certificates=held)).signer == "TSA"


def test_what_is_not_signed_changes_nothing() -> None:
    more = {"unsigned_attributes": [tlv(asn1.encode_der(1))]}
    assert verify(issue(signer=more, crls=[tlv(asn1.encode_der(1))])) == verify(issue())


def test_an_extension_that_is_not_critical_is_passed_over() -> None:
    extension = cms.Extension(oid=Oid("0.4.0.19422.1.1"), critical=False, value=b"")
    assert verify(issue(content=tst_info(extensions=[extension], nonce=5, ordering=True))) == verify(issue())


@pytest.mark.parametrize("serial", [0, 2**160 - 1])
def test_a_serial_of_up_to_160_bits_is_read(serial: int) -> None:
    assert verify(issue(content=tst_info(serial=serial))).serial == serial


def test_a_name_without_a_common_name_is_shown_whole() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "国家授时中心")])
    assert verify(issue(enrol(name, root(), STAMPER))).signer == "O=国家授时中心"


def test_any_one_of_several_roots_is_enough() -> None:
    other = enrol("Other", None, AUTHORITY)
    for roots in ([other.der, root().der], [root().der, other.der]):
        verify_token(issue(), message=MESSAGE, roots=roots)


# What was stamped


def test_another_message_is_refused_and_both_hashes_are_shown() -> None:
    with pytest.raises(VerificationError, match="imprint") as refused:
        verify(issue(), message=MESSAGE + b"\n")
    assert refused.value.expected == sha256(MESSAGE + b"\n").hexdigest()
    assert refused.value.found == sha256(MESSAGE).hexdigest()


@pytest.mark.parametrize(("oid", "digest"), [(SHA1, b"1" * 20), (SHA512, sha512(MESSAGE).digest())])
def test_an_imprint_by_another_hash_is_refused(oid: Oid, digest: bytes) -> None:
    imprint = cms.MessageImprint(algorithm=algorithm(oid), digest=digest)
    with pytest.raises(UnknownFormatError, match=f"expected SHA-256, found {oid.dotted_string}"):
        verify(issue(content=tst_info(imprint=imprint)))


def test_an_unknown_critical_extension_is_refused() -> None:
    extension = cms.Extension(oid=Oid("1.2.3.4"), critical=True, value=b"")
    refuse(issue(content=tst_info(extensions=[extension])), "unknown critical extension 1.2.3.4")


@every_case("accuracy", [(-1, 0, 0), (86401, 0, 0), (0, -1, 0), (0, 1000, 0), (0, 0, -1), (0, 0, 1000)])
def test_an_impossible_accuracy_is_malformed(accuracy: tuple[int, int, int]) -> None:
    seconds, millis, micros = accuracy
    content = tst_info(accuracy=cms.Accuracy(seconds=seconds, millis=millis, micros=micros))
    with pytest.raises(MalformedError, match="accuracy"):
        verify(issue(content=content))


def test_a_time_that_cannot_be_written_is_malformed() -> None:
    ever = enrol("Root", None, AUTHORITY, since=1960, until=9999)
    party = enrol("TSA", ever, STAMPER, since=1960, until=9999)
    for at, seconds in (
        (datetime(1969, 12, 31, 23, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, tzinfo=UTC), 1),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 1),
    ):
        accuracy = cms.Accuracy(seconds=seconds, millis=None, micros=None)
        with pytest.raises(MalformedError, match="from 1970 to 9999"):
            verify(issue(party, content=tst_info(gen_time=GeneralizedTime(at), accuracy=accuracy)), trusted=ever)


@pytest.mark.parametrize("serial", [-1, 2**160])
def test_a_serial_out_of_range_is_malformed(serial: int) -> None:
    with pytest.raises(MalformedError, match="serial"):
        verify(issue(content=tst_info(serial=serial)))


# What is a token


@cache
def right_token() -> bytes:
    return issue()


@pytest.mark.parametrize("count", [0, 2])
def test_no_signer_or_two_are_malformed(count: int) -> None:
    content = tst_info()
    signers = [signer_info(party, content, {}) for party in (tsa(), enrol("TSA 2", root(), STAMPER))[:count]]
    signers.sort(key=asn1.encode_der)
    with pytest.raises(MalformedError, match="one SignerInfo"):
        verify(issue(content=content, signers=SetOf(signers)))


@every_case(
    "token",
    [
        pytest.param(lambda: issue(kind=Oid("1.2.840.113549.1.7.1")), id="not SignedData"),
        pytest.param(lambda: issue(content_type=Oid("1.2.840.113549.1.7.1")), id="not TSTInfo"),
        pytest.param(lambda: issue(version=1), id="SignedData of version 1"),
        pytest.param(lambda: issue(signer={"version": 3}), id="SignerInfo of version 3"),
        pytest.param(lambda: issue(content=tst_info(version=2)), id="TSTInfo of version 2"),
        pytest.param(lambda: issue(content=tst_info() + b"\x05\x00"), id="TSTInfo with more behind it"),
        pytest.param(lambda: issue(content=b""), id="empty TSTInfo"),
        pytest.param(lambda: issue() + b"\x00", id="more behind it"),
        pytest.param(lambda: pem(root()), id="PEM"),
        pytest.param(lambda: root().der, id="a certificate"),
        pytest.param(lambda: b"", id="nothing"),
        pytest.param(lambda: b"\x30\x80" + issue()[4:] + b"\x00\x00", id="indefinite length"),
    ],
)
def test_what_is_no_token_is_malformed(token: Callable[[], bytes]) -> None:
    with pytest.raises(MalformedError, match="timestamp token"):
        verify(token())


@given(st.binary(max_size=200))
def test_random_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        verify(data)


def test_a_token_cut_short_is_malformed() -> None:
    token = issue()
    for size in range(len(token)):
        with pytest.raises(MalformedError):
            verify(token[:size])


@given(st.data())
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_token_with_bytes_changed_inside_is_refused_or_reads_the_same(data: st.DataObject) -> None:
    right = right_token()
    token = bytearray(right)
    for place in data.draw(st.lists(st.integers(0, len(token) - 1), min_size=1, max_size=4)):
        token[place] = data.draw(st.integers(0, 255))
    try:
        stamp = verify(bytes(token))
    except LedgerError:
        return
    assert stamp == verify(right)


# Golden tokens, made once; the keys were thrown away

TOKENS = Path(__file__).parents[1] / "vectors" / "tokens"


@pytest.mark.parametrize(
    ("name", "signer", "accuracy_ms", "serial"),
    [
        ("openssl", "openssl ts", 1501, 0x20),
        ("sigstore", "sigstore-like TSA", 1000, 2**159 - 7),  # a chain of three, a nonce, a long serial
        ("attributes", "TSA with attributes", 500, 7),  # an attribute certificate in the set, `ordering FALSE` written
    ],
)
def test_golden_tokens_hold(name: str, signer: str, accuracy_ms: int, serial: int) -> None:
    root_, token = ((TOKENS / f"{name}.{kind}.der").read_bytes() for kind in ("root", "token"))
    stamp = verify_token(token, message=MESSAGE, roots=[root_])
    assert (stamp.signer, stamp.accuracy_ms, stamp.serial) == (signer, accuracy_ms, serial)
    with pytest.raises(VerificationError, match="imprint"):
        verify_token(token, message=b"another", roots=[root_])
