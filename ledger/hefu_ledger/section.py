"""A salted section 加盐分节: a text and its nonce, or, closed, the 32 bytes of its HMAC-SHA-256 (RFC 2104)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from hefu_ledger.encoding import Fields
from hefu_ledger.errors import MalformedError

MAX_CARD: Final = 65_536  # bytes of the three section texts of a card together
NONCE_SIZE: Final = 32  # another length would be padded or hashed by HMAC: two nonces, one commitment
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))  # RFC 2104 section 2
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_INNER_PAD: Final = b"\x36" * 32
_OUTER_PAD: Final = b"\x5c" * 32


class OpenedSection(NamedTuple):
    """A section shown: its nonce (32 bytes) and its exact text."""

    nonce: bytes
    text: str


Section = OpenedSection | bytes  # bytes: closed, the 32 bytes of its HMAC


def keyed_hash(nonce: bytes, text: bytes) -> bytes:
    """HMAC-SHA-256 under a nonce of exactly 32 bytes (RFC 2104; written out, it is faster than ``hmac.digest``)."""
    if len(nonce) != NONCE_SIZE:
        raise MalformedError(f"a nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
    inner = sha256(nonce.translate(_INNER) + _INNER_PAD + text).digest()
    return sha256(nonce.translate(_OUTER) + _OUTER_PAD + inner).digest()


def close(section: Section) -> bytes:
    """The 32 bytes that stand for a section."""
    return section if isinstance(section, bytes) else keyed_hash(section.nonce, section.text.encode())


def section_value(section: Section) -> dict[str, str]:
    """A section as it stands in an evidence file."""
    if isinstance(section, bytes):
        return {"closed": section.hex()}
    return {"nonce": section.nonce.hex(), "text": section.text}


def parse_section_value(value: object, name: str) -> Section:
    """Read a section of an evidence file: ``{nonce, text}`` or ``{closed}``."""
    if isinstance(value, dict) and "closed" in value:
        return Fields(value, name, frozenset({"closed"})).hash("closed")
    return parse_opened(value, name)


def parse_opened(value: object, name: str) -> OpenedSection:
    """Read ``{nonce, text}``; the text is not looked into."""
    fields = Fields(value, name, frozenset({"nonce", "text"}))
    return OpenedSection(fields.hash("nonce"), fields.text("text", limit=MAX_CARD))


class Nonces:
    """The nonces of every section of one deposit, derived from its seed: ``HMAC-SHA-256(seed, "i/section")``.

    The HMAC's two pads are hashed once, which halves the cost of each nonce.
    """

    def __init__(self, seed: bytes) -> None:
        """``seed``: 32 random bytes."""
        if len(seed) != NONCE_SIZE:
            raise MalformedError(f"a seed has {NONCE_SIZE} bytes, not {len(seed)}")
        self._inner = sha256(seed.translate(_INNER) + _INNER_PAD)
        self._outer = sha256(seed.translate(_OUTER) + _OUTER_PAD)

    def of(self, index: int) -> tuple[bytes, bytes, bytes]:
        """The three nonces (32 bytes each) of document ``index``, from 0."""
        return (
            self._derive(b"%d/document" % index),
            self._derive(b"%d/label" % index),
            self._derive(b"%d/circumstances" % index),
        )

    def _derive(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()
