"""A depositor's identity 实名信息: private, the ledger holds only its keyed hash ``HMAC-SHA-256(nonce, text)``."""

from __future__ import annotations

from typing import Final, NamedTuple
from unicodedata import category

from hefu_ledger.encoding import Fields, canonical, format_time, parse_canonical
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.section import OpenedSection, close
from hefu_ledger.uscc import parse_uscc

MAX_IDENTITY: Final = 4096  # bytes
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})  # controls, bidirectional marks, line and paragraph separators
_IDENTITY: Final = frozenset({"method", "name", "uscc", "verified_at", "verified_by"})


class Identity(NamedTuple):
    """A depositor's name and 统一社会信用代码, how and by whom they were verified, and when (ms)."""

    method: str
    name: str
    uscc: str
    verified_at: int
    verified_by: str


def format_identity(identity: Identity) -> str:
    """Write an identity's canonical JSON."""
    members = identity._asdict() | {"verified_at": format_time(identity.verified_at)}
    return canonical(members).decode()


def parse_identity(text: str) -> Identity:
    """Read an identity; the operator, who saw the licence, has looked at the check character of the code."""
    fields = Fields(parse_canonical(text.encode(errors="surrogatepass"), limit=MAX_IDENTITY), "identity", _IDENTITY)
    uscc = fields.text("uscc", limit=18)
    if parse_uscc(uscc, any_check_character=True).code != uscc:
        raise MalformedError(f"identity: uscc: not in its plain form: {uscc!r}")
    return Identity(
        method=_plain(fields, "method", 100),
        name=_plain(fields, "name", 200),
        uscc=uscc,
        verified_at=fields.time("verified_at"),
        verified_by=_plain(fields, "verified_by", 200),
    )


def _plain(fields: Fields, name: str, limit: int) -> str:
    """A text for people to read, which must be one line: a line break could forge a verdict's next step."""
    text = fields.text(name, limit=limit)
    if any(category(character) in _UNSEEN for character in text):
        raise MalformedError(f"identity: {name}: holds a line break or another character that cannot be seen")
    return text


def verify_identity(opened: OpenedSection, *, commitment: bytes) -> Identity:
    """Check that an identity shown is the one an enrolment committed to (32 bytes), and read it."""
    if close(opened) != commitment:
        raise VerificationError("identity", code="identity-other", expected=commitment.hex(), found=close(opened).hex())
    return parse_identity(opened.text)
