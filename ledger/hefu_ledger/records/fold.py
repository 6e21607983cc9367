"""From roster to roster 密钥名册: where an enrolment or a key record of a depositor leads.

One step is a pure function of the roster before and of the record's body. A record states the roster that it leads to;
``judge`` checks that it is the fold, ``judge_alone`` makes the checks that need no record before.
"""

from __future__ import annotations

from hefu_ledger.errors import VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import OPERATOR, Enrolment, KeyEvent
from hefu_ledger.records.keyrequest import COMPROMISED, RETIRE, KeyRequest, parse_signed_key_request
from hefu_ledger.records.possession import Possession, parse_signed_possession
from hefu_ledger.records.role import APPROVE
from hefu_ledger.records.roster import MAX_KEYS, MAX_NAMED, Report, Roster, RosterKey, key_bytes
from hefu_ledger.records.signatures import verify_lines
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note

DepositorEvent = Enrolment | KeyEvent
OWN_END_MS = 60_000  # how far before its request a key may report itself, where others approve


def fold(before: Roster, body: DepositorEvent, *, origin: str, depositor: str) -> Roster:
    """The roster that a record leads to from the roster before (``NO_ROSTER``: none).

    VerificationError where the record breaks a rule; UnknownFormatError where a line by a key of a type unknown here
    would have to be judged. That the record's ``event`` follows is for the caller to ask.
    """
    if isinstance(body, Enrolment):
        after = _enrolled(before, body, origin, depositor)
    else:
        after = _ended(before, body, depositor_key_name(origin, depositor))
    if len(after.keys) + len(after.reported) > MAX_NAMED or len(after.keys) > MAX_KEYS:
        raise VerificationError(
            f"roster: at most {MAX_KEYS} keys in force, and {MAX_NAMED} with those reported", code="roster-full"
        )
    return after


def judge(before: Roster, body: DepositorEvent, *, origin: str, depositor: str) -> None:
    """Check that a record's roster is the fold from the one before."""
    if fold(before, body, origin=origin, depositor=depositor) != body.roster:
        raise VerificationError(f"event {body.event}: its roster is not what it leads to", code="roster-other")


def judge_alone(body: DepositorEvent, *, origin: str, depositor: str) -> None:
    """Check a record whose predecessor is not at hand: its own key, and the lines of keys of its roster."""
    name = depositor_key_name(origin, depositor)
    if isinstance(body, Enrolment):
        note, possession = _possession_of(body, origin, depositor)
        key = key_bytes(possession.key)
        others = (other for other in body.roster.verifier_keys(name) if other != possession.key)
        if key not in verify_lines(note, [possession.key, *others], strict=False):
            raise VerificationError("possession: the new key itself has not signed", code="possession")
        known = body.roster.find(key)
        if known is None or (known.since, known.role) != (body.event, possession.role):
            raise VerificationError(f"event {body.event}: its roster lacks the key it adds", code="roster-other")
        return
    if body.roster.find(key_bytes(body.vkey)) is not None:
        raise VerificationError(f"event {body.event}: its roster has the key it ends", code="roster-other")
    if body.by != OPERATOR:
        note, _ = _request_of(body)
        verify_lines(note, body.roster.verifier_keys(name), strict=False)


def depositor_of(body: DepositorEvent) -> tuple[str, str]:
    """Origin and depositor that a record is about, by its own words."""
    if isinstance(body, Enrolment):
        _, possession = parse_signed_possession(body.possession.encode())
        return possession.origin, possession.depositor
    origin, separator, depositor = body.vkey.name.rpartition("/depositor/")
    if not separator:
        raise VerificationError(f"key record: {body.vkey.name!r:.200} is no depositor's key", code="key-unenrolled")
    return origin, depositor


def requested_at(body: DepositorEvent) -> int | None:
    """When the note of a record was made, by its maker's clock (ms); None for the operator's word."""
    if isinstance(body, Enrolment):
        return parse_signed_possession(body.possession.encode())[1].requested_at
    return None if body.by == OPERATOR else parse_signed_key_request(body.by.encode())[1].requested_at


def _enrolled(before: Roster, body: Enrolment, origin: str, depositor: str) -> Roster:
    note, possession = _possession_of(body, origin, depositor)
    known = before.verifier_keys(possession.key.name)
    _refuse_again(possession.key, known)
    signers = verify_lines(note, [possession.key, *known])
    if key_bytes(possession.key) not in signers:
        raise VerificationError("possession: the new key itself has not signed", code="possession")
    vouchers = [key for key in before.keys if key.key in signers]
    vouched = _vouched(before, vouchers, body.event)
    if not vouched and body.event:
        _refuse_unvouched(before, possession)
    word = max(key.word for key in vouchers) if vouched else body.event
    new = RosterKey(body.event, key_bytes(possession.key), word, possession.role)
    return Roster(
        enrolment=body.event,
        identity=possession.identity,
        keys=(*before.keys, new),
        reported=before.reported,
        signatures_required=possession.signatures_required,
    )


def _possession_of(body: Enrolment, origin: str, depositor: str) -> tuple[Note, Possession]:
    note, possession = parse_signed_possession(body.possession.encode())
    if (possession.origin, possession.depositor) != (origin, depositor):
        raise VerificationError(
            "enrolment: possession",
            code="enrolment-other",
            expected=f"{origin} {depositor}",
            found=f"{possession.origin} {possession.depositor}",
        )
    return note, possession


def _refuse_again(new: VerifierKey, known: list[VerifierKey]) -> None:
    if any(key.key_id == new.key_id or key.public == new.public for key in known):
        raise VerificationError(f"key {new.key_id.hex()} was enrolled before", code="key-twice", key=new.key_id.hex())


def _vouched(before: Roster, vouchers: list[RosterKey], event: int) -> bool:
    """As many have signed as deposits need, at the beginning all there ever were, one that approves among them."""
    needed = min(event, before.signatures_required)
    approved = APPROVE not in before.roles() or any(key.role == APPROVE for key in vouchers)
    return bool(vouchers) and len(vouchers) >= needed and approved


def _refuse_unvouched(before: Roster, possession: Possession) -> None:
    """Else an operator could give a firm's depositor id another name, or a ghost the right to approve."""
    if possession.identity != before.identity:
        raise VerificationError(
            "enrolment: another identity, and too few keys of the depositor vouch for it", code="enrolment-unvouched"
        )
    if before.keys and possession.signatures_required < before.signatures_required:
        raise VerificationError(
            "enrolment: fewer signatures than before, and too few keys of the depositor vouch for it",
            code="enrolment-fewer",
        )
    if possession.role == APPROVE and APPROVE in before.roles():
        raise VerificationError(
            "enrolment: a key that approves, and none that approves vouches for it", code="enrolment-approver"
        )


def _ended(before: Roster, body: KeyEvent, name: str) -> Roster:
    key = key_bytes(body.vkey)
    if body.vkey.name != name:
        raise VerificationError(
            f"key record: {body.vkey.name!r:.200} is another depositor's key", code="key-unenrolled"
        )
    if not before.identity or (body.action == RETIRE and before.find(key) is None):
        raise VerificationError(f"key record: there is no key in force to {body.action}", code="key-none")
    if body.by != OPERATOR:
        _check_request(before, body, name)
    reported = {report.key: report.since for report in before.reported}
    if body.action == COMPROMISED and body.since is not None:
        # The earliest time stays: no later record may narrow the doubt of an earlier one.
        reported[key] = min(body.since, reported.get(key, body.since))
    return before._replace(
        keys=tuple(known for known in before.keys if known.key != key),
        reported=tuple(Report(key, since) for key, since in sorted(reported.items())),
    )


def _request_of(body: KeyEvent) -> tuple[Note, KeyRequest]:
    note, request = parse_signed_key_request(body.by.encode())
    if request != KeyRequest(body.action, body.reason, request.requested_at, body.vkey, body.since):
        raise VerificationError("key record: its request asks for something else", code="request-other")
    return note, request


def _check_request(before: Roster, body: KeyEvent, name: str) -> None:
    note, request = _request_of(body)
    signers = verify_lines(note, before.verifier_keys(name))
    roles = {key.role for key in before.keys if key.key in signers}
    if not roles:
        raise VerificationError("key record: its request is not signed by a key in force", code="request-unsigned")
    if APPROVE not in before.roles() or APPROVE in roles:
        return
    if key_bytes(body.vkey) not in signers:
        raise VerificationError(
            "key record: its request is not signed by a key that approves", code="request-unapproved"
        )
    if body.since is not None and body.since < request.requested_at - OWN_END_MS:
        raise VerificationError(
            "key record: a key that ends itself puts no past deposit in doubt, unless one that approves has signed",
            code="request-doubt",
        )
