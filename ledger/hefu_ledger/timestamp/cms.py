"""The ASN.1 of timestamp tokens: CMS (RFC 5652), TSTInfo (RFC 3161) and ESSCertIDv2 (RFC 5035), field by field.

Only shapes; ``token`` checks their contents. A list of TLVs under a tag stands for members that are not read. It
stands for SETs too, so that members out of order, as many an authority writes its certificates, are taken.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, TypeVar

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Explicit, Implicit, SetOf, Size, sequence
from cryptography.x509 import Certificate, InvalidVersion, ObjectIdentifier

from hefu_ledger.errors import MalformedError

_T = TypeVar("_T")
_SEQUENCE = b"\x30"  # the other choices of a CertificateSet are tagged


@sequence
class PssParameters:
    """RFC 4055. Not looked into: it is PSS with the digest's hash, or it does not verify."""

    hash: Annotated[list[TLV] | None, Implicit(0)]
    mask: Annotated[list[TLV] | None, Implicit(1)]
    salt: Annotated[list[TLV] | None, Implicit(2)]
    trailer: Annotated[list[TLV] | None, Implicit(3)]


@sequence
class Algorithm:
    """AlgorithmIdentifier (RFC 5280), with the parameters that hashes and signatures have."""

    oid: ObjectIdentifier
    parameters: asn1.Null | PssParameters | None


@sequence
class Attribute:
    """RFC 5652, section 5.3."""

    type: ObjectIdentifier
    values: SetOf[TLV]


@sequence
class IssuerAndSerial:
    """RFC 5652, section 10.2.4; ``issuer`` is a Name."""

    issuer: TLV
    serial: int


@sequence
class SignerInfo:
    """RFC 5652, section 5.3, of version 1."""

    version: int
    sid: IssuerAndSerial
    digest_algorithm: Algorithm
    signed_attributes: Annotated[SetOf[Attribute], Implicit(0)]
    signature_algorithm: Algorithm
    signature: bytes
    unsigned_attributes: Annotated[list[TLV] | None, Implicit(1)]


@sequence
class EncapsulatedContent:
    """RFC 5652, section 5.2."""

    type: ObjectIdentifier
    content: Annotated[bytes, Explicit(0)]


@sequence
class SignedData:
    """RFC 5652, section 5.1."""

    version: int
    digest_algorithms: SetOf[Algorithm]
    encapsulated: EncapsulatedContent
    certificates: Annotated[list[TLV] | None, Implicit(0)]  # RFC 5652, section 10.2.3: of several kinds
    crls: Annotated[list[TLV] | None, Implicit(1)]
    signers: SetOf[SignerInfo]


@sequence
class ContentInfo:
    """RFC 5652, section 3."""

    type: ObjectIdentifier
    content: Annotated[SignedData, Explicit(0)]


@sequence
class MessageImprint:
    """RFC 3161, section 2.4.1."""

    algorithm: Algorithm
    digest: bytes


@sequence
class Accuracy:
    """RFC 3161, section 2.4.2; each part may be left out."""

    seconds: int | None
    millis: Annotated[int | None, Implicit(0)]
    micros: Annotated[int | None, Implicit(1)]


@sequence
class Extension:
    """RFC 5280, section 4.1."""

    oid: ObjectIdentifier
    critical: bool | None  # as ordering below
    value: bytes


@sequence
class TSTInfo:
    """RFC 3161, section 2.4.2."""

    version: int
    policy: ObjectIdentifier
    imprint: MessageImprint
    serial: int
    gen_time: asn1.GeneralizedTime
    accuracy: Accuracy | None
    ordering: bool | None  # some write the default out, against DER
    nonce: int | None
    tsa: Annotated[list[TLV] | None, Implicit(0)]  # a hint: the signer is named by its certificate's hash
    extensions: Annotated[list[Extension] | None, Implicit(1)]


@sequence
class CertificateId:
    """ESSCertIDv2 (RFC 5035, section 4); SHA-256 where ``algorithm`` is left out."""

    algorithm: Algorithm | None
    digest: bytes
    issuer_and_serial: list[TLV] | None


@sequence
class SigningCertificate:
    """SigningCertificateV2 (RFC 5035, section 3); the first names the signer, the others its chain."""

    certificates: Annotated[list[CertificateId], Size(1, None)]
    policies: list[TLV] | None


def certificates_of(signed: SignedData) -> list[Certificate]:
    """The X.509 certificates of a CertificateSet; attribute certificates and others that are none are passed over."""
    found = []
    for member in signed.certificates or []:
        der = asn1.encode_der(member)
        if der[:1] == _SEQUENCE:
            with suppress(MalformedError):
                found.append(decode(Certificate, der))
    return found


def decode(kind: type[_T], data: bytes | TLV) -> _T:
    """Read one value in DER, all of it, or raise MalformedError."""
    try:
        return data.parse(kind) if isinstance(data, TLV) else asn1.decode_der(kind, data)
    except (ValueError, InvalidVersion) as error:
        raise MalformedError(f"not a timestamp token (DER of RFC 3161, no response around it): {error}") from None
