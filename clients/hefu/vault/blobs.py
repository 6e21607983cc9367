"""The vault's files 保管库: age-encrypted (c2sp.org/age) to the recovery secret, written once, each told by its name.

::

    <statement id>             the bundle of a deposit without its receipt, or its first 16 MiB
    <statement id>.1, .2 …     the rest of a large one
    <statement id>.receipt     its receipt; in the home alone, since the service can make it again
    <64 hex digits>            anything else, named by its contents under the recovery secret

Decrypted, each begins with the line ``hefu-vault/v1 <kind>``; zlib data follow, those of a deposit's files being cut
from one stream: a line of JSON, ``{evidence, path}``, and the bundle.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, cast

from hefu.evidence.bundle import Part, read_part
from hefu.vault.secret import Recovery, format_vault_key
from hefu_ledger.deposit.statement import statement_id as id_of
from hefu_ledger.encoding import Fields, canonical, check_format, parse_canonical
from hefu_ledger.errors import MalformedError

DEPOSIT: Final = "deposit"
RECEIPT: Final = "receipt"
HOME: Final = "home"
LABEL: Final = "label"
RECEIPT_SUFFIX: Final = ".receipt"
MAX_BLOB: Final = 64 << 20  # bytes of a file that a service takes
_FORMAT: Final = "hefu-vault/v1"
PIECE: Final = 16 << 20  # bytes of a deposit's zlib stream in one file
_LEVEL: Final = 1  # digests do not get smaller by trying harder
_CONTENTS: Final = 64 << 20  # bytes of anything but a deposit, unpacked
_MAX_ABOUT: Final = 65_536
_READ: Final = 1 << 20


class Blobs(Protocol):
    """A place that holds a vault's files."""

    def has(self, name: str) -> bool:
        """Whether a file is there."""

    def read(self, name: str) -> bytes | None:
        """A file, as it lies there; None if there is none."""


class About(NamedTuple):
    """A deposit's file has beside the bundle: the evidence's name and the original's absolute path, printable."""

    evidence: str
    path: str

    @property
    def base(self) -> str:
        """The folder that the documents' names are relative to."""
        return self.path if self.evidence.endswith(".bundle") else os.path.dirname(self.path)


class StoredDeposit(NamedTuple):
    """A deposit as the vault has it; the bundle (to ``part.end``) begins where ``file`` stands."""

    about: About
    part: Part
    file: BinaryIO


def seal(kind: str, contents: bytes, recovery: Recovery) -> bytes:
    """Encrypt a file's contents."""
    return _encrypt(_title(kind) + zlib.compress(contents, _LEVEL), recovery)


def content_name(kind: str, contents: bytes, recovery: Recovery) -> str:
    """The name of a file that is named by its contents."""
    return recovery.name_of(_title(kind) + contents)


def unseal(data: bytes, recovery: Recovery) -> tuple[str, bytes]:
    """Decrypt a file other than a deposit's: its kind and contents. MalformedError if it is damaged or another's."""
    kind, packed = _decrypt(data, recovery)
    unpacker = zlib.decompressobj()
    try:
        contents = unpacker.decompress(packed, _CONTENTS)
    except zlib.error:
        raise MalformedError("damaged inside: its contents do not unpack") from None
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedError("damaged inside: its contents are cut short, too long, or followed by something")
    return kind, contents


def seal_again(name: str, data: bytes, recovery: Recovery) -> tuple[str, bytes]:
    """Encrypt a file that the former secret opens to the present one; the name that it then has, and its bytes."""
    kind, packed = _decrypt(data, recovery)
    if kind not in (DEPOSIT, RECEIPT):
        name = content_name(kind, unseal(data, recovery)[1], recovery)
    return name, _encrypt(_title(kind) + packed, recovery)


def hold_the_same(one: bytes, other: bytes, recovery: Recovery) -> bool:
    """Whether two files decrypt to the same contents; a deposit's pieces, which unpack only together, byte for byte."""
    return _decrypt(one, recovery) == _decrypt(other, recovery) or unseal(one, recovery) == unseal(other, recovery)


def kind_of(data: bytes, recovery: Recovery) -> str:
    """Decrypt a file, and give its kind."""
    return _decrypt(data, recovery)[0]


def seal_deposit(about: About, bundle: BinaryIO, size: int, recovery: Recovery) -> Iterator[bytes]:
    """Encrypt ``size`` bytes of a bundle, in as many files as it takes, at least one; in bounded memory."""
    packer = zlib.compressobj(_LEVEL)
    waiting = bytearray(packer.compress(canonical(about._asdict()) + b"\n"))
    while size:
        data = bundle.read(min(_READ, size))
        if not data:
            raise MalformedError("bundle: shorter than it was")
        size -= len(data)
        waiting += packer.compress(data)
        while len(waiting) > PIECE:
            yield _encrypt(_title(DEPOSIT) + waiting[:PIECE], recovery)
            del waiting[:PIECE]
    waiting += packer.flush()
    for start in range(0, len(waiting), PIECE):
        yield _encrypt(_title(DEPOSIT) + waiting[start : start + PIECE], recovery)


def piece_names(blobs: Blobs, statement_id: str) -> list[str]:
    """The names of a deposit's files that are there, in order."""
    names = [statement_id]
    while blobs.has(piece_name(statement_id, len(names))):
        names.append(piece_name(statement_id, len(names)))
    return names


def piece_name(statement_id: str, place: int) -> str:
    """The name of a deposit's file at a place from 0."""
    return f"{statement_id}.{place}" if place else statement_id


@contextmanager
def opened(blobs: Blobs, statement_id: str, recovery: Recovery) -> Iterator[StoredDeposit]:
    """Decrypt a deposit and check it whole: its cards give the root of its statement, and the statement this id (hex).

    MalformedError if anything is missing, damaged or another's. The file is private, and gone afterwards.
    """
    with SpooledTemporaryFile(max_size=PIECE) as spool:
        file = cast("BinaryIO", spool)
        for data in _unpacked(_pieces(blobs, statement_id), recovery):
            file.write(data)
        file.seek(0)
        about = _parse_about(file.readline(_MAX_ABOUT))
        start = file.tell()
        part = read_part(file)
        if id_of(part.statement).hex() != statement_id:
            raise MalformedError("it holds another deposit than its name says")
        if file.read(1):
            raise MalformedError("something follows the statement")
        file.seek(start)
        yield StoredDeposit(about, part._replace(end=part.end - start), file)


def _pieces(blobs: Blobs, statement_id: str) -> Iterator[bytes]:
    for name in piece_names(blobs, statement_id):
        data = blobs.read(name)
        if data is None:
            raise MalformedError(f"{name} is missing")
        yield data


def _unpacked(pieces: Iterable[bytes], recovery: Recovery) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        for piece in pieces:
            kind, packed = _decrypt(piece, recovery)
            if kind != DEPOSIT or unpacker.eof:
                raise MalformedError("not what its name says: it is no part of a deposit")
            while packed and not unpacker.eof:
                yield unpacker.decompress(packed, _READ)
                packed = unpacker.unconsumed_tail
    except zlib.error:
        raise MalformedError("damaged inside: its contents do not unpack") from None
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedError("cut short: the last of its files is missing or damaged")


def _parse_about(line: bytes) -> About:
    fields = Fields(parse_canonical(line.removesuffix(b"\n"), limit=_MAX_ABOUT), "vault", frozenset(About._fields))
    evidence = fields.text("evidence", limit=1000)
    if evidence != os.path.basename(evidence) or not evidence.endswith((".hefu.bundle", ".hefu.json")):
        raise MalformedError("vault: evidence is not the name of an evidence file")  # it will be written under it
    return About(evidence, fields.text("path", limit=16_384))


def _title(kind: str) -> bytes:
    return f"{_FORMAT} {kind}\n".encode()


def _encrypt(data: bytes, recovery: Recovery) -> bytes:
    import pyrage  # a compiled library, which `hefu verify` does not need

    return bytes(pyrage.encrypt(bytes(data), [_identity(recovery.secret).to_public()]))


def _decrypt(data: bytes, recovery: Recovery) -> tuple[str, bytes]:
    import pyrage

    secrets = [recovery.secret, *([recovery.former] if recovery.former else [])]
    try:
        text = pyrage.decrypt(data, [_identity(secret) for secret in secrets])
    except pyrage.DecryptError as error:
        raise MalformedError(f"damaged, or encrypted to another recovery secret ({error})") from None
    title, _, packed = text.partition(b"\n")
    form, _, kind = title.decode("ascii", "replace").partition(" ")
    check_format(form, _FORMAT)
    return kind, packed


def _identity(secret: bytes) -> Any:
    import pyrage

    return pyrage.x25519.Identity.from_str(format_vault_key(Recovery(secret)).decode().strip())
