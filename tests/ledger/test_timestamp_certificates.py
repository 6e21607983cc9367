"""A timestamp counts only by a certificate that may stamp, issued by those who may issue it, under a trusted root."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.asn1 import GeneralizedTime
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ObjectIdentifier as Oid
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.stamping import (
    AUTHORITY,
    MESSAGE,
    STAMPER,
    STAMPING,
    Extensions,
    enrol,
    issue,
    needs_openssl,
    openssl_accepts,
    refuse,
    root,
    tsa,
    tst_info,
    usage,
    verify,
)

from hefu_ledger.encoding import parse_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.timestamp.token import verify_token

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
