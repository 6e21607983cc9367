"""Timestamp tokens right in all but what a test asks for, an authority that issues them, and OpenSSL as the referee."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import GeneralizedTime, SetOf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ObjectIdentifier as Oid
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hefu_ledger.errors import VerificationError
from hefu_ledger.timestamp import cms
from hefu_ledger.timestamp.token import Timestamp, verify_token

MESSAGE: Final = b"log.example/fengxian\n7\nqdMsKPdBA0NU3dUgmA12cGbfDoUCdp7JSKjXlHIJhIQ=\n"
AT: Final = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
POLICY: Final = "1.3.6.1.4.1.99999.1"
TST_INFO: Final = Oid("1.2.840.113549.1.9.16.1.4")
SIGNED_DATA: Final = Oid("1.2.840.113549.1.7.2")
CONTENT_TYPE: Final = Oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST: Final = Oid("1.2.840.113549.1.9.4")
CERTIFICATE_V2: Final = Oid("1.2.840.113549.1.9.16.2.47")
SHA1: Final = Oid("1.3.14.3.2.26")
SHA256: Final = Oid("2.16.840.1.101.3.4.2.1")
SHA384: Final = Oid("2.16.840.1.101.3.4.2.2")
SHA512: Final = Oid("2.16.840.1.101.3.4.2.3")
ECDSA_SHA256: Final = Oid("1.2.840.10045.4.3.2")
ECDSA_SHA384: Final = Oid("1.2.840.10045.4.3.3")
RSA: Final = Oid("1.2.840.113549.1.1.1")
RSA_PSS: Final = Oid("1.2.840.113549.1.1.10")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Extensions = list[tuple[x509.ExtensionType, bool]]


class Party(NamedTuple):
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def usage(*allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
        "crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: name in allowed for name in names.split()})


AUTHORITY: Final[Extensions] = [
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage("key_cert_sign", "crl_sign"), True),
]
STAMPING: Final = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
STAMPER: Final[Extensions] = [
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (usage("digital_signature"), True),
    STAMPING,
]


def enrol(
    name: str | x509.Name,
    issuer: Party | None,
    extensions: Extensions,
    *,
    key: Key | None = None,
    since: int = 2020,
    until: int = 2049,
) -> Party:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = name if isinstance(name, x509.Name) else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer.certificate.subject if issuer else subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime(since, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(until, 12, 31, 23, 59, 59, tzinfo=UTC),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Party(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@cache
def rsa_key(size: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, size)


@cache
def root() -> Party:
    return enrol("Root", None, AUTHORITY)


@cache
def tsa() -> Party:
    return enrol("TSA", root(), STAMPER)


def algorithm(oid: Oid) -> cms.Algorithm:
    return cms.Algorithm(oid=oid, parameters=None)


def naming(certificate: bytes, digest: Callable[[bytes], Any] = sha256, oid: Oid | None = None) -> bytes:
    """ESSCertIDv2 of one certificate."""
    name = cms.CertificateId(
        algorithm=algorithm(oid) if oid else None, digest=digest(certificate).digest(), issuer_and_serial=None
    )
    return asn1.encode_der(cms.SigningCertificate(certificates=[name], policies=None))


def changed(value: object, changes: dict[str, Any]) -> None:
    for name, change in changes.items():
        assert hasattr(value, name)
        setattr(value, name, change)


def tst_info(**changes: Any) -> bytes:
    info = cms.TSTInfo(
        version=1,
        policy=Oid(POLICY),
        imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=sha256(MESSAGE).digest()),
        serial=7,
        gen_time=GeneralizedTime(AT),
        accuracy=None,
        ordering=None,
        nonce=None,
        tsa=None,
        extensions=None,
    )
    changed(info, changes)
    return asn1.encode_der(info)


def tlv(der: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, der)


def sign(key: Key, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data)


def signer_info(
    party: Party,
    content: bytes,
    attributes: dict[Oid, bytes | list[bytes] | None],
    signing: Callable[[Key, bytes], bytes] = sign,
    **changes: Any,
) -> cms.SignerInfo:
    signed: dict[Oid, bytes | list[bytes] | None] = {
        CONTENT_TYPE: asn1.encode_der(TST_INFO),
        MESSAGE_DIGEST: asn1.encode_der(sha256(content).digest()),
        CERTIFICATE_V2: naming(party.der),
    }
    members = [
        cms.Attribute(type=oid, values=SetOf([tlv(der) for der in ([value] if isinstance(value, bytes) else value)]))
        for oid, value in (signed | attributes).items()
        if value is not None
    ]
    members.sort(key=asn1.encode_der)
    ecdsa = isinstance(party.key, ec.EllipticCurvePrivateKey)
    issuer = tlv(party.certificate.issuer.public_bytes())
    info = cms.SignerInfo(
        version=1,
        sid=cms.IssuerAndSerial(issuer=issuer, serial=party.certificate.serial_number),
        digest_algorithm=algorithm(SHA256),
        signed_attributes=SetOf(members),
        signature_algorithm=algorithm(ECDSA_SHA256 if ecdsa else RSA),
        signature=signing(party.key, asn1.encode_der(SetOf(members))),
        unsigned_attributes=None,
    )
    changed(info, changes)
    return info


def issue(
    party: Party | None = None,
    *,
    content: bytes | None = None,
    attributes: dict[Oid, bytes | list[bytes] | None] | None = None,
    signer: dict[str, Any] | None = None,
    certificates: list[Party] | None = None,
    kind: Oid = SIGNED_DATA,
    content_type: Oid = TST_INFO,
    **changes: Any,
) -> bytes:
    """Issue a token, right in all that is not asked to be otherwise."""
    party, content = party or tsa(), tst_info() if content is None else content
    held = [party] if certificates is None else certificates
    signed = cms.SignedData(
        version=3,
        digest_algorithms=SetOf([algorithm(SHA256)]),
        encapsulated=cms.EncapsulatedContent(type=content_type, content=content),
        certificates=[tlv(member.der) for member in held] or None,
        crls=None,
        signers=SetOf([signer_info(party, content, attributes or {}, **(signer or {}))]),
    )
    changed(signed, changes)
    return asn1.encode_der(cms.ContentInfo(type=kind, content=signed))


def verify(token: bytes, *, message: bytes = MESSAGE, trusted: Party | None = None) -> Timestamp:
    return verify_token(token, message=message, roots=[(trusted or root()).der])


def refuse(token: bytes, reason: str, *, trusted: Party | None = None) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify(token, trusted=trusted)


def pss(key: Key, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


# The referee: OpenSSL


@cache
def openssl_version() -> str:
    if not shutil.which("openssl"):
        return "not installed"
    return subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.strip()


needs_openssl = pytest.mark.skipif(
    not openssl_version().startswith("OpenSSL 3"),
    reason=f"openssl 3 is the referee of timestamps (openssl: {openssl_version()})",
)


def pem(party: Party) -> bytes:
    return party.certificate.public_bytes(Encoding.PEM)


def openssl_accepts(folder: Path, token: bytes, *, message: bytes = MESSAGE, trusted: Party | None = None) -> bool:
    """Whether ``openssl ts -verify`` takes the token, at the time it tells."""
    (folder / "token").write_bytes(token)
    (folder / "message").write_bytes(message)
    (folder / "root").write_bytes(pem(trusted or root()))
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "message", "-CAfile", "root"]
    command += ["-attime", str(int(AT.timestamp()))]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ("Verification: OK" in run.stdout) == (run.returncode == 0)
    return run.returncode == 0


def openssl_stamp(
    folder: Path, party: Party, digest: str, *options: str, ess: str = "sha256", settings: str = ""
) -> bytes:
    """Let OpenSSL issue the token, or with no ``-token_out`` in ``options`` the response."""
    (folder / "cert").write_bytes(pem(party))
    (folder / "key").write_bytes(party.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "message").write_bytes(MESSAGE)
    (folder / "serial").write_text("1F\n")
    (folder / "config").write_text(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ndigests = sha256, sha512\ndefault_policy = "
        f"{POLICY}\nsigner_digest = {digest}\ness_cert_id_alg = {ess}\n{settings}\n"
    )
    query = ["openssl", "ts", "-query", "-data", "message", "-sha256", "-cert", "-out", "query"]
    subprocess.run(query, cwd=folder, capture_output=True, check=True)
    reply = ["openssl", "ts", "-reply", "-config", "config", "-queryfile", "query", "-signer", "cert", "-inkey", "key"]
    subprocess.run([*reply, *options, "-out", "reply"], cwd=folder, capture_output=True, check=True)
    return (folder / "reply").read_bytes()
