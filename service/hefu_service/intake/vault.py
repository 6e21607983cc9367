"""Vaults 保管库: encrypted files that depositors leave here, and that nobody here can read.

A vault is found by its address, of which only the SHA-256 is kept; who first puts a file there, with a key of its own,
is its depositor. Files are written once and never removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from hefu_ledger.encoding import MAX_INTEGER
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.note import Note, verify_note
from hefu_ledger.upload import Upload, parse_signed_upload
from hefu_service.intake.keys import roster_of
from hefu_service.intake.refusals import (
    ConflictError,
    KeyNotInForceError,
    NotTheirVaultError,
    QuotaError,
    SignatureRefusedError,
    UnknownDepositorError,
)
from hefu_service.ports import StorageError, VaultBlob, View
from hefu_service.services import Services

_AGE: Final = b"age-encryption.org/v1\n"  # c2sp.org/age: how every encrypted file begins


@dataclass(frozen=True, slots=True)
class VaultListing:
    """What a vault holds, by name, and the ids of its depositor's statements by their ``nth``: to find what is lost."""

    depositor: str
    blobs: Sequence[VaultBlob]
    statements: Sequence[bytes]


def check_upload(services: Services, address: str, name: str, note: bytes) -> int:
    """Check, before a file is received, that a key in force has signed for it; its size (bytes), as signed."""
    signed, upload = parse_signed_upload(note)
    if (upload.address, upload.name) != (hash_address(address), name):
        raise SignatureRefusedError("the signed note is about another name or vault than was sent")
    with services.store.view() as view:
        _check_signature(services, view, signed, upload)
    return upload.size


def put_blob(services: Services, address: str, name: str, note: bytes, data: bytes) -> bool:
    """Keep a file, durably; False if this very file was there before.

    Raises MalformedError, a RefusedError of the signature, NotTheirVaultError, ConflictError for other bytes under
    the name, QuotaError.
    """
    signed, upload = parse_signed_upload(note)
    vault = hash_address(address)
    if upload != Upload(vault, upload.depositor, name, sha256(data).digest(), len(data)):
        raise SignatureRefusedError("the signed note is about another file, name or vault than was sent")
    if not data.startswith(_AGE):
        raise MalformedError("not an age-encrypted file; nothing else is kept here, so that nobody here can read it")
    with services.store.view() as view:
        _check_signature(services, view, signed, upload)
        if _check_place(services, view, upload):
            return False
    services.vault_files.write(upload.depositor, upload.name, data)  # before its row: a row without a file is damage
    with services.store.intake() as intake:
        _check_signature(services, intake, signed, upload)
        if _check_place(services, intake, upload):
            return False
        if intake.vault_depositor(vault) is None:
            intake.bind_vault(vault, upload.depositor)
        blob = VaultBlob(vault, upload.name, upload.size, upload.sha256, services.clock.now_ms())
        intake.add_vault_blob(blob)
    return True


def list_vault(services: Services, address: str) -> VaultListing | None:
    """List a vault; None if nobody ever put a file there."""
    vault = hash_address(address)
    with services.store.view() as view:
        depositor = view.vault_depositor(vault)
        if depositor is None:
            return None
        return VaultListing(depositor, view.vault_blobs(vault), view.statements_of(depositor))


def read_blob(services: Services, address: str, name: str) -> bytes | None:
    """Give a file; None if there is no such vault or file. StorageError if it is not as it was put there."""
    vault = hash_address(address)
    with services.store.view() as view:
        depositor = view.vault_depositor(vault)
        blob = view.vault_blob(vault, name)
    if depositor is None or blob is None:
        return None
    data = services.vault_files.read(depositor, name, blob.sha256)
    if data is None or sha256(data).digest() != blob.sha256:
        raise StorageError(f"vault file {name} of {depositor} is missing or damaged: run `hefu-service fsck`")
    return data


def hash_address(address: str) -> bytes:
    """What is kept of an address, 32 bytes."""
    return sha256(address.encode()).digest()


def _check_signature(services: Services, view: View, signed: Note, upload: Upload) -> None:
    events = tuple(view.events_of(upload.depositor))
    if not events:
        raise UnknownDepositorError(f"no depositor {upload.depositor!r} is enrolled here")
    keys = roster_of(services.origin, upload.depositor, events).keys_at(MAX_INTEGER)
    try:
        verified, unknown = verify_note(signed, keys)
    except VerificationError as error:
        raise SignatureRefusedError(str(error)) from error
    if unknown or not verified:
        raise KeyNotInForceError("the upload is signed by a key that is unknown, retired or another's")


def _check_place(services: Services, view: View, upload: Upload) -> bool:
    """Whether this very file is there already; a refusal if it may not be put there."""
    if view.vault_depositor(upload.address) not in (None, upload.depositor):
        raise NotTheirVaultError("this vault is another depositor's")
    there = view.vault_blob(upload.address, upload.name)
    if there is not None and there.sha256 != upload.sha256:
        raise ConflictError("another file is kept under this name, and files are written once")
    if there is None and view.vault_size(upload.depositor) + upload.size > services.vault_quota:
        raise QuotaError(f"the depositor's vault holds at most {services.vault_quota} bytes; ask the operator for more")
    return there is not None
