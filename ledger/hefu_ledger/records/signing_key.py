"""The keys that sign notes, as records and notes name them."""

from __future__ import annotations

from typing import Final

from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import COSIGNATURE, ED25519, MLDSA44, VerifierKey, check_type, parse_vkey

_COSIGNING: Final = (COSIGNATURE, MLDSA44)  # such keys sign a checkpoint and a time, never the text of a note


def parse_signing_key(text: str) -> VerifierKey:
    """Read the vkey of a key of type 01; a witness's type 04 would sign another text than the note's."""
    return check_type(parse_vkey(text), (ED25519,), "one that signs notes")


def parse_depositor_key(text: str) -> VerifierKey:
    """Read the vkey of a depositor's key: of type 01, or of a type unknown here, whose lines cannot be judged here."""
    key = parse_vkey(text)
    if key.type in _COSIGNING:
        raise MalformedError(f"key {key.name!r:.80} is of type 0x{key.type:02x}, which cosigns and signs no note")
    return key
