"""Whose lines stand below a depositor's note: which keys of a roster have signed, and whether they are enough."""

from __future__ import annotations

from collections.abc import Iterable

from hefu_ledger.errors import UnknownFormatError, VerificationError
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.records.roster import Roster, RosterKey, key_bytes
from hefu_ledger.tlog.keys import ED25519, VerifierKey
from hefu_ledger.tlog.note import Note, verify_note


def verify_lines(note: Note, keys: Iterable[VerifierKey], *, strict: bool = True) -> list[bytes]:
    """The keys, as rosters have them, whose lines verify; VerificationError for a line that fails.

    ``strict``: a line by any other key is a VerificationError too. UnknownFormatError for a line by a key of a type
    unknown here.
    """
    known = list(keys)
    lines = {(line.name, line.key_id) for line in note.signatures}
    strange = next((key for key in known if key.type != ED25519 and (key.name, key.key_id) in lines), None)
    if strange is not None:
        raise UnknownFormatError(
            f"key {strange.key_id.hex()} is of type 0x{strange.type:02x}, whose lines are unknown here"
        )
    verified, unknown = verify_note(note, [key for key in known if key.type == ED25519])
    if unknown and strict:
        line = unknown[0]
        raise VerificationError(
            f"signed by {line.name!r:.200} key {line.key_id.hex()}, unknown, retired or another's",
            code="key-strange",
            name=line.name[:200],
            key=line.key_id.hex(),
        )
    return [key_bytes(line.key) for line in verified]


def verify_statement(note: Note, roster: Roster, name: str) -> list[RosterKey]:
    """Check that a statement's lines are by keys of the roster, and enough; the keys that signed, in the note's order.

    Where two or more must sign, each role that a key in force has must be among them: the key that prepares does not
    approve. An unknown line is refused: it would change the statement's id.
    """
    if not roster.keys:
        raise VerificationError(f"statement: {name} has no key in force", code="no-key-in-force", depositor=name)
    lines = verify_lines(note, roster.verifier_keys(name))
    signers = [known for key in lines for known in roster.keys if known.key == key]
    if len(signers) < roster.signatures_required:
        raise VerificationError(
            "statement: signatures",
            code="signatures-few",
            expected=f"{roster.signatures_required}",
            found=f"{len(signers)}",
        )
    for role in (PREPARE, APPROVE) if roster.signatures_required > 1 else ():
        if role in roster.roles() and not any(key.role == role for key in signers):
            raise VerificationError(
                f"statement: signatures: none of them by a key of the role {role}", code=f"unsigned-by-{role}"
            )
    return signers
