"""Enrolling and depositing in this process, with the service's own use cases and no HTTP."""

from __future__ import annotations

from hashlib import sha256

from hefu_ledger.deposit.statement import Statement, format_statement
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.section import close
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.merkle import leaf_hash
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Accepted, Committer
from hefu_service.intake.enrolment import enrol as enrol_key
from hefu_service.intake.enrolment import invite, issue_code
from hefu_service.services import Services


def enrol(services: Services, label: str = "") -> Ed25519Signer:
    """A depositor with one key, whose seed is known to nobody but this test."""
    code = issue_code(
        services,
        name="上海某某化妆品有限公司",
        uscc="91310120MA1HP00194",
        method="营业执照核验",
        verified_by="工作站",
        another_identity="tests",
    )
    depositor = code.partition(".")[0]
    name = depositor_key_name(services.origin, depositor)
    signer = Ed25519Signer(name, sha256(f"{depositor} {label}".encode()).digest())
    asked = invite(services, code)
    claim = Possession(
        depositor=depositor,
        identity=close(asked.identity),
        origin=services.origin,
        requested_at=services.clock.now_ms(),
        signatures_required=asked.signatures_required,
        key=signer.key,
        role=asked.role,
    )
    enrol_key(services, format_note(sign_note(format_possession(claim), [signer])), code=code)
    return signer


def make_statement(signer: Ed25519Signer, number: int) -> bytes:
    """A signed statement of one document."""
    origin, _, depositor = signer.key.name.rpartition("/depositor/")
    root = leaf_hash(sha256(b"%d" % number).digest())
    return format_note(sign_note(format_statement(Statement(1, depositor, "file", origin, root)), [signer]))


def submit(services: Services, signer: Ed25519Signer, number: int) -> Accepted:
    """Deposit one document."""
    return FrontDoor(Committer(services)).accept([make_statement(signer, number)])[0]
