"""A secret key in a file, in the form that Go's signed notes use (golang.org/x/mod/sumdb/note)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from hefu_ledger.encoding import from_base64, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer

_PREFIX: Final = "PRIVATE+KEY+"
_Signer = TypeVar("_Signer", Ed25519Signer, MLDSA44Signer)


def format_key(name: str, seed: bytes) -> bytes:
    """Write ``PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`` and a line feed; ``seed`` has 32 secret bytes."""
    return _format(Ed25519Signer(name, seed), seed)


def format_mldsa44_key(name: str, seed: bytes) -> bytes:
    """Write a key of ML-DSA-44 in the same form, its type byte 06."""
    return _format(MLDSA44Signer(name, seed), seed)


def _format(signer: Ed25519Signer | MLDSA44Signer, seed: bytes) -> bytes:
    key = signer.key
    return f"{_PREFIX}{key.name}+{key.key_id.hex()}+{to_base64(bytes((key.type,)) + seed)}\n".encode()


def parse_key(data: bytes) -> Ed25519Signer:
    """Read the file of a key that signs notes. An error never shows its contents."""
    return _parse(data, Ed25519Signer)


def parse_mldsa44_key(data: bytes) -> MLDSA44Signer:
    """Read the file of a key of ML-DSA-44; as ``parse_key``."""
    return _parse(data, MLDSA44Signer)


def _parse(data: bytes, make: Callable[[str, bytes], _Signer]) -> _Signer:
    try:
        name, _, secret = data.decode("ascii").removeprefix(_PREFIX).split("+", 2)
        seed = from_base64(secret.removesuffix("\n"), size=33)[1:]
        signer = make(name, seed)
    except (ValueError, MalformedError):
        signer = None
    if signer is None or _format(signer, seed) != data:
        raise MalformedError("not a key file: it holds one line, PRIVATE+KEY+name+id+base64, with the id of its key")
    return signer
