"""What the service answers, checked before it is believed: the acknowledgement 收讫回执, the receipt 入账证明."""

from __future__ import annotations

from hefu.home import Home, Reader
from hefu_ledger.acceptance import Acceptance, parse_acceptance
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.note import parse_note, verify_note
from hefu_ledger.receipt import Receipt
from hefu_ledger.statement import statement_id
from hefu_ledger.verdict import CANNOT, FAILED, NOT_PROVEN, PROVEN, Verdict
from hefu_ledger.verify import Folder, verify_folder


def verify_acknowledgement(data: bytes, *, statement: bytes, home: Home | Reader) -> Acceptance:
    """Check that it is of this statement, signed by the key of genesis, with no longer a delay than genesis allows."""
    note = parse_note(data)
    acceptance = parse_acceptance(note.text)
    verified, unknown = verify_note(note, [home.genesis.acknowledgement])
    if unknown or not verified:
        raise VerificationError("acknowledgement: not signed by the key that genesis names, and by it alone")
    expected = (home.config.origin, home.config.depositor, statement_id(statement).hex())
    found = (acceptance.origin, acceptance.depositor, acceptance.statement.hex())
    if found != expected:
        raise VerificationError("acknowledgement", expected=" ".join(expected), found=" ".join(found))
    longest = acceptance.received_at + home.genesis.longest_delay_ms
    if not acceptance.received_at <= acceptance.anchor_by <= longest:
        limit, by = format_time(longest), format_time(acceptance.anchor_by)
        raise VerificationError("acknowledgement: promised for", expected=f"at latest {limit}", found=by)
    return acceptance


def verify_answer(
    receipt: Receipt, folder: Folder, *, statement: bytes, acknowledgement: bytes, home: Home | Reader
) -> Verdict:
    """Check that a receipt proves this very deposit under the home's policy, and keeps to what was acknowledged."""
    if receipt.statement.encode() != statement:
        raise VerificationError("receipt: it is of another statement")
    if parse_note(receipt.acknowledgement.encode()).text != parse_note(acknowledgement).text:
        raise VerificationError("receipt: it carries another acknowledgement than the one we were given; keep both")
    verdict = verify_folder(receipt, folder=folder, identity=home.config.identity, policy=home.policy)
    if verdict.verdict != PROVEN:
        reasons = "; ".join(step.en for step in verdict.steps if step.outcome in (FAILED, CANNOT))
        raise (VerificationError if verdict.verdict == NOT_PROVEN else MalformedError)(f"receipt: {reasons}")
    return verdict
