"""The note by which the recovery key ends a ledger, and may name its successor: ``by`` of the record ``end``."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import VerificationError
from hefu_ledger.names import check_origin
from hefu_ledger.records.bodies import OPERATOR, End
from hefu_ledger.records.signing_key import parse_signing_key
from hefu_ledger.tlog.keys import MAX_VKEY, VerifierKey, format_vkey
from hefu_ledger.tlog.note import parse_note, verify_note

FORMAT: Final = "hefu-end/v1"
MAX_END: Final = 16_384  # bytes of the whole note
_REQUIRED: Final = frozenset({"origin", "reason", "requested_at"})


class EndRequest(NamedTuple):
    """That a ledger ends; ``successor``: the log key of the ledger that continues it. Time in ms."""

    origin: str
    reason: str
    requested_at: int
    successor: VerifierKey | None = None


def format_end(request: EndRequest) -> str:
    """Write the note text to sign."""
    members: dict[str, Any] = request._asdict() | {"requested_at": format_time(request.requested_at)}
    del members["successor"]
    more = {} if request.successor is None else {"successor": format_vkey(request.successor)}
    return titled(FORMAT, members | more)


def parse_end(text: str) -> EndRequest:
    """Read the note's text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_END), "end", _REQUIRED, frozenset({"successor"}))
    return EndRequest(
        origin=check_origin(fields.raw("origin")),
        reason=fields.text("reason", limit=400),
        requested_at=fields.time("requested_at"),
        successor=parse_signing_key(fields.text("successor", limit=MAX_VKEY)) if fields.has("successor") else None,
    )


def verify_end(body: End, *, origin: str, recovery: VerifierKey) -> None:
    """Check an end record's note against the recovery key in force; the operator's word alone is not checked."""
    if body.by == OPERATOR:
        return
    note = parse_note(body.by.encode(), limit=MAX_END)
    request = parse_end(note.text)
    if (request.origin, request.reason, request.successor) != (origin, body.reason, body.successor):
        raise VerificationError("end record: its note says something else", code="request-other")
    verified, unknown = verify_note(note, [recovery])
    if unknown or not verified:
        raise VerificationError("end record: not signed by the recovery key alone", code="request-unrecovered")
