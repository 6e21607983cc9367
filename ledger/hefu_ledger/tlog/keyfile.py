"""A secret key in a file, in the form that Go's signed notes use (golang.org/x/mod/sumdb/note)."""

from __future__ import annotations

from typing import Final

from hefu_ledger.encoding import from_base64, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import ED25519, Ed25519Signer

_PREFIX: Final = "PRIVATE+KEY+"


def format_key(name: str, seed: bytes) -> bytes:
    """Write ``PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`` and a line feed; ``seed`` has 32 secret bytes."""
    key_id = Ed25519Signer(name, seed).key.key_id
    return f"{_PREFIX}{name}+{key_id.hex()}+{to_base64(bytes((ED25519,)) + seed)}\n".encode()


def parse_key(data: bytes) -> Ed25519Signer:
    """Read a key file. An error never shows its contents."""
    try:
        name, _, secret = data.decode("ascii").removeprefix(_PREFIX).split("+", 2)
        seed = from_base64(secret.removesuffix("\n"), size=33)[1:]
        signer = Ed25519Signer(name, seed)
    except (ValueError, MalformedError):
        signer = None
    if signer is None or format_key(name, seed) != data:
        raise MalformedError("not a key file: it holds one line, PRIVATE+KEY+name+id+base64, with the id of its key")
    return signer
