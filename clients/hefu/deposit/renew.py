"""Complete evidence gains the timestamps 时间戳 that its receipt has gathered since, and never loses anything."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute
from cryptography.x509.oid import NameOID

from hefu.deposit.verify import verify_answer
from hefu.evidence.bundle import read_part
from hefu.evidence.verify import is_bundle
from hefu.files.atomic import PRIVATE, replace, sync_folder, temporary_name
from hefu.home.home import Home
from hefu.service import Service
from hefu_ledger.deposit.bundle import format_receipt_line, read_receipt
from hefu_ledger.deposit.card import commitment_of
from hefu_ledger.deposit.evidence import MAX_EVIDENCE, Evidence, format_evidence, parse_evidence
from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.deposit.statement import parse_signed_statement, statement_id
from hefu_ledger.errors import UnknownAuthorityError, UnknownFormatError
from hefu_ledger.timestamp.token import verify_token
from hefu_ledger.tlog.merkle import leaf_hash, root_of_leaves
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.verify import FolderComparison

_PIECE = 1 << 20  # bytes


class _Found(NamedTuple):
    """Finished evidence. ``end``: of a bundle, the offset of its receipt; ``evidence``: of a single document."""

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    root: bytes
    receipt: Receipt
    end: int = 0
    evidence: Evidence | None = None


def renew(home: Home, service: Service, path: str) -> bool:
    """Ask for the receipt again; where it has gained timestamps, write it into the evidence. Durable on return.

    LedgerError for a receipt that proves less than the present one: the evidence stays as it is.
    """
    found = _read(path)
    statement = found.receipt.statement.encode()
    answer = service.get(f"/v1/deposits/{statement_id(statement).hex()}/receipt", limit=MAX_RECEIPT)
    if answer.status != 200:
        return False
    receipt = parse_receipt(answer.body)
    if not _richer(receipt, found.receipt):
        return False
    folder = FolderComparison(found.count, found.root, frozenset({(home.config.origin, home.config.depositor)}))
    acknowledgement = found.receipt.acknowledgement.encode()
    verify_answer(receipt, folder, statement=statement, acknowledgement=acknowledgement, home=home)
    _verify_tokens(receipt)
    if home.vault.has(statement_id(statement).hex()):
        home.vault.keep_receipt(receipt)  # else evidence that is written again from there would have lost them
    _write(path, found, receipt)
    return True


def _read(path: str) -> _Found:
    bundle = is_bundle(path)
    with open(path, "rb") as file:
        if bundle:
            part = read_part(file)
            return _Found(part.header.count, part.root, read_receipt(file), part.end)
        evidence = parse_evidence(file.read(MAX_EVIDENCE + 1))
    _, statement = parse_signed_statement(evidence.receipt.statement.encode())
    alone = root_of_leaves(leaf_hash(commitment_of(evidence.sections)))
    # One that was cut out of a bundle leads to the root by its path, which is not looked at again here.
    return _Found(statement.count, alone if statement.count == 1 else statement.root, evidence.receipt, 0, evidence)


def _richer(new: Receipt, old: Receipt) -> bool:
    """Whether it holds every proof and timestamp of the old one, and more timestamps."""
    kept = {proof.proof: set(proof.tokens) for proof in new.proofs}
    keeps = all(set(proof.tokens) <= kept.get(proof.proof, set()) and proof.proof in kept for proof in old.proofs)
    return keeps and _stamps(new) > _stamps(old)


def _stamps(receipt: Receipt) -> int:
    return sum(len(proof.tokens) for proof in receipt.proofs)


def _verify_tokens(receipt: Receipt) -> None:
    """Refuse a timestamp of other data: a verifier that trusts its authority would report a contradiction."""
    roots = (_stranger(),)
    for proof in receipt.proofs:
        message = parse_proof(proof.proof.encode()).checkpoint.text.encode()
        for token in proof.tokens:
            with suppress(UnknownAuthorityError, UnknownFormatError):  # for the verifier to trust
                verify_token(token, message=message, roots=roots)


def _stranger() -> bytes:
    """A root certificate (DER) that no authority has: with it, all of a timestamp is checked but its authority."""
    key = Ed25519PrivateKey.generate()
    name = Name([NameAttribute(NameOID.COMMON_NAME, "no authority")])
    since, until = datetime(2000, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001 -- taken as UTC
    builder = CertificateBuilder(name, name, key.public_key(), 1, since, until)
    return builder.sign(key, None).public_bytes(Encoding.DER)


def _write(path: str, found: _Found, receipt: Receipt) -> None:
    if found.evidence is not None:
        replace(path, format_evidence(found.evidence._replace(receipt=receipt)))
        return
    temporary = temporary_name(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with open(descriptor, "wb") as target, open(path, "rb") as source:
        _copy(source, target, found.end)
        target.write(format_receipt_line(receipt))
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, path)
    sync_folder(path)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size and (piece := source.read(min(size, _PIECE))):
        target.write(piece)
        size -= len(piece)
