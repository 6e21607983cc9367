"""A request about a key: the note that a key record or ledger-key record carries in ``by``.

Line 1 ``hefu-key/v1``, line 2 canonical JSON. A depositor's key ends by a request (``retire``, ``compromised``) of a
key in force, and comes by an enrolment alone; the ledger's keys come (``add``) and end by its recovery key's requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import MAX_VKEY, VerifierKey, format_vkey, parse_vkey
from hefu_ledger.tlog.note import Note, parse_note

FORMAT: Final = "hefu-key/v1"
MAX_REQUEST: Final = 16_384  # bytes of the whole note
ADD: Final = "add"
RETIRE: Final = "retire"  # 停用
COMPROMISED: Final = "compromised"  # 失控
ENDING: Final = (RETIRE, COMPROMISED)
_REQUIRED: Final = frozenset({"action", "reason", "requested_at", "vkey"})
_OPTIONAL: Final = frozenset({"since"})


class KeyRequest(NamedTuple):
    """A request; its members mean the same as in the record that carries it. Times in ms."""

    action: str
    reason: str
    requested_at: int
    vkey: VerifierKey
    since: int | None = None


def format_key_request(request: KeyRequest) -> str:
    """Write the note text to sign."""
    members: dict[str, Any] = {
        "action": request.action,
        "reason": request.reason,
        "requested_at": format_time(request.requested_at),
        "vkey": format_vkey(request.vkey),
    }
    return titled(FORMAT, members if request.since is None else members | {"since": format_time(request.since)})


def parse_key_request(text: str) -> KeyRequest:
    """Read a request's note text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_REQUEST), "key request", _REQUIRED, _OPTIONAL)
    return KeyRequest(
        action=read_action(fields, "key request", (ADD, *ENDING)),
        reason=fields.text("reason", limit=400, empty=True),
        requested_at=fields.time("requested_at"),
        vkey=parse_vkey(fields.text("vkey", limit=MAX_VKEY)),
        since=read_since(fields),
    )


def parse_signed_key_request(data: bytes) -> tuple[Note, KeyRequest]:
    """Read a whole request (at most 16 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_REQUEST)
    return note, parse_key_request(note.text)


def read_action(fields: Fields, where: str, actions: Sequence[str]) -> str:
    """Read the action on a key; ``since`` belongs to a compromise alone."""
    action = fields.text("action", limit=16)
    if action not in actions or fields.has("since") != (action == COMPROMISED):
        raise MalformedError(f"{where}: action is one of {', '.join(actions)}; compromised alone has since")
    return action


def read_since(fields: Fields) -> int | None:
    """Read the optional member ``since``, in ms."""
    return fields.time("since") if fields.has("since") else None
