"""A possession note 持钥声明: the new key signs for itself, and earlier keys of the depositor vouch for it.

The note says everything that a voucher vouches for: whose key it is, its role, the identity (as a commitment) and how
many signatures statements need from then on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import check_depositor, check_origin, depositor_key_name
from hefu_ledger.records.role import PREPARE, read_role, role_member
from hefu_ledger.records.roster import MAX_SIGNATURES
from hefu_ledger.records.signing_key import parse_depositor_key
from hefu_ledger.tlog.keys import MAX_VKEY, VerifierKey, format_vkey
from hefu_ledger.tlog.note import Note, parse_note

FORMAT: Final = "hefu-possession/v1"
MAX_POSSESSION: Final = 16_384  # bytes of the whole note
_MEMBERS: Final = frozenset({"depositor", "identity", "origin", "requested_at", "signatures_required", "vkey"})


class Possession(NamedTuple):
    """That a key belongs to a depositor of a log, in a role: ``prepare`` or ``approve``.

    ``identity``: commitment of 32 bytes. ``requested_at``: ms, by the clock of the key's holder.
    """

    depositor: str
    identity: bytes
    origin: str
    requested_at: int
    signatures_required: int
    key: VerifierKey
    role: str = PREPARE


def format_possession(possession: Possession) -> str:
    """Write the note text for the new key, and its vouchers, to sign."""
    members = {
        "depositor": possession.depositor,
        "identity": possession.identity.hex(),
        "origin": possession.origin,
        "requested_at": format_time(possession.requested_at),
        "signatures_required": possession.signatures_required,
        "vkey": format_vkey(possession.key),
    }
    return titled(FORMAT, members | role_member(possession.role))


def parse_possession(text: str) -> Possession:
    """Read a possession's note text; the key's name must be the depositor's."""
    members = parse_titled(text, FORMAT, limit=MAX_POSSESSION)
    fields = Fields(members, "possession", _MEMBERS, frozenset({"role"}))
    depositor = check_depositor(fields.raw("depositor"))
    origin = check_origin(fields.raw("origin"))
    key = parse_depositor_key(fields.text("vkey", limit=MAX_VKEY))
    if key.name != depositor_key_name(origin, depositor):
        raise MalformedError(
            f"possession: a key of {depositor_key_name(origin, depositor)!r} is named {key.name!r:.100}"
        )
    return Possession(
        depositor=depositor,
        identity=fields.hash("identity"),
        origin=origin,
        requested_at=fields.time("requested_at"),
        signatures_required=fields.whole("signatures_required", low=1, high=MAX_SIGNATURES),
        key=key,
        role=read_role(fields),
    )


def parse_signed_possession(data: bytes) -> tuple[Note, Possession]:
    """Read a whole possession note (at most 16 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_POSSESSION)
    return note, parse_possession(note.text)
