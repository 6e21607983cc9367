"""Summary of evidence, finished or on its way, for the index. Nothing here is verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from hefu.evidence.bundle import decode
from hefu.evidence.compare import name_of
from hefu.files.platform import reach
from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.bundle import read_header, read_receipt, read_statement, read_texts
from hefu_ledger.deposit.card import parse_document
from hefu_ledger.deposit.evidence import parse_evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import parse_signed_statement, statement_id
from hefu_ledger.errors import MalformedError
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.note import parse_note

_MAX_ACKNOWLEDGEMENT: Final = 65_536  # bytes


class Described(NamedTuple):
    """One document; ``sha256`` has 32 bytes."""

    position: int
    name: str
    size: int
    sha256: bytes


class Ending(NamedTuple):
    """A deposit without its documents. ``acceptance``: None where it is not acknowledged yet."""

    statement: bytes  # its SHA-256, 32 bytes
    documents: int
    previous: bytes | None
    acceptance: Acceptance | None
    anchored: bool
    stamps: int  # timestamps in the receipt


def read_described(file: BinaryIO) -> Iterator[Described]:
    """Read the documents of a bundle, finished or not; the file then stands at the statement."""
    for position, texts in enumerate(read_texts(file, read_header(file).count)):
        document, label, _ = decode(texts)
        card = parse_document(document)
        yield Described(position, name_of(label), card.size, card.sha256)


def read_finished(file: BinaryIO) -> Ending:
    """Read a bundle's last two lines."""
    read_statement(file)
    return _of_receipt(read_receipt(file))


def read_unfinished(file: BinaryIO, acknowledgement: bytes | None) -> Ending:
    """Read the statement of a bundle on its way, with the acknowledgement that lies beside it, if any."""
    return _on_its_way(read_statement(file), acknowledgement)


def acknowledgement_beside(evidence: str) -> bytes | None:
    """The acknowledgement of a deposit on its way, from the file beside its evidence; None if there is none."""
    try:
        with open(reach(f"{evidence}.ack"), "rb") as file:
            return file.read(_MAX_ACKNOWLEDGEMENT)
    except FileNotFoundError:
        return None


def read_kept(statement: bytes, receipt: Receipt | None, acknowledgement: bytes | None) -> Ending:
    """The progress of a deposit whose private half is in the vault."""
    return _of_receipt(receipt) if receipt is not None else _on_its_way(statement, acknowledgement)


def read_single(data: bytes) -> tuple[Described, Ending]:
    """Read an evidence file; MalformedError where it does not open its document and its name."""
    evidence = parse_evidence(data)
    document, label, _ = evidence.sections
    if not (isinstance(document, OpenedSection) and isinstance(label, OpenedSection)):
        raise MalformedError("evidence: it keeps the document's digests or its name closed", code="evidence-closed")
    card = parse_document(document.text)
    return Described(evidence.index, name_of(label.text), card.size, card.sha256), _of_receipt(evidence.receipt)


def _of_receipt(receipt: Receipt) -> Ending:
    data = receipt.statement.encode()
    _, statement = parse_signed_statement(data)
    acceptance = _acceptance(receipt.acknowledgement.encode())
    stamps = sum(len(proof.tokens) for proof in receipt.proofs)
    return Ending(statement_id(data), statement.count, statement.previous, acceptance, anchored=True, stamps=stamps)


def _on_its_way(data: bytes, acknowledgement: bytes | None) -> Ending:
    acceptance = None if acknowledgement is None else _acceptance(acknowledgement)
    _, statement = parse_signed_statement(data)
    return Ending(statement_id(data), statement.count, statement.previous, acceptance, anchored=False, stamps=0)


def _acceptance(data: bytes) -> Acceptance:
    return parse_acceptance(parse_note(data).text)
