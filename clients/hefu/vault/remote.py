"""The service's side of a vault: encrypted files, which a client reads that shows the vault's address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final, NamedTuple

from hefu.errors import ClientError, ClosedError, RefusedError, UnreachableError
from hefu.service import NO_ROOM, Service
from hefu.ui.language import say
from hefu.vault.blobs import MAX_BLOB, hold_the_same
from hefu.vault.secret import Recovery
from hefu_ledger.deposit.vault import Upload, check_blob_name, format_upload
from hefu_ledger.encoding import Fields, to_base64
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.names import check_depositor
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note

_GONE: Final = 410
_OCTETS: Final = "application/octet-stream"
_MAX_LISTING: Final = 256 << 20  # bytes: a million files


class Listed(NamedTuple):
    """A file that the service holds; ``sha256`` has 32 bytes."""

    size: int
    sha256: bytes


class Listing(NamedTuple):
    """A vault's files at the service, by name, and the ids (hex) of its depositor's statements, by their ``nth``."""

    depositor: str
    blobs: dict[str, Listed]
    statements: list[str]


class Remote:
    """A vault at a service. ``signer``: a key of the depositor's, without which nothing can be put."""

    def __init__(self, service: Service, recovery: Recovery, signer: Ed25519Signer | None = None) -> None:
        self._service = service
        self._recovery = recovery
        self._signer = signer
        self._listing: Listing | None = None
        self._no_room: tuple[int, RefusedError] | None = None  # for so many bytes, in the service's words

    def listing(self) -> Listing:
        """The vault's files at the service; asked once. RefusedError (404) if no file was ever put at this address."""
        if self._listing is None:
            with _closing():
                answer = self._service.get("/v1/vault", limit=_MAX_LISTING, headers=self._headers())
            try:
                self._listing = _parse_listing(answer.json("vault"))
            except MalformedError as error:
                raise UnreachableError(say("vault.answer", error=error)) from None
        return self._listing

    def names(self) -> set[str]:
        """The names of the files at the service; none if no file was ever put at this address."""
        return set(self._listed().blobs)

    def statements(self) -> list[str]:
        """Ids (hex) of the depositor's statements, as far as the service tells them at this address."""
        return self._listed().statements

    def _listed(self) -> Listing:
        try:
            return self.listing()
        except RefusedError as error:
            if error.status != 404:
                raise
            return Listing("", {}, [])

    def has(self, name: str) -> bool:
        """Whether the service holds a file."""
        return name in self.listing().blobs

    def read(self, name: str) -> bytes | None:
        """A file, None if there is none. MalformedError if it is not the one that was put there."""
        listed = self.listing().blobs.get(name)
        if listed is None:
            return None
        try:
            with _closing():
                data = self._service.get(f"/v1/vault/{name}", limit=MAX_BLOB, headers=self._headers()).body
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        if sha256(data).digest() != listed.sha256:
            raise MalformedError("damaged: not the bytes that the service itself lists")
        return data

    def put(self, name: str, data: bytes) -> None:
        """Give the service a file. Other bytes there under this name are right if they hold the same.

        RefusedError; without asking again, where there was no room for one that is no larger.
        """
        if self._signer is None:
            raise ClientError(say("vault.no_key"))
        if self._no_room is not None and len(data) >= self._no_room[0]:
            raise self._no_room[1]
        origin, _, depositor = self._signer.key.name.rpartition("/depositor/")
        address = sha256(self._recovery.address.encode()).digest()
        at = time.time_ns() // 1_000_000
        upload = Upload(address, at, depositor, name, origin, sha256(data).digest(), len(data))
        note = format_note(sign_note(format_upload(upload), [self._signer]))
        headers = {**self._headers(), "Hefu-Signature": to_base64(note)}
        try:
            with _closing():
                self._service.put(f"/v1/vault/{name}", data, _OCTETS, headers=headers)
        except RefusedError as error:
            if error.status == NO_ROOM:
                self._no_room = len(data), error
            if error.status != 409 or not self._holds_the_same(name, data):
                raise
        self._listing = None

    def _holds_the_same(self, name: str, data: bytes) -> bool:
        self._listing = None
        try:
            found = self.read(name)
            return found is not None and hold_the_same(found, data, self._recovery)
        except LedgerError:
            return False

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._recovery.address}"}


@contextmanager
def _closing() -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise ClosedError(error) if error.status == _GONE else error from None


def _parse_listing(value: object) -> Listing:
    fields = Fields(value, "vault", frozenset(Listing._fields))
    blobs = {}
    for item in fields.items("blobs", high=10_000_000):
        blob = Fields(item, "vault: blob", frozenset({"name", "sha256", "size"}))
        blobs[check_blob_name(blob.raw("name"))] = Listed(blob.whole("size", high=MAX_BLOB), blob.hash("sha256"))
    statements = [statement_id.hex() for statement_id in fields.hashes("statements", high=10_000_000)]
    return Listing(check_depositor(fields.raw("depositor")), blobs, statements)
