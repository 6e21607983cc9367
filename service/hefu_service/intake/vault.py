"""Vaults 保管库: files that depositors encrypt before they leave them here; the service cannot read them.

A vault is found by its address, of which only the SHA-256 is stored. The first depositor to put a file there, signed by
its own key, owns the vault. Files are written once and never removed. The address alone opens a vault for reading, so a
depositor whose recovery words 恢复词 are known to a leaver fills another vault and closes this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from hefu_ledger.deposit.vault import Closure, Upload, parse_signed_closure, parse_signed_upload
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.role import APPROVE
from hefu_ledger.records.roster import Roster, RosterKey
from hefu_ledger.records.signatures import verify_lines
from hefu_ledger.tlog.note import Note
from hefu_service.intake.keys import need_keys
from hefu_service.intake.refusals import (
    ConflictError,
    KeyNotInForceError,
    NotTheirVaultError,
    QuotaError,
    SignatureRefusedError,
    VaultClosedError,
)
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import VaultBlob, VaultClosure
from hefu_service.ports.store import View
from hefu_service.services import Services

_AGE: Final = b"age-encryption.org/v1\n"  # c2sp.org/age: the first line of every encrypted file


@dataclass(frozen=True, slots=True)
class VaultListing:
    """A vault's files by name, and its depositor's statement ids (32 bytes) by ``nth``, which show what is missing."""

    depositor: str
    blobs: Sequence[VaultBlob]
    statements: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed vault; ``again``: the same closure was made before."""

    closure: Closure
    again: bool


def check_upload(services: Services, address: str, name: str, note: bytes) -> int:
    """Check, before a file is received, that a key in force has signed for it; its size (bytes), as signed."""
    signed, upload = parse_signed_upload(note)
    if (upload.origin, upload.address, upload.name) != (services.origin, hash_address(address), name):
        raise SignatureRefusedError("the signed note is about another name or vault than was sent")
    with services.store.view() as view:
        _check_open(view, upload.address)
        _signers(services, need_keys(view, upload.depositor).roster, upload.depositor, signed)
    return upload.size


def put_blob(services: Services, address: str, name: str, note: bytes, data: bytes) -> bool:
    """Keep a file, durably; False if this very file was there before.

    Raises MalformedError, a RefusedError of the signature, VaultClosedError, NotTheirVaultError, ConflictError for
    other bytes under the name, QuotaError.
    """
    signed, upload = parse_signed_upload(note)
    vault = hash_address(address)
    sent = Upload(vault, upload.at, upload.depositor, name, services.origin, sha256(data).digest(), len(data))
    if upload != sent:
        raise SignatureRefusedError("the signed note is about another file, name or vault than was sent")
    if not data.startswith(_AGE):
        raise MalformedError("not an age-encrypted file; only those are kept, since the service must not read them")
    with services.store.view() as view:
        _signers(services, need_keys(view, upload.depositor).roster, upload.depositor, signed)
        if _check_place(services, view, upload):
            return False
    services.vault_files.write(upload.depositor, upload.name, data)  # before its row: a row without a file is damage
    with services.store.intake() as intake:
        _signers(services, need_keys(intake, upload.depositor).roster, upload.depositor, signed)
        if _check_place(services, intake, upload):
            return False
        if intake.vault_depositor(vault) is None:
            intake.bind_vault(vault, upload.depositor)
        blob = VaultBlob(vault, upload.name, upload.size, upload.sha256, services.clock.now_ms())
        intake.add_vault_blob(blob)
    return True


def close_vault(services: Services, note: bytes) -> Closed:
    """Close a vault for ever in favour of another, durably: nothing is read from it or put there any more.

    Its files stay on the disk, and count to the quota. Raises MalformedError, a RefusedError of the signature
    (SignatureRefusedError also where there are approvers and none has signed), NotTheirVaultError, or ConflictError:
    one of the two holds nothing, the other one is closed itself, or this one was in favour of a third.
    """
    signed, closure = parse_signed_closure(note)
    if closure.origin != services.origin:
        raise SignatureRefusedError("the closure is of a vault at another ledger")
    with services.store.view() as view:  # a stranger's note takes no lock that deposits wait for
        _signers(services, need_keys(view, closure.depositor).roster, closure.depositor, signed)
    with services.store.intake() as intake:
        roster = need_keys(intake, closure.depositor).roster
        signers = _signers(services, roster, closure.depositor, signed)
        if APPROVE in roster.roles() and not any(key.role == APPROVE for key in signers):
            raise SignatureRefusedError("the closure is not signed by a key that approves")
        again = _check_closure(intake, closure)
        if not again:
            closed_at = services.clock.now_ms()
            intake.close_vault(VaultClosure(closure.address, closure.successor, note, closed_at))
    return Closed(closure, again)


def list_vault(services: Services, address: str) -> VaultListing | None:
    """List a vault; None if no file was ever put there. VaultClosedError if it is closed."""
    vault = hash_address(address)
    with services.store.view() as view:
        _check_open(view, vault)
        depositor = view.vault_depositor(vault)
        if depositor is None:
            return None
        return VaultListing(depositor, view.vault_blobs(vault), view.statements_of(depositor))


def read_blob(services: Services, address: str, name: str) -> bytes | None:
    """Give a file; None if there is no such vault or file. VaultClosedError if the vault is closed.

    StorageError if the file is not as it was put there.
    """
    vault = hash_address(address)
    with services.store.view() as view:
        _check_open(view, vault)
        depositor = view.vault_depositor(vault)
        blob = view.vault_blob(vault, name)
    if depositor is None or blob is None:
        return None
    data = services.vault_files.read(depositor, name, blob.sha256)
    if data is None or sha256(data).digest() != blob.sha256:
        raise StorageError(f"vault file {name} of {depositor} is missing or damaged: run `hefu-service fsck`")
    return data


def hash_address(address: str) -> bytes:
    """The stored form of an address: its SHA-256 (32 bytes)."""
    return sha256(address.encode()).digest()


def _signers(services: Services, roster: Roster, depositor: str, signed: Note) -> list[RosterKey]:
    """The keys in force that signed; a refusal if there are none, or others."""
    name = depositor_key_name(services.origin, depositor)
    try:
        lines = verify_lines(signed, roster.verifier_keys(name))
    except VerificationError as error:
        if error.code == "key-strange":
            raise KeyNotInForceError(str(error)) from error
        raise SignatureRefusedError(str(error)) from error
    return [key for key in roster.keys if key.key in lines]


def _check_open(view: View, vault: bytes) -> None:
    closed = view.vault_closure(vault)
    if closed is not None:
        raise VaultClosedError(
            f"the vault was closed at {format_time(closed.closed_at)}: its depositor uses another one since, under"
            " other recovery words; ask the colleague who keeps them"
        )


def _check_closure(view: View, closure: Closure) -> bool:
    """Whether the vault is closed so already; a refusal if it may not be."""
    for vault, which in ((closure.address, "to close"), (closure.successor, "that takes its place")):
        depositor = view.vault_depositor(vault)
        if depositor is None:
            raise ConflictError(f"the vault {which} holds nothing; put the files where they are to be found first")
        if depositor != closure.depositor:
            raise NotTheirVaultError(f"the vault {which} is another depositor's")
    closed = view.vault_closure(closure.address)
    if closed is not None and closed.successor != closure.successor:
        raise ConflictError("the vault was closed before, and another one took its place")
    if closed is None and view.vault_closure(closure.successor) is not None:
        raise ConflictError("the vault that takes its place is closed itself")
    return closed is not None


def _check_place(services: Services, view: View, upload: Upload) -> bool:
    """Whether this very file is there already; a refusal if it may not be put there."""
    _check_open(view, upload.address)
    if view.vault_depositor(upload.address) not in (None, upload.depositor):
        raise NotTheirVaultError("this vault is another depositor's")
    there = view.vault_blob(upload.address, upload.name)
    if there is not None and there.sha256 != upload.sha256:
        raise ConflictError("another file is kept under this name, and files are written once")
    if there is None:
        _check_room(view, upload, services.vault_quota)
    return there is not None


def _check_room(view: View, upload: Upload, quota: int) -> None:
    """A vault holds the quota, and all vaults of a depositor twice that, so that a full one can be replaced.

    Closed ones count: their files stay on the disk, and a closure must not be a way to fill it.
    """
    sizes = view.vault_sizes(upload.depositor)
    if sizes.get(upload.address, 0) + upload.size > quota:
        raise QuotaError(f"a vault holds at most {quota} bytes; ask the operator for more")
    if sum(sizes.values()) + upload.size > 2 * quota:
        raise QuotaError(
            f"the depositor's vaults, closed ones too, hold at most {2 * quota} bytes; ask the operator for more"
        )
