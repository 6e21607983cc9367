"""Enrolment 实名登记: the operator issues a one-time code, the enterprise enrols a key with it; keys end here too.

Each enrolment and key event takes its ``from_seq`` under the intake lock, so every deposit is clearly before or after.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from hefu_ledger.errors import VerificationError
from hefu_ledger.records.bodies import OPERATOR, Enrolment, KeyEvent
from hefu_ledger.records.identity import Identity, format_identity, parse_identity
from hefu_ledger.records.keyrequest import COMPROMISED, RETIRE
from hefu_ledger.records.possession import Possession, parse_signed_possession
from hefu_ledger.records.role import PREPARE
from hefu_ledger.records.roster import MAX_SIGNATURES, NO_ROSTER, Roster, key_bytes
from hefu_ledger.section import OpenedSection, close
from hefu_ledger.tlog.ed25519 import check_prime_order
from hefu_ledger.tlog.keys import VerifierKey, format_vkey
from hefu_ledger.tlog.note import Note, judge_lines
from hefu_ledger.uscc import parse_uscc
from hefu_service.intake.event import add_event
from hefu_service.intake.keys import Keys, event_body, keys_ever, keys_of, need_keys, next_roster
from hefu_service.intake.refusals import (
    CodeRefusedError,
    ConflictError,
    KeyNotInForceError,
    PossessionRefusedError,
    UnknownDepositorError,
)
from hefu_service.intake.register import check_known, check_reasons
from hefu_service.intake.request_time import check_requested_at
from hefu_service.intake.statement_texts import keep_earlier
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Code, Depositor, Event
from hefu_service.ports.store import Intake, View
from hefu_service.services import Services

CODE_VALID_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Invitation:
    """The members of a possession note 持钥声明 that the holder of a code is to sign, besides its key and the time."""

    depositor: str
    origin: str
    identity: OpenedSection
    role: str
    signatures_required: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer to a possession note; ``again``: it was given before. ``event`` numbers the depositor's events.

    It shows no identity: a code that has been used, in a mail or in a shell's history, tells nothing.
    """

    depositor: str
    event: int
    origin: str
    from_seq: int
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
    role: str = PREPARE,
    another_identity: str | None = None,
    another_check_character: str | None = None,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Make a depositor for an organisation whose identity was verified, and return its code, valid for 7 days.

    ``uscc`` in its plain form, or MalformedError. ``method`` and ``verified_by`` say how it was verified and by whom.
    ConflictError where the organisation is known, without ``another_identity``, the reason; MalformedError where the
    check character of ``uscc`` is wrong, without ``another_check_character``. Reasons are kept where they are needed.
    """
    if not 1 <= signatures_required <= MAX_SIGNATURES:
        raise ValueError(f"a statement needs 1 to {MAX_SIGNATURES} signatures, not {signatures_required}")
    check_reasons(another_identity, another_check_character)
    odd = parse_uscc(uscc, any_check_character=another_check_character is not None).other_check_character
    now_ms = services.clock.now_ms()
    identity = Identity(method=method, name=name, uscc=uscc, verified_at=now_ms, verified_by=verified_by)
    text = format_identity(identity)
    parse_identity(text)  # a text that no verifier can read is refused here
    with services.store.intake() as intake:
        known = check_known(intake, uscc, another_identity, now_ms)
        depositor = Depositor(
            id=_letters(random_bytes(10)),
            identity_nonce=random_bytes(32),
            identity_text=text,
            signatures_required=signatures_required,
            another_identity=another_identity if known else None,
            another_check_character=another_check_character if odd else None,
        )
        intake.add_depositor(depositor)
        return _put_code(intake, depositor.id, role, now_ms, random_bytes)


def reissue_code(
    services: Services,
    depositor: str,
    *,
    role: str = PREPARE,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Replace a depositor's code, for one that was lost or has expired, or for a further key in a role."""
    now_ms = services.clock.now_ms()
    with services.store.intake() as intake:
        _known_depositor(intake, depositor)
        return _put_code(intake, depositor, role, now_ms, random_bytes)


def invite(services: Services, code: str) -> Invitation:
    """Invite the holder of an unused code to sign; CodeRefusedError for a code that is wrong, expired or used."""
    with services.store.view() as view:
        known = _check_code(view, code)
        if known.used_for is not None or services.clock.now_ms() > known.expires_at:
            raise CodeRefusedError("the code is wrong or has expired")
        return _invitation(services, view, known)


def enrol(services: Services, possession: bytes, *, code: str | None = None) -> Enrolled:
    """Enrol the key of a possession note, by a one-time code or by the lines of the depositor's own keys.

    The same note again gets the same answer, and so does the same code and key. Raises MalformedError,
    CodeRefusedError, ConflictError (code used for another key; key enrolled before), RequestTimeError or
    PossessionRefusedError.
    """
    note, claim = parse_signed_possession(possession)
    now_ms = services.clock.now_ms()
    with services.store.view() as view:  # a stranger takes no lock that deposits wait for
        if code is None:
            _check_vouched(view, note, claim)
        else:
            _check_code(view, code)
    with services.store.intake() as intake:
        known = None if code is None else _check_code(intake, code)
        if claim.origin != services.origin or (known is not None and claim.depositor != known.depositor):
            wanted = "a depositor" if known is None else known.depositor
            raise PossessionRefusedError(f"the possession note must be of {wanted} at {services.origin}")
        done = _done_before(intake, claim, possession, known)
        if done is not None:
            return _answer(services, done, again=True)
        check_requested_at(claim.requested_at, lines=len(note.signatures), now_ms=now_ms)
        if known is None:
            event = _add_vouched(services, intake, claim, possession)
        else:
            event = _add_by_code(services, intake, claim, possession, known)
        return _answer(services, event, again=False)


def check_compromise(roster: Roster, vkey: VerifierKey, since: int) -> None:
    """Check that a report says more than an earlier one did: of several times the earliest counts."""
    earlier = roster.reported_since(key_bytes(vkey))
    if earlier is not None and earlier <= since:
        raise ConflictError(f"key {vkey.key_id.hex()} was reported as compromised before")


def retire_key(services: Services, depositor: str, vkey: VerifierKey, *, reason: str) -> None:
    """End a key at the next deposit, on the operator's word. Raises KeyNotInForceError if it has ended before."""
    with services.store.intake() as intake:
        keys = _keys_with(intake, depositor, vkey)
        if keys.roster.find(key_bytes(vkey)) is None:
            raise KeyNotInForceError(f"key {vkey.key_id.hex()} has ended already")
        body = KeyEvent(RETIRE, OPERATOR, keys.event + 1, _next_seq(intake), reason, NO_ROSTER, vkey)
        end_key(services, intake, depositor, keys, body)


def report_compromised(services: Services, depositor: str, vkey: VerifierKey, *, reason: str, since: int) -> None:
    """Record that a key, ended or not, may have been in other hands since ``since`` (ms); it ends now."""
    with services.store.intake() as intake:
        keys = _keys_with(intake, depositor, vkey)
        check_compromise(keys.roster, vkey, since)
        body = KeyEvent(COMPROMISED, OPERATOR, keys.event + 1, _next_seq(intake), reason, NO_ROSTER, vkey, since)
        end_key(services, intake, depositor, keys, body)


def end_key(services: Services, intake: Intake, depositor: str, keys: Keys, body: KeyEvent) -> Event:
    """Add the event that ends a key, with the roster that it leads to; VerificationError where it breaks a rule."""
    roster = next_roster(keys, body, origin=services.origin, depositor=depositor)
    return add_event(intake, body._replace(roster=roster), depositor=depositor, vkey=format_vkey(body.vkey))


def _letters(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _put_code(intake: Intake, depositor: str, role: str, now_ms: int, random_bytes: Callable[[int], bytes]) -> str:
    secret = _letters(random_bytes(20))
    intake.put_code(Code(depositor, sha256(secret.encode()).digest(), now_ms + CODE_VALID_MS, None, role))
    return f"{depositor}.{secret}"


def _check_code(view: View, code: str) -> Code:
    depositor, _, secret = code.partition(".")
    known = view.code(depositor)
    found = sha256(secret.encode(errors="replace")).digest()
    if not compare_digest(found, known.secret_hash if known else bytes(32)) or known is None:
        raise CodeRefusedError("the code is wrong or has expired")
    return known


def _invitation(services: Services, view: View, known: Code) -> Invitation:
    depositor = _known_depositor(view, known.depositor)
    keys = keys_of(view, depositor.id)
    required = keys.roster.signatures_required if keys.roster.identity else depositor.signatures_required
    identity = OpenedSection(depositor.identity_nonce, depositor.identity_text)
    return Invitation(depositor.id, services.origin, identity, known.role, required)


def _done_before(view: View, claim: Possession, possession: bytes, known: Code | None) -> Event | None:
    """The enrolment that the same note made before, or that the same code made for the same key."""
    vkey = format_vkey(claim.key)
    if known is not None and known.used_for is not None and known.used_for != vkey:
        raise ConflictError("the code was used for another key; ask the operator for a new one")
    for event in view.events_of(claim.depositor):
        if event.type == "enrolment" and event.vkey == vkey:
            body = event_body(event)
            same = isinstance(body, Enrolment) and body.possession == possession.decode()
            if same or (known is not None and known.used_for == vkey):
                return event
    return None


def _check_vouched(view: View, note: Note, claim: Possession) -> None:
    """Refuse a note that no key of the depositor has signed, be it in force or not."""
    if not judge_lines(note, keys_ever(view, claim.depositor)).good:
        raise CodeRefusedError("without a code, keys of the depositor must vouch for the new one")


def _add_by_code(services: Services, intake: Intake, claim: Possession, possession: bytes, known: Code) -> Event:
    if services.clock.now_ms() > known.expires_at:
        raise CodeRefusedError("the code is wrong or has expired")
    wanted = _invitation(services, intake, known)
    found = (claim.identity, claim.role, claim.signatures_required)
    if found != (close(wanted.identity), wanted.role, wanted.signatures_required):
        raise PossessionRefusedError(
            "the possession note must say the identity, role and number of signatures that the code stands for"
        )
    event = _add_enrolment(services, intake, claim, possession)
    intake.put_code(replace(known, used_for=format_vkey(claim.key)))
    return event


def _add_vouched(services: Services, intake: Intake, claim: Possession, possession: bytes) -> Event:
    """Enrol a key for which the depositor's own keys vouch; the operator has no part in it, and keeps the identity."""
    depositor = intake.depositor(claim.depositor)
    if depositor is None:
        raise CodeRefusedError("without a code, keys of the depositor must vouch for the new one")
    if claim.identity != close(OpenedSection(depositor.identity_nonce, depositor.identity_text)):
        raise PossessionRefusedError("the possession note must say the identity that the operator has verified")
    event = _add_enrolment(services, intake, claim, possession)
    body = event_body(event)
    if body.roster.keys[-1].word == body.event:  # on its own word alone; the transaction is undone
        raise CodeRefusedError("without a code, as many keys of the depositor as deposits need must vouch for it")
    return event


def _add_enrolment(services: Services, intake: Intake, claim: Possession, possession: bytes) -> Event:
    keys, key = keys_of(intake, claim.depositor), claim.key
    check_prime_order(key.public)
    if any(old.key_id == key.key_id or old.public == key.public for old in keys_ever(intake, claim.depositor)):
        raise ConflictError(f"key {key.key_id.hex()} is enrolled already, or was")
    body = Enrolment(keys.event + 1, _next_seq(intake), possession.decode(), NO_ROSTER)
    try:
        roster = next_roster(keys, body, origin=services.origin, depositor=claim.depositor)
    except VerificationError as error:
        raise PossessionRefusedError(str(error)) from error
    if body.event > 0 and not keys.many:
        keep_earlier(intake, claim.depositor)
    return add_event(intake, body._replace(roster=roster), depositor=claim.depositor, vkey=format_vkey(key))


def _answer(services: Services, event: Event, *, again: bool) -> Enrolled:
    if event.depositor is None or event.vkey is None:
        raise StorageError(f"event {event.number} is an enrolment without a depositor")
    number = event_body(event).event
    return Enrolled(event.depositor, number, services.origin, event.from_seq, event.vkey, again)


def _known_depositor(view: View, depositor: str) -> Depositor:
    known = view.depositor(depositor)
    if known is None:
        raise UnknownDepositorError(f"no depositor {depositor!r:.40} is known here")
    return known


def _keys_with(view: View, depositor: str, vkey: VerifierKey) -> Keys:
    """The depositor's keys, of which ``vkey`` is or was one."""
    if vkey not in keys_ever(view, depositor):
        raise KeyNotInForceError(f"key {vkey.key_id.hex()} was never enrolled for depositor {depositor!r:.40}")
    return need_keys(view, depositor)


def _next_seq(view: View) -> int:
    return view.intake_head().next_seq
