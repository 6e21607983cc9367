"""An acceptance 收讫: the service's decision about a statement; signed, it is the acknowledgement 收讫回执.

The note text is the leaf data of the batch tree, so the promise and the anchored text are the same bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu_ledger.deposit.statement import Statement
from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import VerificationError
from hefu_ledger.names import check_depositor, check_origin

FORMAT: Final = "hefu-acceptance/v1"
MAX_ACCEPTANCE: Final = 2048  # bytes of the text
MAX_SEQ: Final = 10**12 - 1  # a deposit number has twelve digits for it
_MEMBERS: Final = frozenset({"anchor_by", "depositor", "event", "nth", "origin", "received_at", "seq", "statement"})


class Acceptance(NamedTuple):
    """One accepted statement: ``seq`` counts all, ``nth`` the depositor's own, both from 0; times in ms.

    ``event``: the depositor's last enrolment or key record with ``from_seq`` <= ``seq``, which says its keys.
    """

    anchor_by: int
    depositor: str
    event: int
    nth: int
    origin: str
    received_at: int
    seq: int
    statement: bytes  # SHA-256 of the statement's note


def format_acceptance(acceptance: Acceptance) -> str:
    """Write the note text."""
    return titled(
        FORMAT,
        {
            "anchor_by": format_time(acceptance.anchor_by),
            "depositor": acceptance.depositor,
            "event": acceptance.event,
            "nth": acceptance.nth,
            "origin": acceptance.origin,
            "received_at": format_time(acceptance.received_at),
            "seq": acceptance.seq,
            "statement": acceptance.statement.hex(),
        },
    )


def parse_acceptance(text: str) -> Acceptance:
    """Read an acceptance's note text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_ACCEPTANCE), "acceptance", _MEMBERS)
    return Acceptance(
        anchor_by=fields.time("anchor_by"),
        depositor=check_depositor(fields.raw("depositor")),
        event=fields.whole("event"),
        nth=fields.whole("nth"),
        origin=check_origin(fields.raw("origin")),
        received_at=fields.time("received_at"),
        seq=fields.whole("seq", high=MAX_SEQ),
        statement=fields.hash("statement"),
    )


def check_not_after(statement: Statement, acceptance: Acceptance) -> None:
    """Refuse an acceptance of a statement that was to be received by then."""
    if statement.not_after is not None and acceptance.received_at > statement.not_after:
        raise VerificationError(
            "the statement was received too late",
            code="received-after",
            expected=f"not after {format_time(statement.not_after)}",
            found=format_time(acceptance.received_at),
        )
