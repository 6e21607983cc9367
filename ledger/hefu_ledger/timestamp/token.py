"""Timestamp tokens 可信时间戳 (RFC 3161, RFC 5816): strict verification against roots trusted from outside.

``cryptography`` reads the ASN.1 (``cms``) and builds the certificate chain (RFC 5280). Revocation is not checked, for
that needs a network. Import this module only where a token is met: x509 takes longer to import than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, Certificate, ExtendedKeyUsage, KeyUsage, ObjectIdentifier, verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hefu_ledger.encoding import MAX_TIME_MS
from hefu_ledger.errors import MalformedError, UnknownAuthorityError, UnknownFormatError, VerificationError
from hefu_ledger.timestamp.cms import (
    Accuracy,
    Algorithm,
    CertificateId,
    ContentInfo,
    SignedData,
    SignerInfo,
    SigningCertificate,
    TSTInfo,
    certificates_of,
    decode,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNSTATED_MS: Final = 1000  # FORMAT.md, step 15: genTime is often cut to whole seconds

_SIGNED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO: Final = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE: Final = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2: Final = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")
_ATTRIBUTES: Final = {
    _CONTENT_TYPE: "contentType",
    _MESSAGE_DIGEST: "messageDigest",
    _SIGNING_CERTIFICATE_V2: "signingCertificateV2 (ESSCertIDv2 of RFC 5816; the older one is SHA-1)",
}
_SHA256: Final = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_HASHES: Final[dict[ObjectIdentifier, hashes.HashAlgorithm]] = {
    _SHA256: hashes.SHA256(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
# The family of each signature algorithm, and the hash that its name fixes.
_SIGNATURES: Final[dict[ObjectIdentifier, tuple[str, str | None]]] = {
    ObjectIdentifier("1.2.840.113549.1.1.1"): ("RSA", None),
    ObjectIdentifier("1.2.840.113549.1.1.11"): ("RSA", "sha256"),
    ObjectIdentifier("1.2.840.113549.1.1.12"): ("RSA", "sha384"),
    ObjectIdentifier("1.2.840.113549.1.1.13"): ("RSA", "sha512"),
    ObjectIdentifier("1.2.840.113549.1.1.10"): ("PSS", None),
    ObjectIdentifier("1.2.840.10045.4.3.2"): ("ECDSA", "sha256"),
    ObjectIdentifier("1.2.840.10045.4.3.3"): ("ECDSA", "sha384"),
    ObjectIdentifier("1.2.840.10045.4.3.4"): ("ECDSA", "sha512"),
}
_STAMPING: Final = ExtendedKeyUsageOID.TIME_STAMPING
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})


class Timestamp(NamedTuple):
    """The word of a trusted authority: the message existed no later than ``gen_time_ms + accuracy_ms`` (ms since 1970).

    Rounded outwards, so that the true interval lies within. A token that states no accuracy has 1,000 ms. ``policy`` is
    a dotted OID, ``signer`` the common name of the authority's certificate, ``serial`` at most 160 bits.
    """

    gen_time_ms: int
    accuracy_ms: int
    policy: str
    signer: str
    serial: int


def verify_token(token: bytes, *, message: bytes, roots: Sequence[bytes]) -> Timestamp:
    """Check that a trusted authority stamped the SHA-256 of ``message``, and return its timestamp.

    ``token`` is the DER ContentInfo alone, without the response around it; ``roots`` are DER certificates. Raises
    MalformedError where a token or a root is none, UnknownFormatError for algorithms not known here (SM2, SHA-1),
    VerificationError for a token that does not hold.
    """
    signed = _parse_signed_data(token)
    content, signer = signed.encapsulated.content, signed.signers.as_list()[0]
    info = _parse_info(content)
    if info.imprint.digest != (digest := _digest(None, message)):
        raise VerificationError(
            "imprint of the timestamp", code="stamp-other", expected=digest.hex(), found=info.imprint.digest.hex()
        )
    certificates = certificates_of(signed)
    leaf = _signing_certificate(_verify_attributes(signer, content), certificates)
    name = _verify_name(signer, leaf)
    _verify_signature(signer, leaf)
    gen_time = info.gen_time.as_datetime()
    _verify_chain(leaf, certificates, roots, gen_time)
    gen_time_ms, accuracy_ms = _interval_ms((gen_time - _EPOCH) // _MICROSECOND, info.accuracy)
    return Timestamp(gen_time_ms, accuracy_ms, info.policy.dotted_string, name, info.serial)


def _parse_signed_data(token: bytes) -> SignedData:
    info = decode(ContentInfo, token)
    signed = info.content
    if info.type != _SIGNED_DATA or signed.encapsulated.type != _TST_INFO:
        raise MalformedError("not a timestamp token: it should be SignedData around a TSTInfo")
    if signed.version != 3 or [signer.version for signer in signed.signers.as_list()] != [1]:
        raise MalformedError("timestamp token: SignedData should be of version 3, with one SignerInfo, of version 1")
    return signed


def _parse_info(content: bytes) -> TSTInfo:
    info = decode(TSTInfo, content)
    if info.version != 1 or not 0 <= info.serial < 2**160:
        raise MalformedError("timestamp token: TSTInfo should be of version 1, its serial of at most 160 bits")
    if info.imprint.algorithm.oid != _SHA256:
        found = info.imprint.algorithm.oid.dotted_string
        raise UnknownFormatError(f"hash of the timestamp's imprint: expected SHA-256, found {found}")
    for extension in info.extensions or []:
        if extension.critical:
            raise _invalid(f"timestamp token: unknown critical extension {extension.oid.dotted_string}")
    return info


def _verify_attributes(signer: SignerInfo, content: bytes) -> CertificateId:
    """Check the attributes signed beside the content, and return the hash by which the signer names its certificate."""
    attributes = signer.signed_attributes.as_list()
    values = {attribute.type: attribute.values.as_list() for attribute in attributes}
    if len(values) != len(attributes) or any(len(value) != 1 for value in values.values()):
        raise MalformedError("timestamp token: each signed attribute should stand once and have one value")
    for oid, name in _ATTRIBUTES.items():
        if oid not in values:
            raise _invalid(f"timestamp token: the signed attribute {name} is missing")
    if decode(ObjectIdentifier, values[_CONTENT_TYPE][0]) != _TST_INFO:
        raise _invalid("timestamp token: the signed content type is not TSTInfo")
    if decode(bytes, values[_MESSAGE_DIGEST][0]) != _digest(signer.digest_algorithm, content):
        raise _invalid("timestamp token: the signed digest is not that of the TSTInfo")
    return decode(SigningCertificate, values[_SIGNING_CERTIFICATE_V2][0]).certificates[0]  # the others: its chain


def _signing_certificate(named: CertificateId, certificates: Sequence[Certificate]) -> Certificate:
    for certificate in certificates:
        if _digest(named.algorithm, certificate.public_bytes(Encoding.DER)) == named.digest:
            return certificate
    raise _invalid("timestamp token: the certificate that ESSCertIDv2 names is not in it (ask with certReq)")


def _verify_name(signer: SignerInfo, leaf: Certificate) -> str:
    """Check that SignerInfo, where it is not signed, names the same certificate, and return the subject's name."""
    try:
        issuer, name = leaf.issuer.public_bytes(), _name(leaf)
    except ValueError as error:  # cryptography reads names only when asked
        raise MalformedError(f"timestamp token: a name in its certificate cannot be read: {error}") from None
    if (asn1.encode_der(signer.sid.issuer), signer.sid.serial) != (issuer, leaf.serial_number):
        raise _invalid("timestamp token: SignerInfo and ESSCertIDv2 name two certificates")
    return name


def _verify_signature(signer: SignerInfo, leaf: Certificate) -> None:
    algorithm, oid = _hash(signer.digest_algorithm), signer.signature_algorithm.oid
    if oid not in _SIGNATURES:
        raise UnknownFormatError(f"timestamp token: signature algorithm {oid.dotted_string} is not RSA or ECDSA")
    scheme, fixed = _SIGNATURES[oid]
    if fixed not in (None, algorithm.name):
        raise _invalid(f"timestamp token: signed with {fixed} over a digest by {algorithm.name}")
    try:
        _verify_with(leaf.public_key(), scheme, algorithm, signer.signature, asn1.encode_der(signer.signed_attributes))
    except InvalidSignature:
        raise _invalid("timestamp token: the signature does not verify") from None
    except (UnsupportedAlgorithm, ValueError) as error:
        raise UnknownFormatError(f"timestamp token: the authority's key cannot be used: {error}") from None


def _verify_with(key: object, scheme: str, algorithm: hashes.HashAlgorithm, signature: bytes, data: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey) and scheme == "RSA" and key.key_size >= 2048:
        key.verify(signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, rsa.RSAPublicKey) and scheme == "PSS" and key.key_size >= 2048:
        key.verify(signature, data, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ECDSA" and key.curve.name in _CURVES:
        key.verify(signature, data, ec.ECDSA(algorithm))
    else:
        raise _invalid(f"timestamp token: the authority's key is not fit for {scheme}")


def _verify_chain(leaf: Certificate, certificates: list[Certificate], roots: Sequence[bytes], at: datetime) -> None:
    """Check that ``leaf`` may stamp, and that a chain leads from it to a root, all of it valid ``at`` that time."""
    try:
        trusted = [x509.load_der_x509_certificate(root) for root in roots]
        store = verification.Store(trusted)
    except (ValueError, x509.InvalidVersion) as error:
        raise MalformedError(f"trusted roots of timestamps: at least one, each a DER certificate: {error}") from None
    if _issuers(leaf, *certificates).isdisjoint(root.subject for root in trusted):
        raise UnknownAuthorityError("the timestamp is by an authority that no trusted root vouches for")
    policy = verification.PolicyBuilder().store(store).time(at)
    policy = policy.extension_policies(ca_policy=_ISSUER, ee_policy=_STAMPER)
    try:
        policy.build_client_verifier().verify(leaf, certificates)
    except verification.VerificationError as error:
        raise _invalid(f"certificate of the timestamp: {error}") from None


def _issuers(*certificates: Certificate) -> set[x509.Name]:
    try:
        return {certificate.issuer for certificate in certificates}
    except ValueError as error:  # names are read only when asked for
        raise MalformedError(f"certificate of the timestamp: {error}") from None


def _may_sign(usage: KeyUsage) -> bool:
    return usage.digital_signature or usage.content_commitment


def _may_issue(usage: ExtendedKeyUsage) -> bool:
    return not {_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}.isdisjoint(usage)


def _should(wish: str, holds: Callable[[Any], bool]) -> Callable[[object, Certificate, Any], None]:
    """Return a rule for an extension that, where present, should be as ``holds`` says."""

    def check(_policy: object, certificate: Certificate, extension: Any) -> None:
        if extension is not None and not holds(extension):
            raise ValueError(f"{wish}: {_name(certificate)}")

    return check


_ANY: Final = verification.Criticality.AGNOSTIC
# cryptography itself checks cA and path lengths, and refuses critical extensions that none of these rules names.
_ISSUER: Final = (
    verification.ExtensionPolicy.permit_all()
    .require_present(BasicConstraints, _ANY, None)
    .may_be_present(KeyUsage, _ANY, _should("issuer should have keyCertSign", lambda usage: usage.key_cert_sign))
    .may_be_present(ExtendedKeyUsage, _ANY, _should("issuer should allow timeStamping", _may_issue))
)
_STAMPER: Final = (
    verification.ExtensionPolicy.permit_all()
    .may_be_present(BasicConstraints, _ANY, _should("signer should be no authority", lambda basic: not basic.ca))
    .may_be_present(KeyUsage, _ANY, _should("signer should have digitalSignature", _may_sign))
    .require_present(
        ExtendedKeyUsage,  # RFC 3161, section 2.3
        verification.Criticality.CRITICAL,
        _should("signer should have timeStamping as its only use", lambda usage: [*usage] == [_STAMPING]),
    )
)


def _interval_ms(gen_time_us: int, accuracy: Accuracy | None) -> tuple[int, int]:
    """Return genTime and accuracy in ms, such that the stated interval lies within theirs."""
    stated = (accuracy.seconds, accuracy.millis, accuracy.micros) if accuracy else (None, None, None)
    seconds, millis, micros = (part or 0 for part in stated)
    if not (0 <= seconds <= 86400 and 0 <= millis <= 999 and 0 <= micros <= 999):
        raise MalformedError("timestamp token: accuracy should be at most a day, 999 ms and 999 µs")
    gen_time_ms, rest_us = divmod(gen_time_us, 1000)
    whole_ms = _UNSTATED_MS if stated == (None, None, None) else seconds * 1000 + millis
    accuracy_ms = whole_ms - (micros + rest_us) // -1000  # rounded up; rest_us moved it down
    if not accuracy_ms <= gen_time_ms <= MAX_TIME_MS - accuracy_ms:
        raise MalformedError("timestamp token: genTime should be from 1970 to 9999")
    return gen_time_ms, accuracy_ms


def _name(leaf: Certificate) -> str:
    names = [str(name.value) for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names[0] if names else leaf.subject.rfc4514_string()


def _hash(algorithm: Algorithm | None) -> hashes.HashAlgorithm:
    oid = algorithm.oid if algorithm else _SHA256
    if oid not in _HASHES:
        raise UnknownFormatError(f"timestamp token: hash {oid.dotted_string} is not SHA-256, SHA-384 or SHA-512")
    return _HASHES[oid]


def _digest(algorithm: Algorithm | None, data: bytes) -> bytes:
    digest = hashes.Hash(_hash(algorithm))
    digest.update(data)
    return digest.finalize()


def _invalid(message: str) -> VerificationError:
    return VerificationError(message, code="stamp-invalid")
