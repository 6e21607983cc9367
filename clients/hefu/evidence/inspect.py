"""``hefu inspect``: the contents of evidence, unverified; the answer says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefu.evidence.compare import read_end
from hefu.evidence.verify import is_bundle, read_evidence
from hefu.ui.language import say
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.bundle import read_header, read_texts
from hefu_ledger.deposit.card import parse_section
from hefu_ledger.deposit.evidence import parse_evidence
from hefu_ledger.deposit.receipt import Proof, Receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.encoding import format_time, parse_canonical
from hefu_ledger.number import format_number
from hefu_ledger.records.identity import MAX_IDENTITY
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.verify.carried import Carried


def inspect(path: str, *, roots: Sequence[bytes] = ()) -> dict[str, Any]:
    """The contents of an evidence file or a bundle, as a JSON value.

    ``roots``: DER certificates of timestamp authorities; with some, the timestamps that hold by them are told.
    """
    said, receipt = _bundle(path) if is_bundle(path) else _evidence(path)
    said |= _receipt(receipt)
    if roots:
        from hefu.evidence.stamps import stamps_of

        said["timestamped"] = [stamp._asdict() for stamp in stamps_of(receipt.proofs, roots)]
    return {"verified": False, "note": say("inspect.unverified")} | said


def _bundle(path: str) -> tuple[dict[str, Any], Receipt]:
    with open(path, "rb") as file:
        header = read_header(file)
        for _ in read_texts(file, header.count):
            pass
        receipt = read_end(file)
    return {"kind": "bundle", "documents": header.count} | _identity(header.identity), receipt


def _evidence(path: str) -> tuple[dict[str, Any], Receipt]:
    evidence = parse_evidence(read_evidence(path))
    card = {
        name: parse_section(name, section.text) if isinstance(section, OpenedSection) else "closed"
        for name, section in zip(("document", "label", "circumstances"), evidence.sections, strict=True)
    }
    said: dict[str, Any] = {"kind": "evidence", "card": card, "index": evidence.index}
    return said | _identity(evidence.identity), evidence.receipt


def _identity(opened: OpenedSection | None) -> dict[str, Any]:
    return {} if opened is None else {"identity": parse_canonical(opened.text.encode(), limit=MAX_IDENTITY)}


def _receipt(receipt: Receipt) -> dict[str, Any]:
    note, statement = parse_signed_statement(receipt.statement.encode())
    acceptance = parse_acceptance(parse_note(receipt.acknowledgement.encode()).text)
    carried = Carried(receipt)
    genesis = carried.genesis
    return {
        "origin": statement.origin,
        "depositor": statement.depositor,
        "declared_count": statement.count,
        "number": format_number(genesis.number_prefix, acceptance.seq),
        "times": {
            "received_at": [format_time(acceptance.received_at), "the service"],
            "sealed_at": [format_time(carried.batch.record.recorded_at), "the ledger"],
        },
        "signed_by": [line.name for line in note.signatures],
        "log_fingerprint": genesis.log.fingerprint,
        "proofs": _proofs(receipt.proofs),
    }


def _proofs(proofs: Sequence[Proof]) -> list[dict[str, Any]]:
    said = []
    for proof in proofs:
        checkpoint = parse_proof(proof.proof.encode()).checkpoint
        names = [line.name for line in checkpoint.signatures]
        size = parse_checkpoint(checkpoint.text).size
        said.append({"checkpoint_size": size, "signed_by": names, "timestamps": len(proof.tokens)})
    return said
