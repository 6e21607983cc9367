"""A depositor's people as the ledger knows them: keys with their roles, and the requests that change them.

Who is behind a key stands nowhere but in labels, which are private: the ledger has numbers alone.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from hefu.errors import ClientError
from hefu.files.scan import printable
from hefu.home.home import Home, Reader
from hefu.home.labels import Label, append_label, read_labels
from hefu.home.settings import keep_label
from hefu.keys.enrol import fetch_enrolment, fold_roster
from hefu.service import JSON, Service
from hefu.ui.language import say
from hefu_ledger.encoding import MAX_INTEGER, canonical, format_time
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.records.keyrequest import MAX_REQUEST, KeyRequest, format_key_request, parse_key_request
from hefu_ledger.records.record import KeyEvent, parse_record
from hefu_ledger.records.roster import Member, Roster
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note, verify_note

_LABEL: Final = "key/"
_PATIENCE_S: Final = 30.0  # the service has the request, durably; waiting only lets every computer see it
_PAUSE_S: Final = 0.25


class Person(NamedTuple):
    """A key, ``key`` being its id in hex. ``state``: in force, retired or compromised. ``this``: this computer's own.

    ``vouched``: by an earlier key; else it stands on the operator's word. Texts are empty where there is none.
    """

    key: str
    fingerprint: str
    role: str
    state: str
    vouched: bool
    compromised_since: str
    label: str
    this: bool


def read_roster(reader: Reader, service: Service) -> Roster:
    """The depositor's keys, from records each of which is on the ledger under a signed checkpoint."""
    found = fetch_enrolment(service, reader.policy, reader.config.depositor)
    return fold_roster(found.records, reader.config.origin, reader.config.depositor)


def people(home: Home, service: Service) -> list[Person]:
    """Every key that the depositor ever had, in the ledger's order."""
    labels = {label.target: label.text for label in read_labels(home.path)}
    return [_person(member, home, labels) for member in read_roster(home.reader, service).members]


def add_key(home: Home, service: Service, path: str, *, role: str, label: str) -> VerifierKey:
    """Have the key of a carried request added, vouched for by this home's key, and remember whose it is.

    ``role``: which one is meant to be given; a request for another is refused, since the file was carried by hand.
    """
    note, request = _read_request(path)
    if request.action != "add" or request.vkey.name != home.signer.key.name:
        raise ClientError(say("key.other_firm", path=printable(path), depositor=home.config.depositor))
    if request.role != role:
        raise ClientError(say("key.other_role", path=printable(path), role=request.role))
    mine = sign_note(note.text, [home.signer]).signatures
    _send(home, service, Note(note.text, (*note.signatures, *mine)))
    if label:
        _keep_label(home, request.vkey, label)
    return request.vkey


def end_key(home: Home, service: Service, key: str, *, reason: str, since: int | None = None) -> VerifierKey:
    """Retire a key, or report that it may have been in other hands since ``since`` (ms); ``key``: its id in hex."""
    members = read_roster(home.reader, service).members
    found = [member.key for member in members if member.key.key_id.hex() == key.lower()]
    if not found:
        known = ", ".join(member.key.key_id.hex() for member in members)
        raise ClientError(say("key.unknown", key=printable(key), known=known))
    action = "retire" if since is None else "compromised"
    _send(home, service, _signed(KeyRequest(action, reason, found[0], since), home.signer))
    return found[0]


def make_request(signer: Ed25519Signer, role: str) -> bytes:
    """The request of a new computer: a note signed by its key, for which no colleague has vouched yet."""
    return format_note(_signed(KeyRequest("add", "", signer.key, role=role), signer))


def check_in_force(home: Home, service: Service) -> None:
    """Refuse, with a ClientError that names the way out, to go on with a key that the ledger says has ended."""
    mine = [member for member in read_roster(home.reader, service).members if member.key == home.signer.key]
    if mine and mine[0].until_seq is not None:
        key = home.signer.key.key_id.hex()
        raise ClientError(say("key.retired" if mine[0].compromised_since is None else "key.reported", key=key))


def in_force(roster: Roster, key: VerifierKey) -> bool:
    """Whether a key may sign the next deposit."""
    return key in roster.keys_at(MAX_INTEGER)


def _person(member: Member, home: Home, labels: dict[str, str]) -> Person:
    key, since = member.key.key_id.hex(), member.compromised_since
    ended = "in force" if member.until_seq is None else "retired"
    return Person(
        key=key,
        fingerprint=member.key.fingerprint,
        role=member.role,
        state=ended if since is None else "compromised",
        vouched=member.vouched,
        compromised_since="" if since is None else format_time(since),
        label=labels.get(_LABEL + key, ""),
        this=member.key == home.signer.key,
    )


def _read_request(path: str) -> tuple[Note, KeyRequest]:
    with open(path, "rb") as file:
        data = file.read(MAX_REQUEST + 1)
    try:
        note = parse_note(data, limit=MAX_REQUEST)
        request = parse_key_request(note.text)
        verify_note(note, [request.vkey])
    except LedgerError as error:
        raise ClientError(say("key.no_request", path=printable(path), error=error)) from None
    return note, request


def _signed(request: KeyRequest, signer: Ed25519Signer) -> Note:
    try:
        text = format_key_request(request)
        parse_key_request(text)  # a request that can be written may be longer than one that is read
        return sign_note(text, [signer])
    except MalformedError:
        raise ClientError(say("key.reason")) from None


def _send(home: Home, service: Service, note: Note) -> None:
    """Have a request carried out, which is durable on return, and give the ledger a while to show it."""
    by = format_note(note).decode()
    service.post("/v1/keys", canonical({"request": by}), JSON)
    waited_s = 0.0
    while not _is_shown(home, service, by) and waited_s < _PATIENCE_S:
        service.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def _is_shown(home: Home, service: Service, by: str) -> bool:
    records = fetch_enrolment(service, home.policy, home.config.depositor).records
    bodies = (parse_record(data).body for data in records)
    return any(isinstance(body, KeyEvent) and body.by == by for body in bodies)


def _keep_label(home: Home, key: VerifierKey, text: str) -> None:
    label = Label(time.time_ns() // 1_000_000, _LABEL + key.key_id.hex(), text)
    append_label(home.path, label)
    keep_label(home.path, label)
