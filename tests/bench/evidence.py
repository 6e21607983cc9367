"""Evidence files verified a second, against the bare Ed25519 and SHA-256 work that each of them holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.bench.measure import Result, rate, seconds
from tests.support.sample_ledger import ACKNOWLEDGEMENT, LOG, POLICY, depositor_signer, digests, sample

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.digest import Digests
from hefu_ledger.records.bodies import Enrolment
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.note import Note, parse_note
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.verify import verify_evidence

COUNT = 500


def evidence_verified(_scratch: Path) -> Iterator[Result]:
    """One document of a folder, with one enrolment record: four signatures and the hashes of its paths."""
    ledger = sample()
    evidence = ledger.evidence(1, 3, ledger.receipt(1, [1]))
    data, document = format_evidence(evidence), digests(b"formula 3")

    def verify() -> None:
        for _ in range(COUNT):
            verify_once(data, document)

    records = [parse_record(text.encode()).body for text in evidence.receipt.records]
    possession = next(body.possession for body in records if isinstance(body, Enrolment))
    signed = [
        (depositor_signer("acme").key.public, parse_note(evidence.receipt.statement.encode())),
        (ACKNOWLEDGEMENT.key.public, parse_note(evidence.receipt.acknowledgement.encode())),
        (depositor_signer("acme").key.public, parse_note(possession.encode())),
        (LOG.key.public, parse_proof(evidence.receipt.proofs[0].proof.encode()).checkpoint),
    ]
    hashes = 40  # paths, section HMACs, record and note hashes of this file

    def bare() -> None:
        for _ in range(COUNT):
            for public, note in signed:
                bare_signature(public, note)
            for _ in range(hashes):
                hashlib.sha256(bytes(65)).digest()

    what = f"{len(signed)} bare Ed25519 verifications and {hashes} SHA-256"
    yield rate("evidence_verified", COUNT, seconds(verify), seconds(bare), "files/s", what)


def verify_once(data: bytes, document: Digests) -> None:
    """Verify one file; a benchmark of refusals would be worth nothing."""
    if verify_evidence(data, document=document, policy=POLICY).verdict != "proven":
        raise RuntimeError("the evidence does not verify")


def bare_signature(public: bytes, note: Note) -> None:
    """The least that checking a note's first line can take."""
    Ed25519PublicKey.from_public_bytes(public).verify(note.signatures[0].signature, note.text.encode())
