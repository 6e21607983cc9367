"""What the service answers, checked before it is believed: the acknowledgement 收讫回执, the receipt 入账证明."""

from __future__ import annotations

import re
from typing import Final

from hefu.errors import RefusedError
from hefu.evidence.bundle import Part
from hefu.home.home import Home, Reader
from hefu.service import Service
from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.bundle import format_statement_line
from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, parse_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.note import parse_note, verify_note
from hefu_ledger.verify import FolderComparison, verify_folder
from hefu_ledger.verify.verdict import PROVEN, Verdict, why_not

_CONFLICT: Final = 409
_ID: Final = re.compile(r"\b[0-9a-f]{64}\b")


def verify_acknowledgement(data: bytes, *, identity: bytes, home: Home | Reader) -> Acceptance:
    """Check that it is of the statement with this identity (32 bytes), signed by the key of genesis, with no longer a
    delay than genesis allows.
    """
    note = parse_note(data)
    acceptance = parse_acceptance(note.text)
    verified, unknown = verify_note(note, [home.genesis.acknowledgement])
    if unknown or not verified:
        raise VerificationError("acknowledgement: not signed by the key that genesis names, and by it alone")
    expected = (home.config.origin, home.config.depositor, identity.hex())
    found = (acceptance.origin, acceptance.depositor, acceptance.statement.hex())
    if found != expected:
        raise VerificationError("acknowledgement", expected=" ".join(expected), found=" ".join(found))
    longest = acceptance.received_at + home.genesis.longest_delay_ms
    if not acceptance.received_at <= acceptance.anchor_by <= longest:
        limit, by = format_time(longest), format_time(acceptance.anchor_by)
        raise VerificationError("acknowledgement: promised for", expected=f"at latest {limit}", found=by)
    return acceptance


def earlier_statement(error: RefusedError) -> str:
    """The statement, by its id (hex), under which a refused one's text was deposited before; empty if it was not."""
    found = _ID.search(error.detail) if error.status == _CONFLICT else None
    return found[0] if found else ""


def fetch_acknowledgement(identity: str, service: Service) -> bytes | None:
    """What the service promised of a statement (hex SHA-256); None if it never heard of it."""
    try:
        answer = service.get(f"/v1/deposits/{identity}")
    except RefusedError as error:
        if error.status != 404:
            raise
        return None
    return str(answer.json("deposit").get("acknowledgement")).encode()


def verify_answer(
    receipt: Receipt, folder: FolderComparison, *, statement: bytes, acknowledgement: bytes, home: Home | Reader
) -> Verdict:
    """Check that a receipt proves this very deposit under the home's policy, and keeps to what was acknowledged."""
    if receipt.statement.encode() != statement:
        raise VerificationError("receipt: it is of another statement")
    if parse_note(receipt.acknowledgement.encode()).text != parse_note(acknowledgement).text:
        raise VerificationError("receipt: it carries another acknowledgement than the one we were given; keep both")
    verdict = verify_folder(receipt, folder=folder, identity=home.config.identity, policy=home.policy)
    if verdict.verdict != PROVEN:
        raise why_not(verdict)
    return verdict


def check_twin(receipt: Receipt, part: Part, reader: Reader) -> Part:
    """Check that a receipt proves a deposit, though perhaps under other lines; the part with those of the receipt."""
    statement = receipt.statement.encode()
    if parse_note(statement).text != parse_note(part.statement).text:
        raise VerificationError("receipt: it is of another statement")
    end = part.end - len(format_statement_line(part.statement)) + len(format_statement_line(statement))
    part = part._replace(statement=statement, end=end)
    check_receipt(receipt, part, reader)
    return part


def check_receipt(receipt: Receipt, part: Part, reader: Reader) -> None:
    """Check that a receipt proves the deposit of this part, or raise what ``verify_answer`` does."""
    owners = frozenset({(reader.config.origin, reader.config.depositor)})
    folder = FolderComparison(part.header.count, part.root, owners)
    acknowledgement = receipt.acknowledgement.encode()
    verify_answer(receipt, folder, statement=part.statement, acknowledgement=acknowledgement, home=reader)


def fetch_receipt(identity: str, service: Service) -> Receipt | None:
    """A receipt from the service; None while there is none, or if the statement was never deposited.

    VerificationError for that of another statement: whoever believed it would give up the private half of that one.
    """
    try:
        answer = service.get(f"/v1/deposits/{identity}/receipt", limit=MAX_RECEIPT)
    except RefusedError as error:
        if error.status != 404:
            raise
        return None
    receipt = parse_receipt(answer.body) if answer.status == 200 else None
    if receipt is not None and statement_id(receipt.statement.encode()).hex() != identity:
        raise VerificationError("receipt: it is of another statement")
    return receipt
