"""A depositor's people as the ledger knows them: keys with their roles; keys that come with vouchers, and that end.

Who is behind a key stands nowhere but in labels, which are private: the ledger has numbers alone.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from hefu.errors import ClientError
from hefu.files.atomic import PUBLIC, replace
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.home.labels import Label, append_label, read_labels
from hefu.home.settings import keep_label
from hefu.keys.roster import Keys, Member, fetch_enrolment, read_keys
from hefu.service import JSON, Service
from hefu.ui.language import say
from hefu_ledger.encoding import canonical, format_time
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.keyrequest import (
    COMPROMISED,
    RETIRE,
    KeyRequest,
    format_key_request,
    parse_key_request,
)
from hefu_ledger.records.possession import MAX_POSSESSION, Possession, parse_signed_possession
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.role import APPROVE
from hefu_ledger.records.signatures import verify_lines
from hefu_ledger.section import close
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, format_note, sign_note

_LABEL: Final = "key/"
_PATIENCE_S: Final = 30.0  # the service has the request, durably; waiting only lets every computer see it
_PAUSE_S: Final = 0.25


class Person(NamedTuple):
    """A key, ``key`` being its id in hex. ``state``: in force, retired or compromised. ``this``: this computer's own.

    ``word``: the event on the operator's word for which the key's chain of vouchers rests; 0 is the first enrolment.
    Texts are empty where there is none.
    """

    key: str
    fingerprint: str
    role: str
    state: str
    word: int
    compromised_since: str
    label: str
    this: bool


class Request(NamedTuple):
    """A possession note that was carried here, as a voucher sees it before signing. ``key``: id in hex.

    ``signed_by``: ids of the keys of the depositor that vouch so far; ``needed``: how many must.
    """

    key: str
    fingerprint: str
    role: str
    name: str
    signatures: int
    requested_at: str
    signed_by: tuple[str, ...]
    needed: int


class Vouched(NamedTuple):
    """The outcome of vouching. ``added``: the key is on the ledger; else ``file`` goes on to the next voucher."""

    request: Request
    added: bool
    file: str


def people(home: Home, service: Service) -> list[Person]:
    """Every key that the depositor ever had, in the ledger's order."""
    labels = {label.target: label.text for label in read_labels(home.path)}
    return [_person(member, home, labels) for member in read_keys(home.reader, service).members]


def read_request(home: Home, service: Service, path: str) -> Request:
    """Read a carried request for a key, and check it against this depositor: nothing is signed.

    ClientError where it is another depositor's, says another identity or number of signatures, or is not in order.
    """
    note, possession = _read_note(path)
    keys = read_keys(home.reader, service)
    return _check_request(home, keys, note, possession, path)


def vouch(home: Home, service: Service, path: str, *, fingerprint: str, label: str = "") -> Vouched:
    """Sign a carried request for a key, whose ``fingerprint`` (hex) a person has compared.

    Once enough keys have signed, the service enrols the key; until then the file at ``path`` gains this line, to be
    carried to the next voucher. Signing twice changes nothing.
    """
    note, possession = _read_note(path)
    keys = read_keys(home.reader, service)
    request = _check_request(home, keys, note, possession, path)
    if request.fingerprint != fingerprint.lower():
        raise ClientError(say("key.other_fingerprint", path=printable(path), fingerprint=request.fingerprint))
    mine = home.signer.key.key_id.hex()
    if mine not in request.signed_by:
        note = Note(note.text, (*note.signatures, *sign_note(note.text, [home.signer]).signatures))
        request = request._replace(signed_by=(*request.signed_by, mine))
    if label:
        _keep_label(home, possession.key, label)
    if not _is_enough(keys, request):
        replace(path, format_note(note), mode=PUBLIC)
        return Vouched(request, added=False, file=path)
    send_enrolment(home, service, format_note(note).decode())
    return Vouched(request, added=True, file=path)


def end_key(home: Home, service: Service, key: str, *, reason: str, since: int | None = None) -> VerifierKey:
    """Retire a key, or report that it may have been in other hands since ``since`` (ms); ``key``: its id in hex."""
    members = read_keys(home.reader, service).members
    found = [member.key for member in members if member.key.key_id.hex() == key.lower()]
    if not found:
        known = ", ".join(member.key.key_id.hex() for member in members)
        raise ClientError(say("key.unknown", key=printable(key), known=known))
    action = RETIRE if since is None else COMPROMISED
    request = _text(KeyRequest(action, reason, time.time_ns() // 1_000_000, found[0], since))
    by = format_note(sign_note(request, [home.signer])).decode()
    service.post("/v1/keys", canonical({"request": by}), JSON)
    _wait_for(home, service, by)
    return found[0]


def send_enrolment(home: Home, service: Service, possession: str) -> None:
    """Have a vouched possession note enrolled, durably, and give the ledger a while to show it."""
    service.post("/v1/enrolments", canonical({"possession": possession}), JSON)
    _wait_for(home, service, possession)


def check_in_force(home: Home, service: Service) -> None:
    """Refuse, with a ClientError that names the way out, to go on with a key that the ledger says has ended."""
    mine = read_keys(home.reader, service).member(home.signer.key)
    if mine is not None and mine.state != "in force":
        key = home.signer.key.key_id.hex()
        raise ClientError(say("key.retired" if mine.since is None else "key.reported", key=key))


def _check_request(home: Home, keys: Keys, note: Note, possession: Possession, path: str) -> Request:
    roster, shown = keys.roster, printable(path)
    if (possession.origin, possession.depositor) != (home.config.origin, home.config.depositor):
        raise ClientError(say("key.other_firm", path=shown, depositor=home.config.depositor))
    if possession.identity != close(home.config.identity):
        raise ClientError(say("key.other_identity", path=shown))
    if possession.signatures_required != roster.signatures_required:
        raise ClientError(
            say("key.other_number", path=shown, found=possession.signatures_required, now=roster.signatures_required)
        )
    if not keys.in_force(home.signer.key):
        raise ClientError(say("approve.not_mine"))
    if keys.member(possession.key) is not None:
        raise ClientError(say("key.twice", key=possession.key.key_id.hex()))
    name = possession.key.name
    try:
        lines = verify_lines(note, [possession.key, *roster.verifier_keys(name)])
    except LedgerError as error:
        raise ClientError(say("key.no_request", path=shown, error=error)) from None
    signed = [key.key_id.hex() for key in roster.verifier_keys(name) if bytes((key.type,)) + key.public in lines]
    return Request(
        key=possession.key.key_id.hex(),
        fingerprint=possession.key.fingerprint,
        role=possession.role,
        name=home.config.name,
        signatures=possession.signatures_required,
        requested_at=format_time(possession.requested_at),
        signed_by=tuple(signed),
        needed=min(keys.event + 1, roster.signatures_required),
    )


def _is_enough(keys: Keys, request: Request) -> bool:
    """Whether as many keys have signed as deposits need, one that approves among them where there is one."""
    approvers = {member.key.key_id.hex() for member in keys.members if _approves(keys, member)}
    return len(request.signed_by) >= request.needed and (not approvers or bool(approvers & {*request.signed_by}))


def _approves(keys: Keys, member: Member) -> bool:
    return member.role == APPROVE and keys.in_force(member.key)


def _person(member: Member, home: Home, labels: dict[str, str]) -> Person:
    key = member.key.key_id.hex()
    return Person(
        key=key,
        fingerprint=member.key.fingerprint,
        role=member.role,
        state=member.state,
        word=member.word,
        compromised_since="" if member.since is None else format_time(member.since),
        label=labels.get(_LABEL + key, ""),
        this=member.key == home.signer.key,
    )


def _read_note(path: str) -> tuple[Note, Possession]:
    with open(path, "rb") as file:
        data = file.read(MAX_POSSESSION + 1)
    try:
        return parse_signed_possession(data)
    except LedgerError as error:
        raise ClientError(say("key.no_request", path=printable(path), error=error)) from None


def _text(request: KeyRequest) -> str:
    try:
        text = format_key_request(request)
        parse_key_request(text)  # a request that can be written may be longer than one that is read
    except MalformedError:
        raise ClientError(say("key.reason")) from None
    return text


def _wait_for(home: Home, service: Service, note: str) -> None:
    waited_s = 0.0
    while not _is_shown(home, service, note) and waited_s < _PATIENCE_S:
        service.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def _is_shown(home: Home, service: Service, note: str) -> bool:
    for data in fetch_enrolment(service, home.policy, home.config.depositor).records:
        body = parse_record(data).body
        if isinstance(body, Enrolment) and body.possession == note:
            return True
        if isinstance(body, KeyEvent) and body.by == note:
            return True
    return False


def _keep_label(home: Home, key: VerifierKey, text: str) -> None:
    label = Label(time.time_ns() // 1_000_000, _LABEL + key.key_id.hex(), text)
    append_label(home.path, label)
    keep_label(home.path, label)
