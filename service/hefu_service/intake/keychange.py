"""A depositor's own requests about its keys: a key in force adds others, ends them, or ends itself.

The rules are the roster's, and every verifier applies them again. The further checks here protect the depositor from
mistakes and from its own staff; no verifier can apply them, because records do not tell when a request was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hefu_ledger.errors import VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.identity import APPROVE
from hefu_ledger.records.keyrequest import MAX_REQUEST, KeyRequest, parse_key_request
from hefu_ledger.records.record import KeyEvent, parse_body
from hefu_ledger.records.roster import Roster
from hefu_ledger.tlog.keys import VerifierKey, format_vkey
from hefu_ledger.tlog.note import Note, parse_note, verify_note
from hefu_service.intake.enrolment import check_compromise, check_room
from hefu_service.intake.event import add_event
from hefu_service.intake.keys import fold_roster, roster_of
from hefu_service.intake.refusals import (
    ConflictError,
    KeyNotInForceError,
    SignatureRefusedError,
    UnknownDepositorError,
    WrongLedgerError,
)
from hefu_service.intake.statement_texts import keep_earlier
from hefu_service.ports.rows import Event
from hefu_service.ports.store import View
from hefu_service.services import Services

_LATE_MS: Final = 60_000  # how long a request may take to arrive, and how far a depositor's clock may be behind


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of a key, effective from deposit ``from_seq`` on; ``again``: the same request had made it before."""

    action: str
    depositor: str
    from_seq: int
    vkey: str
    again: bool


def change_key(services: Services, data: bytes) -> Changed:
    """Carry out a key request 密钥变更申请 (a note), durably; the same bytes again are the same change.

    Raises MalformedError, WrongLedgerError, UnknownDepositorError, KeyNotInForceError (a signer, or the key to end),
    SignatureRefusedError (also if no approver stands by a ``since`` of the past), or ConflictError: a key enrolled
    before, the last key, or no room.
    """
    note = parse_note(data, limit=MAX_REQUEST)
    request = parse_key_request(note.text)
    depositor = _depositor(request.vkey, services.origin)
    with services.store.view() as view:  # a stranger's note takes no lock that deposits wait for
        _check_signed(services, view, note, request, data.decode(), depositor)
    with services.store.intake() as intake:
        events, head = _events(intake, depositor), intake.intake_head()
        known = _done_before(events, data.decode())
        if known is not None:
            return _answer(known, request.action, depositor, again=True)
        body = _event(request, by=data.decode(), from_seq=head.next_seq)
        roster = fold_roster(services.origin, depositor, events)
        _check_signers(roster, note, body)
        _check_key(roster, body)
        approvers = roster.keys_at(head.next_seq, role=APPROVE)
        _carry_out(roster, body)
        _check_since(services, body, note, approvers)
        check_room(events, len(roster.keys_at(head.next_seq)))
        if body.action == "add" and len(roster.members) == 2:
            keep_earlier(intake, depositor)
        event = add_event(intake, body, depositor=depositor, vkey=format_vkey(body.vkey))
    return _answer(event, request.action, depositor, again=False)


def _depositor(vkey: VerifierKey, origin: str) -> str:
    depositor = vkey.name.rpartition("/")[2]
    if vkey.name != depositor_key_name(origin, depositor):
        raise WrongLedgerError(f"the request is about a key of {vkey.name!r:.200}, this is the ledger {origin!r}")
    return depositor


def _events(view: View, depositor: str) -> tuple[Event, ...]:
    events = tuple(view.events_of(depositor))
    if not events:
        raise UnknownDepositorError(f"no depositor {depositor!r:.40} is enrolled here")
    return events


def _check_signed(services: Services, view: View, note: Note, request: KeyRequest, by: str, depositor: str) -> None:
    """Refuse a request that no key of the depositor has signed, be it in force or not."""
    events = _events(view, depositor)
    if _done_before(events, by) is not None:
        return
    keys = [member.key for member in roster_of(services.origin, depositor, events).members]
    new = [request.vkey] if request.action == "add" else []
    try:
        verified, unknown = verify_note(note, [*keys, *new])
    except VerificationError as error:
        raise SignatureRefusedError(str(error)) from error
    if not any(line.key in keys for line in verified):
        refusal = KeyNotInForceError if unknown else SignatureRefusedError
        raise refusal("the request is signed by no key that was ever enrolled for the depositor")


def _event(request: KeyRequest, *, by: str, from_seq: int) -> KeyEvent:
    return KeyEvent(request.action, by, from_seq, request.reason, request.vkey, request.since, request.role)


def _done_before(events: tuple[Event, ...], by: str) -> Event | None:
    for event in events:
        body = parse_body(event.type, event.body) if event.type == "key" else None
        if isinstance(body, KeyEvent) and body.by == by:
            return event
    return None


def _answer(event: Event, action: str, depositor: str, *, again: bool) -> Changed:
    return Changed(action, depositor, event.from_seq, event.vkey or "", again)


def _check_signers(roster: Roster, note: Note, body: KeyEvent) -> None:
    """Refuse a line by a key that is not in force, and name the key: the roster's own error would call it unknown."""
    known = [*roster.keys_at(body.from_seq), *([body.vkey] if body.action == "add" else [])]
    for line in note.signatures:
        if (line.name, line.key_id) not in [(key.name, key.key_id) for key in known]:
            raise KeyNotInForceError(
                f"key {line.key_id.hex()} of {line.name!r:.200} is unknown, retired or not the depositor's"
            )


def _check_key(roster: Roster, body: KeyEvent) -> None:
    key = body.vkey
    same = [member for member in roster.members if key.key_id == member.key.key_id or key.public == member.key.public]
    if body.action == "add":
        if same:
            raise ConflictError(f"key {key.key_id.hex()} is enrolled already, or was")
        return
    if not same or same[0].key != key:
        raise KeyNotInForceError(f"key {key.key_id.hex()} was never enrolled for this depositor")
    if body.action == "retire" and same[0].until_seq is not None:
        raise KeyNotInForceError(f"key {key.key_id.hex()} has ended at deposit {same[0].until_seq} already")
    if body.since is not None:
        check_compromise(same[0], body.since)


def _check_since(services: Services, body: KeyEvent, note: Note, approvers: Sequence[VerifierKey]) -> None:
    """Where approvers exist, another key may end itself, but dating its compromise back needs an approver's line."""
    signers = [(line.name, line.key_id) for line in note.signatures]
    if body.since is None or not approvers or any((key.name, key.key_id) in signers for key in approvers):
        return
    if body.since < services.clock.now_ms() - _LATE_MS:
        raise SignatureRefusedError(
            "that a key was in other hands in the past, one that approves must sign as well, since it casts doubt on"
            " deposits: retire the key at once, and have the earlier time reported with an approver's signature"
        )


def _carry_out(roster: Roster, body: KeyEvent) -> None:
    """Change the roster as every verifier will; refuse to retire the last key, or the last that approves.

    No other key could add a new one then. A compromised key must end even so, and the operator has to help.
    """
    approvers = roster.keys_at(body.from_seq, role=APPROVE)
    try:
        roster.change(body)
    except VerificationError as error:
        raise SignatureRefusedError(str(error)) from error
    if body.action != "retire":
        return
    for left, which in (
        (roster.keys_at(body.from_seq), "key"),
        (roster.keys_at(body.from_seq, role=APPROVE), "approver"),
    ):
        if not left and (which == "key" or approvers):
            raise ConflictError(
                f"it is the last {which} in force; add another before, or ask the operator to retire it"
            )
