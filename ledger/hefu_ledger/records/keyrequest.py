"""A depositor's own request to add, retire or report a key: the note a key record carries in ``by``.

Line 1 ``hefu-key/v1``, line 2 canonical JSON. It is signed by a key enrolled for the depositor and, to add a key, by
the new key too. Where the depositor has a key of the role ``approve`` in force, one of those must have signed, unless
a key ends itself. Where no key could sign, ``by`` is ``operator`` and the reason stands in the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import VerificationError
from hefu_ledger.records.identity import PREPARE, parse_signing_key, read_role, role_member
from hefu_ledger.records.record import OPERATOR, KeyEvent, read_action
from hefu_ledger.tlog.keys import VerifierKey, format_vkey
from hefu_ledger.tlog.note import parse_note, verify_note

FORMAT: Final = "hefu-key/v1"
MAX_REQUEST: Final = 4096  # bytes of the whole note
_REQUIRED: Final = frozenset({"action", "reason", "vkey"})
_OPTIONAL: Final = frozenset({"role", "since"})


class KeyRequest(NamedTuple):
    """A request; its members mean the same as in a key record."""

    action: str
    reason: str
    vkey: VerifierKey
    since: int | None = None
    role: str = PREPARE


def format_key_request(request: KeyRequest) -> str:
    """Write the note text to sign."""
    members: dict[str, Any] = {
        "action": request.action,
        "reason": request.reason,
        "vkey": format_vkey(request.vkey),
        **role_member(request.role),
    }
    return titled(FORMAT, members if request.since is None else members | {"since": format_time(request.since)})


def parse_key_request(text: str) -> KeyRequest:
    """Read a request's note text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_REQUEST), "key request", _REQUIRED, _OPTIONAL)
    return KeyRequest(
        action=read_action(fields, "key request"),
        reason=fields.text("reason", limit=400, empty=True),
        vkey=parse_signing_key(fields.text("vkey", limit=400)),
        since=fields.time("since") if fields.has("since") else None,
        role=read_role(fields),
    )


def verify_key_event(
    event: KeyEvent, *, enrolled: Sequence[VerifierKey], approvers: Sequence[VerifierKey] = ()
) -> bool:
    """Check on whose word a key record stands: True for a key enrolled then, False for the operator's.

    ``enrolled``: the depositor's keys in force before the event; ``approvers``: those that approve, without one of
    whom a key can only end itself. A request that differs from the record, or that a stranger signed, is a
    VerificationError.
    """
    if event.by == OPERATOR:
        return False
    note = parse_note(event.by.encode(), limit=MAX_REQUEST)
    request = parse_key_request(note.text)
    if request != KeyRequest(event.action, event.reason, event.vkey, event.since, event.role):
        raise VerificationError("key record: its request asks for something else", code="request-other")
    newcomer = [event.vkey] if event.action == "add" and event.vkey not in enrolled else []
    verified, unknown = verify_note(note, [*enrolled, *newcomer])
    signers = [line.key for line in verified]
    if unknown or not any(key in enrolled for key in signers) or not all(key in signers for key in newcomer):
        raise VerificationError(
            "key record: its request is not signed by an enrolled key, or not by the new one", code="request-unsigned"
        )
    ends_itself = event.action != "add" and event.vkey in signers
    if approvers and not ends_itself and not any(key in approvers for key in signers):
        raise VerificationError(
            "key record: its request is not signed by a key that approves", code="request-unapproved"
        )
    return True
