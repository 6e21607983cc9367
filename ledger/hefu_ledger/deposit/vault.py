"""A vault 保管库 at the service: the notes a depositor signs to put an encrypted file there, and to close it.

Line 1 ``hefu-vault-put/v1`` or ``hefu-vault-close/v1``, line 2 canonical JSON. A file itself is opaque; who may read it
is told by an address, of which only the SHA-256 stands here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import check_depositor, check_origin
from hefu_ledger.tlog.note import Note, parse_note

FORMAT: Final = "hefu-vault-put/v1"
CLOSE_FORMAT: Final = "hefu-vault-close/v1"
MAX_UPLOAD: Final = 4096  # bytes of the note
MAX_CLOSURE: Final = 4096  # the same
MAX_BLOB: Final = 64 << 20  # bytes of the file
_HEX: Final = frozenset("0123456789abcdef")
_MOST_PIECES: Final = 9999


class Upload(NamedTuple):
    """``address``: SHA-256 of the vault's address, ``sha256`` that of the file (32 bytes each); ``size`` in bytes.

    ``at``: when it was signed, by the signer's clock (ms).
    """

    address: bytes
    at: int
    depositor: str
    name: str
    origin: str
    sha256: bytes
    size: int


def format_upload(upload: Upload) -> str:
    """Write the note text to sign."""
    members = upload._asdict() | {"address": upload.address.hex(), "at": format_time(upload.at)}
    return titled(FORMAT, members | {"sha256": upload.sha256.hex()})


def parse_upload(text: str) -> Upload:
    """Read an upload's note text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_UPLOAD), "upload", frozenset(Upload._fields))
    return Upload(
        address=fields.hash("address"),
        at=fields.time("at"),
        depositor=check_depositor(fields.raw("depositor")),
        name=check_blob_name(fields.raw("name")),
        origin=check_origin(fields.raw("origin")),
        sha256=fields.hash("sha256"),
        size=fields.whole("size", low=1, high=MAX_BLOB),
    )


def parse_signed_upload(data: bytes) -> tuple[Note, Upload]:
    """Read a whole upload note (at most 4 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_UPLOAD)
    return note, parse_upload(note.text)


class Closure(NamedTuple):
    """SHA-256 (32 bytes each) of the ``address`` that is closed and of the vault's that takes its place.

    ``at``: when it was signed, by the signer's clock (ms).
    """

    address: bytes
    at: int
    depositor: str
    origin: str
    successor: bytes


def format_closure(closure: Closure) -> str:
    """Write the note text to sign; MalformedError if a vault is to succeed itself."""
    _check_succession(closure)
    members = closure._asdict() | {"address": closure.address.hex(), "at": format_time(closure.at)}
    return titled(CLOSE_FORMAT, members | {"successor": closure.successor.hex()})


def parse_closure(text: str) -> Closure:
    """Read a closure's note text."""
    fields = Fields(parse_titled(text, CLOSE_FORMAT, limit=MAX_CLOSURE), "closure", frozenset(Closure._fields))
    closure = Closure(
        address=fields.hash("address"),
        at=fields.time("at"),
        depositor=check_depositor(fields.raw("depositor")),
        origin=check_origin(fields.raw("origin")),
        successor=fields.hash("successor"),
    )
    return _check_succession(closure)


def parse_signed_closure(data: bytes) -> tuple[Note, Closure]:
    """Read a whole closure note (at most 4 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_CLOSURE)
    return note, parse_closure(note.text)


def _check_succession(closure: Closure) -> Closure:
    if closure.address == closure.successor:
        raise MalformedError("closure: a vault cannot take its own place; successor must be another vault's address")
    return closure


def check_blob_name(name: object) -> str:
    """Return a vault file's name: 64 lower-case hex digits, and for a further piece ``.1`` to ``.9999``."""
    if isinstance(name, str):
        stem, point, place = name.partition(".")
        plain = place.isascii() and place.isdigit() and not place.startswith("0") and int(place[:5]) <= _MOST_PIECES
        if len(stem) == 64 and set(stem) <= _HEX and (plain if point else True):
            return name
    raise MalformedError(f"not the name of a vault file (64 hex digits, or those and .1 to .9999): {str(name)[:80]!r}")
