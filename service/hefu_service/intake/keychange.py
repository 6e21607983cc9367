"""A depositor's own requests about its keys: a key in force ends others, or itself. Keys come by enrolment alone.

The rules are the fold's, and every verifier applies them again. The further checks here protect the depositor from
mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

from hefu_ledger.errors import VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import KeyEvent
from hefu_ledger.records.keyrequest import ADD, RETIRE, parse_signed_key_request
from hefu_ledger.records.role import APPROVE
from hefu_ledger.records.roster import NO_ROSTER, Roster, key_bytes
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, judge_lines
from hefu_service.intake.enrolment import check_compromise, end_key
from hefu_service.intake.keys import Keys, event_body, keys_ever, need_keys
from hefu_service.intake.refusals import ConflictError, KeyNotInForceError, SignatureRefusedError, WrongLedgerError
from hefu_service.intake.request_time import check_requested_at
from hefu_service.ports.rows import Event
from hefu_service.ports.store import Intake, View
from hefu_service.services import Services


@dataclass(frozen=True, slots=True)
class Changed:
    """A key that ended, effective from deposit ``from_seq`` on; ``again``: the same request had ended it before."""

    action: str
    depositor: str
    event: int
    from_seq: int
    vkey: str
    again: bool


def change_key(services: Services, data: bytes) -> Changed:
    """Carry out a key request 密钥变更申请 (a note), durably; the same bytes again are the same change.

    Raises MalformedError, WrongLedgerError, UnknownDepositorError, RequestTimeError, KeyNotInForceError (a signer, or
    the key to end), SignatureRefusedError (also if no approver stands by a ``since`` of the past), or ConflictError:
    the last key.
    """
    note, request = parse_signed_key_request(data)
    depositor = _depositor(request.vkey, services.origin)
    if request.action == ADD:
        raise ConflictError("a key comes by a possession note that keys in force sign as well, see POST /v1/enrolments")
    with services.store.view() as view:  # a stranger's note takes no lock that deposits wait for
        _check_signed(view, note, data.decode(), depositor)
    with services.store.intake() as intake:
        keys = need_keys(intake, depositor)
        known = _done_before(intake, depositor, data.decode())
        if known is not None:
            return _answer(known, depositor, again=True)
        check_requested_at(request.requested_at, lines=len(note.signatures), now_ms=services.clock.now_ms())
        body = KeyEvent(
            action=request.action,
            by=data.decode(),
            event=keys.event + 1,
            from_seq=intake.intake_head().next_seq,
            reason=request.reason,
            roster=NO_ROSTER,
            vkey=request.vkey,
            since=request.since,
        )
        _check_signers(keys.roster, note, request.vkey.name)
        _check_key(intake, keys, body, depositor)
        event = _carry_out(services, intake, keys, body, depositor)
    return _answer(event, depositor, again=False)


def _depositor(vkey: VerifierKey, origin: str) -> str:
    depositor = vkey.name.rpartition("/")[2]
    if vkey.name != depositor_key_name(origin, depositor):
        raise WrongLedgerError(f"the request is about a key of {vkey.name!r:.200}, this is the ledger {origin!r}")
    return depositor


def _check_signed(view: View, note: Note, by: str, depositor: str) -> None:
    """Refuse a request that no key of the depositor has signed, be it in force or not."""
    need_keys(view, depositor)
    if _done_before(view, depositor, by) is not None:
        return
    lines = judge_lines(note, keys_ever(view, depositor))
    if not lines.good:
        refusal = KeyNotInForceError if lines.unknown else SignatureRefusedError
        raise refusal("the request is signed by no key that was ever enrolled for the depositor")


def _done_before(view: View, depositor: str, by: str) -> Event | None:
    for event in view.events_of(depositor):
        body = event_body(event) if event.type == "key" else None
        if isinstance(body, KeyEvent) and body.by == by:
            return event
    return None


def _answer(event: Event, depositor: str, *, again: bool) -> Changed:
    body = event_body(event)
    action = body.action if isinstance(body, KeyEvent) else ""
    return Changed(action, depositor, body.event, event.from_seq, event.vkey or "", again)


def _check_signers(roster: Roster, note: Note, name: str) -> None:
    """Refuse a line by a key that is not in force, and name the key: the roster's own error would call it unknown."""
    known = {(key.name, key.key_id) for key in roster.verifier_keys(name)}
    for line in note.signatures:
        if (line.name, line.key_id) not in known:
            raise KeyNotInForceError(
                f"key {line.key_id.hex()} of {line.name!r:.200} is unknown, retired or not the depositor's"
            )


def _check_key(view: View, keys: Keys, body: KeyEvent, depositor: str) -> None:
    key = body.vkey
    in_force = keys.roster.find(key_bytes(key)) is not None
    if not in_force and key not in keys_ever(view, depositor):
        raise KeyNotInForceError(f"key {key.key_id.hex()} was never enrolled for this depositor")
    if body.action == RETIRE and not in_force:
        raise KeyNotInForceError(f"key {key.key_id.hex()} has ended already")
    if body.since is not None:
        check_compromise(keys.roster, key, body.since)


def _carry_out(services: Services, intake: Intake, keys: Keys, body: KeyEvent, depositor: str) -> Event:
    """Change the roster as every verifier will; refuse to retire the last key, or the last that approves.

    No other key could vouch for a new one then. A compromised key must end even so, and the operator has to help.
    """
    try:
        event = end_key(services, intake, depositor, keys, body)
    except VerificationError as error:
        raise SignatureRefusedError(str(error)) from error
    after = event_body(event).roster
    last = "key" if not after.keys else "approver" if APPROVE in keys.roster.roles() - after.roles() else None
    if body.action == RETIRE and last is not None:
        raise ConflictError(f"it is the last {last} in force; add another before, or ask the operator to retire it")
    return event
