"""A timestamp is by the certificate that it names, with a key and an algorithm that are fit for it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import SetOf
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier as Oid
from tests.support.stamping import (
    CERTIFICATE_V2,
    CONTENT_TYPE,
    ECDSA_SHA256,
    ECDSA_SHA384,
    MESSAGE_DIGEST,
    RSA,
    RSA_PSS,
    SHA1,
    SHA256,
    SIGNED_DATA,
    STAMPER,
    TST_INFO,
    Party,
    algorithm,
    enrol,
    issue,
    naming,
    needs_openssl,
    openssl_accepts,
    pss,
    refuse,
    root,
    rsa_key,
    sign,
    signer_info,
    tlv,
    tsa,
    tst_info,
    verify,
)

from hefu_ledger.errors import MalformedError, UnknownFormatError
from hefu_ledger.timestamp import cms

ATTRIBUTES: Final[dict[str, tuple[Callable[[], dict[Oid, bytes | list[bytes] | None]], str]]] = {
    "no certificate id": (lambda: {CERTIFICATE_V2: None}, "ESSCertIDv2 of RFC 5816.* is missing"),
    "the id of another certificate": (lambda: {CERTIFICATE_V2: naming(b"other")}, "names is not in it"),
    "the id of the root": (lambda: {CERTIFICATE_V2: naming(root().der)}, "name two certificates"),
    "no content type": (lambda: {CONTENT_TYPE: None}, "contentType is missing"),
    "another content type": (lambda: {CONTENT_TYPE: asn1.encode_der(SIGNED_DATA)}, "type is not TSTInfo"),
    "no digest": (lambda: {MESSAGE_DIGEST: None}, "messageDigest is missing"),
    "another digest": (lambda: {MESSAGE_DIGEST: asn1.encode_der(b"1" * 32)}, "digest is not that of the TSTInfo"),
}


@needs_openssl
@pytest.mark.parametrize("defect", ATTRIBUTES)
def test_signed_attributes_that_do_not_fit_are_refused(tmp_path: Path, defect: str) -> None:
    attributes, reason = ATTRIBUTES[defect]
    token = issue(attributes=attributes(), certificates=[tsa(), root()])
    refuse(token, reason)
    assert openssl_accepts(tmp_path, token) == ("content type" in defect)  # which OpenSSL does not look at


def test_a_certificate_named_by_a_weak_hash_is_refused() -> None:
    with pytest.raises(UnknownFormatError, match="is not SHA-256, SHA-384 or SHA-512"):
        verify(issue(attributes={CERTIFICATE_V2: naming(tsa().der, sha1, SHA1)}))


def test_an_attribute_of_two_values_or_none_is_malformed() -> None:
    right = asn1.encode_der(TST_INFO)
    for values in ([right, asn1.encode_der(SIGNED_DATA)], []):
        with pytest.raises(MalformedError, match="stand once and have one value"):
            verify(issue(attributes={CONTENT_TYPE: values}))


def test_an_attribute_that_stands_twice_is_malformed() -> None:
    content = tst_info()
    info = signer_info(tsa(), content, {})
    members = info.signed_attributes.as_list()
    twice = sorted(
        [*members, cms.Attribute(type=CONTENT_TYPE, values=SetOf([tlv(asn1.encode_der(SIGNED_DATA))]))],
        key=asn1.encode_der,
    )
    info.signed_attributes = SetOf(twice)
    info.signature = sign(tsa().key, asn1.encode_der(SetOf(twice)))
    with pytest.raises(MalformedError, match="stand once and have one value"):
        verify(issue(content=content, signers=SetOf([info])))


def test_a_certificate_id_of_no_certificate_is_malformed() -> None:
    with pytest.raises(MalformedError, match="not a timestamp token"):
        verify(issue(attributes={CERTIFICATE_V2: bytes.fromhex("30023000")}))


def test_a_token_without_its_certificate_is_refused() -> None:
    refuse(issue(certificates=[]), "ask with certReq")
    refuse(issue(certificates=[root()]), "ask with certReq")


@needs_openssl
def test_a_signature_by_another_key_is_refused(tmp_path: Path) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    token = issue(Party(tsa().certificate, stranger))
    refuse(token, "signature does not verify")
    assert not openssl_accepts(tmp_path, token)


@needs_openssl
@pytest.mark.parametrize("field", ["issuer", "serial"])
def test_a_signer_named_otherwise_beside_the_signature_is_refused(tmp_path: Path, field: str) -> None:
    issuer, serial = tsa().certificate.issuer, tsa().certificate.serial_number
    if field == "issuer":
        issuer = tsa().certificate.subject
    sid = cms.IssuerAndSerial(issuer=tlv(issuer.public_bytes()), serial=serial + (field == "serial"))
    token = issue(signer={"sid": sid})
    refuse(token, "SignerInfo and ESSCertIDv2 name two certificates")
    assert not openssl_accepts(tmp_path, token)


@pytest.mark.parametrize("name", ["Root", "TSA"])
def test_a_certificate_whose_names_cannot_be_read_is_malformed(name: str) -> None:
    field = bytes([0x0C, len(name)]) + name.encode()
    certificate = x509.load_der_x509_certificate(tsa().der.replace(field, field[:2] + b"\xff" * len(name)))
    content, sid = tst_info(), cms.IssuerAndSerial(issuer=tlv(root().certificate.subject.public_bytes()), serial=1)
    named = {CERTIFICATE_V2: naming(certificate.public_bytes(Encoding.DER))}
    info = signer_info(tsa(), content, {**named}, sid=sid)
    token = issue(content=content, certificates=[Party(certificate, tsa().key)], signers=SetOf([info]))
    with pytest.raises(MalformedError, match="a name in its certificate cannot be read"):
        verify(token)


def weak_parties() -> dict[str, Party]:
    return {
        "RSA 1024": enrol("TSA", root(), STAMPER, key=rsa.generate_private_key(65537, 1024)),  # noqa: S505 -- weak is what it is for
        "secp256k1": enrol("TSA", root(), STAMPER, key=ec.generate_private_key(ec.SECP256K1())),
        "Ed25519": enrol("TSA", root(), STAMPER, key=ed25519.Ed25519PrivateKey.generate()),
    }


def test_a_weak_or_unknown_key_is_refused() -> None:
    for party in weak_parties().values():
        refuse(issue(party), "key is not fit for")
    short = weak_parties()["RSA 1024"]
    refuse(issue(short, signer={"signature_algorithm": algorithm(RSA_PSS), "signing": pss}), "key is not fit for PSS")


@pytest.mark.parametrize(
    ("oid", "reason"),
    [(RSA, "not fit for RSA"), (RSA_PSS, "not fit for PSS"), (ECDSA_SHA384, "sha384 over a digest by sha256")],
)
def test_a_signature_algorithm_that_does_not_fit_is_refused(oid: Oid, reason: str) -> None:
    refuse(issue(signer={"signature_algorithm": algorithm(oid)}), reason)


@pytest.mark.parametrize("oid", [SHA256, Oid("1.2.840.10045.4.1"), Oid("1.2.156.10197.1.501")])  # ECDSA with SHA-1, SM2
def test_a_signature_algorithm_not_known_here_is_an_unknown_format(oid: Oid) -> None:
    with pytest.raises(UnknownFormatError, match=f"{oid.dotted_string} is not RSA or ECDSA"):
        verify(issue(signer={"signature_algorithm": algorithm(oid)}))


def test_a_key_that_cannot_be_read_is_an_unknown_format() -> None:
    p_256, sm2 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a811ccf5501822d")
    numbers = tsa().certificate.public_key().public_numbers()  # type: ignore[union-attr]  # an elliptic curve's
    point = numbers.x.to_bytes(32)  # type: ignore[union-attr]  # the same
    for old, new in ((p_256, sm2), (point, bytes(32))):
        certificate = x509.load_der_x509_certificate(tsa().der.replace(old, new))
        with pytest.raises(UnknownFormatError, match="key cannot be used"):
            verify(issue(Party(certificate, tsa().key)))


def test_an_rsa_key_does_not_sign_by_ecdsa_nor_pss_as_plain_rsa() -> None:
    party = enrol("TSA", root(), STAMPER, key=rsa_key())
    refuse(issue(party, signer={"signature_algorithm": algorithm(ECDSA_SHA256)}), "not fit for ECDSA")
    refuse(issue(party, signer={"signature_algorithm": algorithm(RSA_PSS)}), "signature does not verify")
    refuse(issue(party, signer={"signing": pss}), "signature does not verify")


def test_a_digest_by_sha_1_is_refused() -> None:
    with pytest.raises(UnknownFormatError, match="is not SHA-256, SHA-384 or SHA-512"):
        verify(issue(signer={"digest_algorithm": algorithm(SHA1)}))
