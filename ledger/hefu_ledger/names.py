"""The short names that signed texts carry: a log's origin, a depositor's id, a deposit's kind."""

from __future__ import annotations

from typing import Final

from hefu_ledger.errors import MalformedError

_LOWER: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS: Final = frozenset("0123456789")
_ID: Final = _LOWER | _DIGITS
_KIND: Final = _ID | {"-"}
_ORIGIN: Final = frozenset(map(str.upper, _LOWER)) | _ID | frozenset("-._/:")


def check_origin(text: object) -> str:
    """A log's name, as in its checkpoints (c2sp.org/tlog-checkpoint): 1 to 200 of ``A-Z a-z 0-9 - . _ / :``.

    Narrower than signed-note allows, so that it needs no escaping in JSON or a URL.
    """
    if not isinstance(text, str) or not 0 < len(text) <= 200 or not _ORIGIN.issuperset(text) or "://" in text:
        raise MalformedError(f"not an origin (a schema-less URL such as log.example/fengxian): {text!r:.80}")
    return text


def check_depositor(text: object) -> str:
    """A depositor's pseudonym 存证主体代号: 1 to 32 lower-case letters and digits, meaningless in itself."""
    if not isinstance(text, str) or not 0 < len(text) <= 32 or not _ID.issuperset(text):
        raise MalformedError(f"not a depositor id (1 to 32 of a-z 0-9): {text!r:.80}")
    return text


def check_kind(text: object) -> str:
    """The kind of a deposit, such as ``file``: ``[a-z][a-z0-9-]{0,31}``."""
    if not isinstance(text, str) or not 0 < len(text) <= 32 or text[0] not in _LOWER or not _KIND.issuperset(text):
        raise MalformedError(f"not a kind (a-z, then up to 31 of a-z 0-9 -): {text!r:.80}")
    return text


def depositor_key_name(origin: str, depositor: str) -> str:
    """The name that every key and signature line of a depositor carries."""
    return f"{origin}/depositor/{depositor}"


def acknowledgement_key_name(origin: str) -> str:
    """The name of the key that signs acknowledgements 收讫回执."""
    return f"{origin}/acknowledgement"


def recovery_key_name(origin: str) -> str:
    """The name of the key that is kept offline and only ever replaces lost ones."""
    return f"{origin}/recovery"
