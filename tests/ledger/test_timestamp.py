"""Timestamp tokens: what OpenSSL issues is accepted, and every way of breaking one is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha1, sha256, sha384, sha512
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import GeneralizedTime, Null, SetOf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ObjectIdentifier as Oid
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from hefu_ledger import cms
from hefu_ledger.encoding import parse_time
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.timestamp import Timestamp, verify_token

MESSAGE: Final = b"log.example/fengxian\n7\nqdMsKPdBA0NU3dUgmA12cGbfDoUCdp7JSKjXlHIJhIQ=\n"
AT: Final = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
POLICY: Final = "1.3.6.1.4.1.99999.1"
TST_INFO: Final = Oid("1.2.840.113549.1.9.16.1.4")
SIGNED_DATA: Final = Oid("1.2.840.113549.1.7.2")
CONTENT_TYPE: Final = Oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST: Final = Oid("1.2.840.113549.1.9.4")
CERTIFICATE_V1: Final = Oid("1.2.840.113549.1.9.16.2.12")
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
        ordering=False,
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
        certificates=[member.certificate for member in held] or None,
        crls=None,
        signers=SetOf([signer_info(party, content, attributes or {}, **(signer or {}))]),
    )
    changed(signed, changes)
    return asn1.encode_der(cms.ContentInfo(type=kind, content=signed))


@cache
def right_token() -> bytes:
    return issue()


def verify(token: bytes, *, message: bytes = MESSAGE, trusted: Party | None = None) -> Timestamp:
    return verify_token(token, message=message, roots=[(trusted or root()).der])


def refuse(token: bytes, reason: str, *, trusted: Party | None = None) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify(token, trusted=trusted)


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
def test_a_plain_token_of_openssl_has_no_accuracy_and_whole_seconds(tmp_path: Path) -> None:
    stamp = verify(openssl_stamp(tmp_path, tsa(), "sha256", "-token_out"))
    assert stamp.accuracy_ms == 0
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
    assert verify(issue()) == Timestamp(parse_time("2026-06-01T12:00:00.000Z"), 0, POLICY, "TSA", 7)


@needs_openssl
def test_our_own_token_is_accepted_by_openssl(tmp_path: Path) -> None:
    assert openssl_accepts(tmp_path, issue())


@pytest.mark.parametrize(
    ("microsecond", "accuracy", "expected"),
    [
        (0, (None, None, None), (0, 0)),
        (0, (2, None, None), (0, 2000)),
        (0, (None, 500, None), (0, 500)),
        (0, (1, 2, 3), (0, 1003)),
        (0, (0, 0, 0), (0, 0)),
        (123_000, (None, None, 999), (123, 1)),
        (123_456, (None, None, None), (123, 1)),
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


def pss(key: Key, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


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


@pytest.mark.parametrize("accuracy", [(-1, 0, 0), (86401, 0, 0), (0, -1, 0), (0, 1000, 0), (0, 0, -1), (0, 0, 1000)])
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


# Who may stamp


LAST: Final[dict[str, tuple[Extensions, str]]] = {
    "no extended key usage": (STAMPER[:2], "2.5.29.37.*missing required extension"),
    "extended key usage not critical": ([*STAMPER[:2], (STAMPING[0], False)], "2.5.29.37.*incorrect criticality"),
    "another extended key usage": (
        [*STAMPER[:2], (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True)],
        "timeStamping as its only use: TSA",
    ),
    "one more extended key usage": (
        [
            *STAMPER[:2],
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]), True),
        ],
        "timeStamping as its only use: TSA",
    ),
    "any extended key usage": (
        [*STAMPER[:2], (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True)],
        "timeStamping as its only use: TSA",
    ),
    "a key for encryption": (
        [STAMPER[0], (usage("key_encipherment"), True), STAMPING],
        "signer should have digitalSignature: TSA",
    ),
    "an unknown critical extension": (
        [*STAMPER, (x509.UnrecognizedExtension(Oid("1.2.3.4"), b"\x05\x00"), True)],
        "1.2.3.4: certificate contains unaccounted-for critical extensions",
    ),
}


@needs_openssl
@pytest.mark.parametrize("defect", LAST)
def test_a_certificate_not_for_stamping_is_refused_as_openssl_does(tmp_path: Path, defect: str) -> None:
    extensions, reason = LAST[defect]
    token = issue(enrol("TSA", root(), extensions))
    refuse(token, reason)
    assert not openssl_accepts(tmp_path, token)


def test_an_authority_itself_may_not_stamp() -> None:
    refuse(issue(enrol("TSA", root(), [AUTHORITY[0], *STAMPER[1:]])), "signer should be no authority: TSA")


def test_a_certificate_without_optional_extensions_may_stamp() -> None:
    verify(issue(enrol("TSA", root(), [STAMPING])))
    verify(issue(enrol("TSA", root(), [(usage("content_commitment"), True), STAMPING])))


@needs_openssl
@pytest.mark.parametrize(("since", "until"), [(2020, 2025), (2027, 2049)])
def test_a_certificate_not_valid_at_the_stamped_time_is_refused(tmp_path: Path, since: int, until: int) -> None:
    token = issue(enrol("TSA", root(), STAMPER, since=since, until=until))
    refuse(token, "not valid at validation time")
    assert not openssl_accepts(tmp_path, token)


def test_a_root_not_valid_at_the_stamped_time_is_refused() -> None:
    old = enrol("Root", None, AUTHORITY, until=2025)
    refuse(issue(enrol("TSA", old, STAMPER)), "not valid at validation time", trusted=old)


def test_a_certificate_that_expired_since_was_valid_when_it_stamped() -> None:
    past = GeneralizedTime(datetime(2020, 6, 1, tzinfo=UTC))
    party = enrol("TSA", root(), STAMPER, until=2020)
    assert verify(issue(party, content=tst_info(gen_time=past))).gen_time_ms == parse_time("2020-06-01T00:00:00.000Z")


@needs_openssl
def test_another_root_of_the_same_name_is_refused(tmp_path: Path) -> None:
    other = enrol("Root", None, AUTHORITY)
    refuse(issue(), "candidates exhausted", trusted=other)
    refuse(issue(certificates=[tsa(), root()]), "candidates exhausted", trusted=other)
    assert not openssl_accepts(tmp_path, issue(certificates=[tsa(), root()]), trusted=other)


def test_a_certificate_that_signed_itself_is_refused() -> None:
    refuse(issue(enrol("Root", None, STAMPER)), "candidates exhausted")


CHAINS: Final[dict[str, tuple[Extensions, str]]] = {
    "no authority": ([(x509.BasicConstraints(ca=False, path_length=None), True)], "cA must be asserted"),
    "no basic constraints": ([AUTHORITY[1]], "2.5.29.19: missing required extension"),
    "may not sign certificates": ([AUTHORITY[0], (usage("crl_sign"), True)], "issuer should have keyCertSign: Middle"),
    "an unknown critical extension": (
        [*AUTHORITY, (x509.UnrecognizedExtension(Oid("1.2.3.4"), b"\x05\x00"), True)],
        "unaccounted-for critical extensions",
    ),
}


@needs_openssl
@pytest.mark.parametrize("defect", CHAINS)
def test_an_issuer_that_may_not_issue_is_refused_as_openssl_does(tmp_path: Path, defect: str) -> None:
    extensions, reason = CHAINS[defect]
    middle = enrol("Middle", root(), extensions)
    party = enrol("TSA", middle, STAMPER)
    token = issue(party, certificates=[party, middle])
    refuse(token, reason)
    assert not openssl_accepts(tmp_path, token)


def test_an_issuer_for_other_uses_is_refused() -> None:
    def issued_under(oid: Oid) -> bytes:
        middle = enrol("Middle", root(), [*AUTHORITY, (x509.ExtendedKeyUsage([oid]), False)])
        party = enrol("TSA", middle, STAMPER)
        return issue(party, certificates=[party, middle])

    verify(issued_under(ExtendedKeyUsageOID.TIME_STAMPING))
    verify(issued_under(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))
    refuse(issued_under(ExtendedKeyUsageOID.SERVER_AUTH), "issuer should allow timeStamping: Middle")


def test_a_chain_longer_than_its_issuer_allows_is_refused() -> None:
    middle = enrol("Middle", root(), [(x509.BasicConstraints(ca=True, path_length=0), True)])
    lower = enrol("Lower", middle, AUTHORITY)
    party = enrol("TSA", lower, STAMPER)
    refuse(issue(party, certificates=[party, middle, lower]), "path length constraint violated")


def test_certificates_that_issue_one_another_are_given_up_on() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ring = [enrol("Ring", None, AUTHORITY, key=key) for _ in range(12)]
    party = enrol("TSA", ring[0], STAMPER)
    refuse(issue(party, certificates=[party, *ring, tsa()]), "maximum signature check limit")


@pytest.mark.parametrize("roots", [[], [b""], [b"-----BEGIN CERTIFICATE-----"]])
def test_roots_that_are_none_are_malformed(roots: list[bytes]) -> None:
    with pytest.raises(MalformedError, match="trusted roots"):
        verify_token(issue(), message=MESSAGE, roots=roots)


# Who did sign


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
        "RSA 1024": enrol("TSA", root(), STAMPER, key=rsa.generate_private_key(65537, 1024)),  # noqa: S505
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
    point = numbers.x.to_bytes(32)  # type: ignore[union-attr]
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


# What is a token


@pytest.mark.parametrize("count", [0, 2])
def test_no_signer_or_two_are_malformed(count: int) -> None:
    content = tst_info()
    signers = [signer_info(party, content, {}) for party in (tsa(), enrol("TSA 2", root(), STAMPER))[:count]]
    signers.sort(key=asn1.encode_der)
    with pytest.raises(MalformedError, match="one SignerInfo"):
        verify(issue(content=content, signers=SetOf(signers)))


@pytest.mark.parametrize(
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
