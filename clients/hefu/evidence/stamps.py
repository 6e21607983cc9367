"""Timestamps 可信时间戳 in evidence, by the authorities that the reader trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

from hefu.files.text import as_utf8
from hefu_ledger.deposit.receipt import Proof
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.timestamp.token import verify_token
from hefu_ledger.tlog.proof import parse_proof

_LIMIT: Final = 1 << 20  # bytes of a file of certificates
_PEM: Final = b"-----BEGIN"


class Stamp(NamedTuple):
    """A timestamp that holds: the checkpoint existed no later than ``time``, by the word of ``authority``."""

    time: str
    authority: str


def read_roots(paths: Iterable[str]) -> list[bytes]:
    """Read trusted certificates (DER) from files, each DER or PEM with any number; MalformedError for another file."""
    return [root for path in paths for root in _read(path)]


def stamps_of(proofs: Sequence[Proof], roots: Sequence[bytes]) -> Iterator[Stamp]:
    """The timestamps of a receipt that hold by these roots; the others prove nothing, for or against."""
    for proof in proofs:
        message = parse_proof(proof.proof.encode()).checkpoint.text.encode()
        for token in proof.tokens:
            try:
                found = verify_token(token, message=message, roots=roots)
            except LedgerError:
                continue
            yield Stamp(format_time(found.gen_time_ms + found.accuracy_ms), found.signer)


def _read(path: str) -> list[bytes]:
    with open(path, "rb") as file:
        data = as_utf8(file.read(_LIMIT))
    try:
        found = load_pem_x509_certificates(data) if _PEM in data else [load_der_x509_certificate(data)]
    except ValueError as error:
        raise MalformedError(f"{path} holds no certificate: {error}", code="roots-none", path=path) from None
    return [certificate.public_bytes(Encoding.DER) for certificate in found]
