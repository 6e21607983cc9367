"""The private card of a document 私密卡片, and the salted commitment 承诺值 that is all anyone else learns.

A card has three sections, each a canonical JSON text under a nonce of its own::

    c = HMAC-SHA-256(nonce, section text)                      one for each section
    commitment = SHA-256("hefu-card/v1\\n" || c_document || c_label || c_circumstances)

A section may be opened (nonce and text shown) or stay closed (only its 32 bytes ``c``).
"""

from __future__ import annotations

from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, canonical, from_hex, parse_canonical
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.names import check_depositor, check_origin
from hefu_ledger.section import (
    MAX_CARD,
    Section,
    close,
    keyed_hash,
)

SECTIONS: Final = ("document", "label", "circumstances")
MAX_NAME: Final = 4096  # characters, the longest path of Linux

_TITLE: Final = b"hefu-card/v1\n"

Sections = tuple[Section, Section, Section]


class Document(NamedTuple):
    """The section ``document``: the owner of the card, and the bytes that it describes."""

    origin: str
    depositor: str
    sha256: bytes
    sm3: bytes | None
    size: int


def commit(texts: tuple[bytes, bytes, bytes], nonces: tuple[bytes, bytes, bytes]) -> bytes:
    """The commitment (32 bytes) to three section texts under their nonces."""
    return sha256(
        _TITLE + keyed_hash(nonces[0], texts[0]) + keyed_hash(nonces[1], texts[1]) + keyed_hash(nonces[2], texts[2])
    ).digest()


def commitment_of(sections: Sections) -> bytes:
    """The commitment (32 bytes) that sections, open or closed, lead to."""
    return sha256(_TITLE + b"".join(map(close, sections))).digest()


def document_text(document: Document) -> bytes:
    """Write the section ``document``."""
    # By hand, as are names below: a folder has a million of these, and nothing in them but names needs escaping.
    sm3 = f',"sm3":"{document.sm3.hex()}"' if document.sm3 is not None else ""
    return (
        f'{{"depositor":"{document.depositor}","digests":{{"sha-256":"{document.sha256.hex()}"{sm3}}},'
        f'"origin":"{document.origin}","size":{document.size}}}'
    ).encode()


def label_text(name: str) -> bytes:
    """Write the section ``label`` that holds only a name (in a folder the path relative to it, with ``/``)."""
    try:
        return b'{"name":' + encode_basestring(check_name(name)).encode() + b"}"
    except UnicodeEncodeError:
        raise MalformedError(f"name is not UTF-8: {name!r:.80}") from None


def section_text(name: str, members: dict[str, Any]) -> bytes:
    """Write any section from its members, having checked them against its schema."""
    text = canonical(members)
    _SCHEMAS[name](members)
    return text


def parse_document(text: str) -> Document:
    """Read the section ``document``."""
    return _document(parse_canonical(text.encode(errors="surrogatepass"), limit=MAX_CARD))


def parse_section(name: str, text: str) -> dict[str, Any]:
    """Read a section by name and return its members, having checked them against its schema."""
    members: dict[str, Any] = parse_canonical(text.encode(errors="surrogatepass"), limit=MAX_CARD)
    _SCHEMAS[name](members)
    return members


def check_card(texts: tuple[bytes, bytes, bytes]) -> None:
    """Refuse a card longer than 64 KiB in all."""
    if sum(map(len, texts)) > MAX_CARD:
        raise MalformedError(f"card of {sum(map(len, texts))} bytes, at most {MAX_CARD} allowed")


def check_name(name: str) -> str:
    """Refuse a name that could point outside its folder: absolute, with ``..``, ``.``, empty parts or NUL."""
    if not 0 < len(name) <= MAX_NAME or "\0" in name or not _PARTS.isdisjoint(name.split("/")):
        raise MalformedError(f"not a relative path of 1 to {MAX_NAME} characters without '.' or '..': {name!r:.80}")
    return name


def verify_digests(document: Document, *, sha256: bytes, sm3: bytes | None, size: int) -> None:
    """Compare a document's digests and size with its card; an SM3 digest only where both have one.

    VerificationError for the first difference; SHA-256 comes first, as the digest that people compare.
    """
    if document.sha256 != sha256:
        raise VerificationError("SHA-256", code="document-sha256", expected=document.sha256.hex(), found=sha256.hex())
    if document.sm3 is not None and sm3 is not None and document.sm3 != sm3:
        raise VerificationError("SM3", code="document-sm3", expected=document.sm3.hex(), found=sm3.hex())
    if document.size != size:
        raise VerificationError("size", code="document-size", expected=f"{document.size}", found=f"{size}")


def _document(value: object) -> Document:
    fields = Fields(value, "document", frozenset({"depositor", "digests", "origin", "size"}))
    digests = Fields(fields.raw("digests"), "digests", frozenset({"sha-256"}), frozenset({"sm3"}))
    return Document(
        origin=check_origin(fields.raw("origin")),
        depositor=check_depositor(fields.raw("depositor")),
        sha256=digests.hash("sha-256"),
        sm3=from_hex(digests.raw("sm3")) if digests.has("sm3") else None,
        size=fields.whole("size"),
    )


def _label(value: object) -> None:
    fields = Fields(value, "label", frozenset(), frozenset({"media_type", "name", "title"}))
    _texts(fields, ("media_type", "title"))
    if fields.has("name"):
        check_name(fields.text("name", limit=MAX_NAME))


def _circumstances(value: object) -> None:
    fields = Fields(value, "circumstances", frozenset(), frozenset({"collection", "declared_at", "source"}))
    if fields.has("declared_at"):
        fields.time("declared_at")
    if fields.has("source"):
        _texts(Fields(fields.raw("source"), "source", frozenset(), frozenset(_SOURCE)), _SOURCE)
    if fields.has("collection"):
        members = frozenset((*_COLLECTION, "clock_offset_ms"))
        collection = Fields(fields.raw("collection"), "collection", frozenset(), members)
        _texts(collection, _COLLECTION)
        if collection.has("clock_offset_ms"):
            collection.whole("clock_offset_ms", low=-(2**40), high=2**40)


def _texts(fields: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if fields.has(name):
            fields.text(name, limit=MAX_NAME)


_SOURCE: Final = ("device", "how_obtained", "maker", "path", "tool", "tool_version", "url")
_COLLECTION: Final = ("collector", "environment_check", "witness")
_PARTS: Final = frozenset({"", ".", ".."})
_SCHEMAS: Final = {"document": _document, "label": _label, "circumstances": _circumstances}
