"""Enrolment 实名登记: the operator issues a one-time code, the enterprise enrols a key with it; keys end here too.

Each enrolment and key event takes its ``from_seq`` under the intake lock, so every deposit is clearly before or after.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from hefu_ledger.deposit.receipt import MAX_RECORDS
from hefu_ledger.errors import VerificationError
from hefu_ledger.records.identity import Identity, Possession, format_identity, parse_identity, parse_signed_possession
from hefu_ledger.records.record import MAX_SIGNATURES, OPERATOR, Enrolment, KeyEvent
from hefu_ledger.records.roster import Member
from hefu_ledger.section import OpenedSection, close
from hefu_ledger.tlog.keys import VerifierKey, format_vkey
from hefu_service.intake.event import add_event
from hefu_service.intake.keys import fold_roster
from hefu_service.intake.refusals import (
    CodeRefusedError,
    ConflictError,
    KeyNotInForceError,
    PossessionRefusedError,
    UnknownDepositorError,
)
from hefu_service.intake.statement_texts import keep_earlier
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Code, Depositor, Event
from hefu_service.ports.store import Intake, View
from hefu_service.services import Services

CODE_VALID_MS: Final = 7 * 86_400_000
_MOST_EVENTS: Final = MAX_RECORDS - 2  # a receipt holds them all, genesis and the batch


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer to an enrolment code; ``again``: it was given before."""

    depositor: str
    origin: str
    from_seq: int
    identity: OpenedSection
    vkey: str
    again: bool


def issue_code(
    services: Services,
    *,
    name: str,
    uscc: str,
    method: str,
    verified_by: str,
    signatures_required: int = 1,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Make a depositor for an organisation whose identity was verified, and return its code, valid for 7 days.

    ``uscc`` in its plain form, or MalformedError. ``method`` and ``verified_by`` say how it was verified and by whom.
    """
    if not 1 <= signatures_required <= MAX_SIGNATURES:
        raise ValueError(f"a statement needs 1 to {MAX_SIGNATURES} signatures, not {signatures_required}")
    now_ms = services.clock.now_ms()
    identity = Identity(method=method, name=name, uscc=uscc, verified_at=now_ms, verified_by=verified_by)
    text = format_identity(identity)
    parse_identity(text)  # a text that no verifier can read is refused here
    depositor = Depositor(_letters(random_bytes(10)), random_bytes(32), text, signatures_required)
    with services.store.intake() as intake:
        intake.add_depositor(depositor)
        return _put_code(intake, depositor.id, now_ms, random_bytes)


def reissue_code(
    services: Services, depositor: str, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> str:
    """Replace a depositor's code, for one that was lost or has expired, or for a further key."""
    now_ms = services.clock.now_ms()
    with services.store.intake() as intake:
        _known_depositor(intake, depositor)
        return _put_code(intake, depositor, now_ms, random_bytes)


def enrol(services: Services, code: str, possession: bytes) -> Enrolled:
    """Enrol the key of a possession note; the same code and key again get the same answer.

    Raises MalformedError, CodeRefusedError, ConflictError (code used for another key; key enrolled before) or
    PossessionRefusedError.
    """
    _, claim = parse_signed_possession(possession)
    now_ms = services.clock.now_ms()
    with services.store.view() as view:  # a stranger's code takes no lock that deposits wait for
        _check_code(view, code)
    with services.store.intake() as intake:
        known = _check_code(intake, code)
        if (claim.origin, claim.depositor) != (services.origin, known.depositor):
            raise PossessionRefusedError(f"the possession note must be of {known.depositor} at {services.origin}")
        vkey = format_vkey(claim.key)
        if known.used_for is not None:
            return _answer_again(services, intake, known, vkey)
        if now_ms > known.expires_at:
            raise CodeRefusedError("the code is wrong or has expired")
        event = _add_enrolment(services, intake, claim, possession)
        intake.put_code(replace(known, used_for=vkey))
        return _answer(services, intake, event, again=False)


def check_room(events: Sequence[Event], in_force: int) -> None:
    """Check that every receipt has room for one event more; ``in_force``: keys then, each of which must yet end."""
    if len(events) + 1 + in_force > _MOST_EVENTS:
        raise ConflictError(
            "the depositor's receipts have no room for the records of another key; begin a new depositor"
        )


def check_compromise(member: Member, since: int) -> None:
    """Check that a report says more than an earlier one did: of several times the earliest counts."""
    if member.compromised_since is not None and member.compromised_since <= since:
        raise ConflictError(f"key {member.key.key_id.hex()} was reported as compromised before")


def retire_key(services: Services, depositor: str, vkey: VerifierKey, *, reason: str) -> None:
    """End a key at the next deposit, on the operator's word. Raises KeyNotInForceError if it has ended before."""
    with services.store.intake() as intake:
        member = _member(services, intake, depositor, vkey)
        if member.until_seq is not None:
            raise KeyNotInForceError(f"key {vkey.key_id.hex()} has ended at deposit {member.until_seq} already")
        _end_key(intake, depositor, KeyEvent("retire", OPERATOR, _next_seq(intake), reason, vkey))


def report_compromised(services: Services, depositor: str, vkey: VerifierKey, *, reason: str, since: int) -> None:
    """Record that a key, ended or not, may have been in other hands since ``since`` (ms); it ends now."""
    with services.store.intake() as intake:
        check_compromise(_member(services, intake, depositor, vkey), since)
        _end_key(intake, depositor, KeyEvent("compromised", OPERATOR, _next_seq(intake), reason, vkey, since))


def _letters(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _put_code(intake: Intake, depositor: str, now_ms: int, random_bytes: Callable[[int], bytes]) -> str:
    secret = _letters(random_bytes(20))
    intake.put_code(Code(depositor, sha256(secret.encode()).digest(), now_ms + CODE_VALID_MS, None))
    return f"{depositor}.{secret}"


def _check_code(view: View, code: str) -> Code:
    depositor, _, secret = code.partition(".")
    known = view.code(depositor)
    found = sha256(secret.encode(errors="replace")).digest()
    if not compare_digest(found, known.secret_hash if known else bytes(32)) or known is None:
        raise CodeRefusedError("the code is wrong or has expired")
    return known


def _add_enrolment(services: Services, intake: Intake, claim: Possession, possession: bytes) -> Event:
    depositor = _known_depositor(intake, claim.depositor)
    head = intake.intake_head()
    body = Enrolment(
        from_seq=head.next_seq,
        identity=close(OpenedSection(depositor.identity_nonce, depositor.identity_text)),
        possession=possession.decode(),
        signatures_required=depositor.signatures_required,
    )
    events = tuple(intake.events_of(depositor.id))
    roster = fold_roster(services.origin, depositor.id, events)
    key = claim.key
    check_room(events, len(roster.keys_at(head.next_seq)) + 1)
    if any(member.key.key_id == key.key_id or member.key.public == key.public for member in roster.members):
        raise ConflictError(f"key {key.key_id.hex()} is enrolled already")
    try:
        roster.enrol(body)
    except VerificationError as error:
        raise PossessionRefusedError(str(error)) from error
    if len(roster.members) == 2:
        keep_earlier(intake, depositor.id)
    return add_event(intake, body, depositor=depositor.id, vkey=format_vkey(key))


def _answer_again(services: Services, view: View, known: Code, vkey: str) -> Enrolled:
    if known.used_for != vkey:
        raise ConflictError("the code was used for another key; ask the operator for a new one")
    events = view.events_of(known.depositor)
    event = next(event for event in events if event.type == "enrolment" and event.vkey == vkey)
    return _answer(services, view, event, again=True)


def _answer(services: Services, view: View, event: Event, *, again: bool) -> Enrolled:
    if event.depositor is None or event.vkey is None:
        raise StorageError(f"event {event.number} is an enrolment without a depositor")
    depositor = _known_depositor(view, event.depositor)
    identity = OpenedSection(depositor.identity_nonce, depositor.identity_text)
    return Enrolled(depositor.id, services.origin, event.from_seq, identity, event.vkey, again)


def _known_depositor(view: View, depositor: str) -> Depositor:
    known = view.depositor(depositor)
    if known is None:
        raise UnknownDepositorError(f"no depositor {depositor!r:.40} is known here")
    return known


def _member(services: Services, view: View, depositor: str, vkey: VerifierKey) -> Member:
    roster = fold_roster(services.origin, depositor, tuple(view.events_of(depositor)))
    member = next((member for member in roster.members if member.key == vkey), None)
    if member is None:
        raise KeyNotInForceError(f"key {vkey.key_id.hex()} was never enrolled for depositor {depositor!r:.40}")
    return member


def _next_seq(view: View) -> int:
    return view.intake_head().next_seq


def _end_key(intake: Intake, depositor: str, body: KeyEvent) -> None:
    add_event(intake, body, depositor=depositor, vkey=format_vkey(body.vkey))
