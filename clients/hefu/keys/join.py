"""``hefu key request``: a further computer of a depositor, which shares the vault and gets a key of its own.

::

    (nothing) ── words ──▶ settings from the vault ── a key is made ──▶ request, to carry ── hefu key add ──▶ a home

The key counts for nothing here until the ledger has it. Every step can be repeated.
"""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

from hefu.errors import ClientError, RefusedError
from hefu.files.atomic import PUBLIC, replace, write_new
from hefu.home import home
from hefu.home.home import Reader
from hefu.home.settings import trusted_settings
from hefu.keys.roster import Keys, Member, read_keys
from hefu.service import Service
from hefu.ui.language import say
from hefu.vault.blobs import unseal
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, format_vault_key, parse_vault_key
from hefu.vault.store import Vault
from hefu_ledger.errors import LedgerError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.section import close
from hefu_ledger.tlog.keyfile import format_key, parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note

_ASKED: Final = "key.asked"  # the key's file until the ledger has it
REQUEST: Final = ".keyrequest"


class Asked(NamedTuple):
    """``file``: the request to carry; empty once the key is on the ledger, and the home is one to deposit from."""

    depositor: str
    key: str  # its id in hex
    fingerprint: str
    role: str
    file: str


def ask_for_key(
    path: str, service: Service | None, recovery: Recovery | None, *, role: str, fingerprint: str = ""
) -> Asked:
    """Make ``path`` a home of the depositor whose vault this is, as far as that goes without another's word.

    ``service`` and ``recovery`` are needed the first time alone; a home that ``hefu vault restore`` made has both.
    ``fingerprint``: of the log key, by the sheet's QR code; empty where the words alone were typed.
    """
    if home.read(path, home.CONFIG) is None:
        if service is None or recovery is None:
            raise ClientError(say("key.need_words", path=path))
        _settle(path, service, recovery, fingerprint)
    reader = home.load_reader(path)
    if not home.is_restored(path):
        raise ClientError(say("key.home_already", path=path))
    signer = _key(path, depositor_key_name(reader.config.origin, reader.config.depositor))
    key, fingerprint = signer.key.key_id.hex(), signer.key.fingerprint
    with Service(reader.config.server, insecure_http=True) as online:
        keys = read_keys(reader, online)
    member = keys.member(signer.key)
    if member is not None and keys.in_force(signer.key):
        _become_own(path, reader, keys, member)
        return Asked(reader.config.depositor, key, fingerprint, member.role, "")
    file = f"{path}/{key}{REQUEST}"
    replace(file, _possession(reader, signer, keys, role), mode=PUBLIC)
    return Asked(reader.config.depositor, key, fingerprint, role, file)


def _settle(path: str, service: Service, recovery: Recovery, fingerprint: str) -> None:
    """Bring the home's settings from the vault at the service; the deposits follow with ``hefu vault sync``."""
    remote, vault = Remote(service, recovery), Vault(path, f"{path}/vault", recovery)
    home.make(path)
    found = home.read(path, home.VAULT_KEY)
    if found is None:
        names = _names(remote, service)
        write_new(f"{path}/{home.VAULT_KEY}", format_vault_key(recovery))
    elif parse_vault_key(found) == recovery:
        names = _names(remote, service)
    else:
        raise ClientError(say("key.other_words", path=path))
    for name in names:
        data = remote.read(name)
        if data is not None and not vault.has(name) and _opens(data, recovery):
            vault.add(name, data)
    settings, refused = trusted_settings(vault, [name for name in names if vault.has(name)], fingerprint)
    if refused:
        raise ClientError(f"{refused[0].path}: {refused[0].cause}")
    if settings is None:
        raise ClientError(say("key.no_settings", url=service.url))
    replace(f"{path}/{home.POLICY}", settings.policy)
    replace(f"{path}/{home.GENESIS}", settings.genesis)
    replace(f"{path}/{home.CONFIG}", home.format_config(settings.config._replace(server=service.url)))


def _names(remote: Remote, service: Service) -> list[str]:
    """The vault's files that are no deposits: settings and labels."""
    try:
        listing = remote.listing()
    except RefusedError as error:
        if error.status != 404:
            raise
        raise ClientError(say("key.no_vault", url=service.url)) from None
    deposited = set(listing.statements)
    return [name for name in listing.blobs if "." not in name and name not in deposited]


def _opens(data: bytes, recovery: Recovery) -> bool:
    """Whether it is settings or a label: a deposit that was never made is neither."""
    try:
        unseal(data, recovery)
    except LedgerError:
        return False
    return True


def _key(path: str, name: str) -> Ed25519Signer:
    data = home.read(path, _ASKED)
    if data is None:
        data = format_key(name, os.urandom(32))
        write_new(f"{path}/{_ASKED}", data)
    return parse_key(data)


def _possession(reader: Reader, signer: Ed25519Signer, keys: Keys, role: str) -> bytes:
    """The note of a new computer, signed by its key: no colleague has vouched for it yet."""
    possession = Possession(
        depositor=reader.config.depositor,
        identity=close(reader.config.identity),
        origin=reader.config.origin,
        requested_at=time.time_ns() // 1_000_000,
        signatures_required=keys.roster.signatures_required,
        key=signer.key,
        role=role,
    )
    return format_note(sign_note(format_possession(possession), [signer]))


def _become_own(path: str, reader: Reader, keys: Keys, member: Member) -> None:
    """Make the home one to deposit from; the key's file is the last to move."""
    config = reader.config._replace(event=member.event, signatures=keys.roster.signatures_required)
    replace(f"{path}/{home.CONFIG}", home.format_config(config))
    os.rename(f"{path}/{_ASKED}", f"{path}/{home.KEY}")
