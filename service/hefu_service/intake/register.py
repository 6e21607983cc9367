"""The register of depositors 存证主体: the firms that the operator knows, with their keys and one-time codes.

It is the operator's own view. A code is never shown again: only the hash of its secret is kept, and twelve digits of
that hash are the code's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Literal
from unicodedata import category, normalize

from hefu_ledger.records.bodies import Enrolment
from hefu_ledger.records.identity import Identity, parse_identity
from hefu_ledger.records.possession import parse_signed_possession
from hefu_ledger.records.roster import Roster, key_bytes
from hefu_ledger.tlog.keys import VerifierKey, parse_vkey
from hefu_service.intake.keys import event_body, keys_of
from hefu_service.intake.refusals import CodeRefusedError, ConflictError
from hefu_service.ports.rows import Code, Depositor
from hefu_service.ports.store import View
from hefu_service.services import Services
from hefu_service.texts import sentence

LONGEST_REASON: Final = 400  # characters
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})  # controls, bidirectional marks, line and paragraph separators
CodeState = Literal["open", "used", "expired"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A depositor, its identity, and the numbers of its keys in force and of its deposits."""

    depositor: Depositor
    identity: Identity
    keys: int
    deposits: int


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key that a depositor enrolled. Times in ms; ``enrolled_at`` is as its holder said."""

    depositor: str
    name: str
    vkey: VerifierKey
    role: str
    enrolled_at: int
    in_force: bool
    reported_since: int | None


@dataclass(frozen=True, slots=True)
class RegisteredCode:
    """A depositor's last code, without the code."""

    number: str
    depositor: str
    name: str
    role: str
    expires_at: int  # ms
    state: CodeState


def find_depositors(services: Services, words: str = "") -> list[Registered]:
    """The depositors whose id, name or 统一社会信用代码 holds ``words``, in the order of their verification."""
    with services.store.view() as view:
        found = list(_matching(view, words))
        deposits = view.next_nth([depositor.id for depositor, _ in found])
        return [
            Registered(depositor, identity, len(keys_of(view, depositor.id).roster.keys), deposits[depositor.id])
            for depositor, identity in found
        ]


def find_keys(services: Services, words: str = "") -> list[RegisteredKey]:
    """Every key that these depositors ever enrolled, in order; see ``find_depositors``."""
    with services.store.view() as view:
        return [key for known, identity in _matching(view, words) for key in _keys(view, known.id, identity.name)]


def find_codes(services: Services, words: str = "") -> list[RegisteredCode]:
    """The last code of each of these depositors; see ``find_depositors``."""
    now_ms = services.clock.now_ms()
    with services.store.view() as view:
        codes = {code.depositor: code for code in view.codes()}
        return [
            _code(codes[depositor.id], identity.name, now_ms)
            for depositor, identity in _matching(view, words)
            if depositor.id in codes
        ]


def withdraw_code(services: Services, wanted: str) -> None:
    """End an open code, by its number, at once. CodeRefusedError if there is none, ConflictError if it is not open."""
    now_ms = services.clock.now_ms()
    with services.store.intake() as intake:
        code = next((code for code in intake.codes() if number(code) == wanted), None)
        if code is None:
            raise CodeRefusedError(sentence("codes.unknown", number=wanted))
        state = _state(code, now_ms)
        if state != "open":
            raise ConflictError(sentence(f"codes.is_{state}"))
        intake.put_code(replace(code, expires_at=now_ms - 1))


def open_code(services: Services, depositor: str) -> str | None:
    """The number of the depositor's code that can still be used, or None."""
    now_ms = services.clock.now_ms()
    with services.store.view() as view:
        code = view.code(depositor)
    return None if code is None or _state(code, now_ms) != "open" else number(code)


def number(code: Code) -> str:
    """The number of a code: twelve hex digits of its hash, of which no code can be guessed."""
    return code.secret_hash.hex()[:12]


def number_of(code: str) -> str:
    """The number of a code as it was issued."""
    return sha256(code.partition(".")[2].encode()).hexdigest()[:12]


def check_known(view: View, uscc: str, reason: str | None, now_ms: int) -> bool:
    """Whether another depositor is of the organisation ``uscc``; ConflictError if so and there is no reason.

    One that has enrolled no key, and whose code cannot be used any more, is not counted: its name was mistyped.
    """
    of_it = [depositor.id for depositor in view.depositors() if _is_of(depositor, uscc)]
    known = [depositor for depositor in of_it if _begun(view, depositor, now_ms)]
    if known and reason is None:
        raise ConflictError(sentence("enrol.known", depositor=known[0]))
    return bool(known)


def check_reasons(*reasons: str | None) -> None:
    """Raise ConflictError unless each reason is one line of 1 to 400 characters."""
    for reason in reasons:
        if reason is None:
            continue
        unseen = any(category(character) in _UNSEEN for character in reason)
        if not reason.strip() or len(reason) > LONGEST_REASON or unseen:
            raise ConflictError(sentence("enrol.reason", limit=LONGEST_REASON))


def _is_of(depositor: Depositor, uscc: str) -> bool:
    return uscc in depositor.identity_text and parse_identity(depositor.identity_text).uscc == uscc


def _begun(view: View, depositor: str, now_ms: int) -> bool:
    if view.last_event_of(depositor) is not None:
        return True
    code = view.code(depositor)
    return code is not None and _state(code, now_ms) == "open"


def _matching(view: View, words: str) -> Iterator[tuple[Depositor, Identity]]:
    wanted = _plain(words)
    known = [(depositor, parse_identity(depositor.identity_text)) for depositor in view.depositors()]
    for depositor, identity in sorted(known, key=lambda each: (each[1].verified_at, each[0].id)):
        if any(wanted in _plain(text) for text in (depositor.id, identity.name, identity.uscc)):
            yield depositor, identity


def _plain(text: str) -> str:
    """A text as it is compared: without regard to case and full width."""
    return normalize("NFKC", text).casefold()


def _keys(view: View, depositor: str, name: str) -> Iterator[RegisteredKey]:
    roster = keys_of(view, depositor).roster
    for event in view.events_of(depositor):
        body = event_body(event)
        if isinstance(body, Enrolment) and event.vkey is not None:
            yield _key(depositor, name, roster, parse_vkey(event.vkey), body)


def _key(depositor: str, name: str, roster: Roster, vkey: VerifierKey, body: Enrolment) -> RegisteredKey:
    claim = parse_signed_possession(body.possession.encode())[1]
    return RegisteredKey(
        depositor=depositor,
        name=name,
        vkey=vkey,
        role=claim.role,
        enrolled_at=claim.requested_at,
        in_force=roster.find(key_bytes(vkey)) is not None,
        reported_since=roster.reported_since(key_bytes(vkey)),
    )


def _code(code: Code, name: str, now_ms: int) -> RegisteredCode:
    state = _state(code, now_ms)
    return RegisteredCode(number(code), code.depositor, name, code.role, code.expires_at, state)


def _state(code: Code, now_ms: int) -> CodeState:
    if code.used_for is not None:
        return "used"
    return "expired" if now_ms > code.expires_at else "open"
