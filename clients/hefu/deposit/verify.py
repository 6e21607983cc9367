"""Verification of the service's two answers: the acknowledgement 收讫回执 and the receipt 入账证明."""

from __future__ import annotations

from hefu.evidence.bundle import Part
from hefu.home.home import Config, Home, Reader
from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.bundle import format_statement_line
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.note import judge_lines, parse_note
from hefu_ledger.verify import FolderComparison, verify_folder
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import first_receipt
from hefu_ledger.verify.verdict import CANNOT, FAILED, Verdict, why_not


def verify_acknowledgement(data: bytes, *, statement_id: str, home: Home | Reader) -> Acceptance:
    """Check an acknowledgement of a statement (hex SHA-256): the key of genesis signed it, and promised no later than
    genesis allows.

    VerificationError if not; MalformedError if it is no acknowledgement.
    """
    note = parse_note(data)
    acceptance = parse_acceptance(note.text)
    lines = judge_lines(note, [home.genesis.acknowledgement])
    if lines.failed or not lines.good:
        raise VerificationError("acknowledgement: not signed by the key that genesis names", code="acknowledgement-key")
    expected = (home.config.origin, home.config.depositor, statement_id)
    found = (acceptance.origin, acceptance.depositor, acceptance.statement.hex())
    if found != expected:
        raise VerificationError(
            "acknowledgement", code="acceptance-other", expected=" ".join(expected), found=" ".join(found)
        )
    longest = acceptance.received_at + home.genesis.longest_delay_ms
    if not acceptance.received_at <= acceptance.anchor_by <= longest:
        limit, by = format_time(longest), format_time(acceptance.anchor_by)
        raise VerificationError(
            "acknowledgement: promised for", code="delay-long", expected=f"at latest {limit}", found=by
        )
    return acceptance


def check_event(acceptance: Acceptance, config: Config) -> None:
    """Check that the acceptance of a statement by this home's key names no event from before that key."""
    if acceptance.event < config.event:
        raise VerificationError(
            "acknowledgement: event",
            code="acceptance-event",
            expected=f"at least {config.event}",
            found=f"{acceptance.event}",
        )


def verify_answer(
    receipt: Receipt, folder: FolderComparison, *, statement: bytes, acknowledgement: bytes, home: Home | Reader
) -> Verdict:
    """Check that a receipt proves this very deposit under the home's policy, and keeps to its acknowledgement."""
    if receipt.statement.encode() != statement:
        raise VerificationError("receipt: it is of another statement", code="acceptance-other")
    if parse_note(receipt.acknowledgement.encode()).text != parse_note(acknowledgement).text:
        raise VerificationError(
            "receipt: it carries another acknowledgement than the one we were given; keep both", code="acceptance-other"
        )
    verdict = verify_folder(receipt, folder=folder, identity=home.config.identity, policy=home.policy)
    if not _is_of_use(verdict):
        raise why_not(verdict)
    return verdict


def _is_of_use(verdict: Verdict) -> bool:
    """Whether evidence can be made of it: proven, or in doubt for a key that was reported, which no answer can mend."""
    outcomes = {step.step: step.outcome for step in verdict.steps}
    return FAILED not in outcomes.values() and all(step == 17 for step, found in outcomes.items() if found == CANNOT)


def check_twin(receipt: Receipt, part: Part, reader: Reader) -> Part:
    """Check that a receipt proves a deposit, though perhaps under other lines; the part with those of the receipt."""
    statement = receipt.statement.encode()
    if parse_note(statement).text != parse_note(part.statement).text:
        raise VerificationError("receipt: it is of another statement", code="acceptance-other")
    end = part.end - len(format_statement_line(part.statement)) + len(format_statement_line(statement))
    part = part._replace(statement=statement, end=end)
    check_receipt(receipt, part, reader)
    return part


def take_receipt(receipt: Receipt, part: Part, reader: Reader) -> Receipt:
    """A receipt that was fetched, as it is kept at first: without what no one can judge, and checked.

    Errors as of ``verify_answer``.
    """
    receipt = first_receipt(receipt, Trust(reader.policy))
    check_receipt(receipt, part, reader)
    return receipt


def check_receipt(receipt: Receipt, part: Part, reader: Reader) -> None:
    """Check that a receipt proves the deposit of this part, or raise the errors of ``verify_answer``."""
    owners = frozenset({(reader.config.origin, reader.config.depositor)})
    folder = FolderComparison(part.header.count, part.root, owners)
    acknowledgement = receipt.acknowledgement.encode()
    verify_answer(receipt, folder, statement=part.statement, acknowledgement=acknowledgement, home=reader)
