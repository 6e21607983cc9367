"""``hefu init`` provides for the day the home is lost: a recovery secret, its sheet, settings in the vault."""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

from hefu.errors import ClientError, Problem
from hefu.files.atomic import replace, write_new
from hefu.home import home
from hefu.home.labels import Label, format_label
from hefu.ui.language import say
from hefu.vault.blobs import HOME, LABEL, unseal
from hefu.vault.secret import Recovery, format_vault_key, parse_vault_key
from hefu.vault.store import Vault
from hefu_ledger.encoding import Fields, canonical, format_time, parse_canonical
from hefu_ledger.tlog.policy import parse_policy

NEW: Final = ".new"
_MEMBERS: Final = frozenset({"config", "genesis", "policy", "saved_at"})
_LIMIT: Final = 1 << 20


class VaultOptions(NamedTuple):
    """How a vault is kept. ``folder``: None for the home's own. ``recovery``: of a vault that there is already."""

    folder: str | None = None
    upload: bool = True
    recovery: Recovery | None = None


class HomeSettings(NamedTuple):
    """A home's settings as its vault has them; ``saved_at`` in ms."""

    config: home.Config
    genesis: bytes
    policy: bytes
    saved_at: int


def recovery_of(path: str, given: Recovery | None) -> Recovery:
    """The home's recovery secret, made, or taken from a sheet, before anything needs it. Durable on return."""
    home.make(path)
    found = home.read(path, home.VAULT_KEY)
    if found is None:
        if given is None:
            replace(f"{path}/{home.VAULT_KEY}{NEW}", b"")  # a sheet is owed, though the next step were the last
        recovery = given or Recovery(os.urandom(32))
        write_new(f"{path}/{home.VAULT_KEY}", format_vault_key(recovery))
        return recovery
    recovery = parse_vault_key(found)
    if given not in (None, recovery):
        raise ClientError(say("init.other_vault", path=path))
    return recovery


def keep_settings(config: home.Config, *, path: str, genesis: bytes, policy: bytes, recovery: Recovery) -> None:
    """Put settings, never the signing key, into the vault. Durable on return."""
    settings = HomeSettings(config._replace(vault=None), genesis, policy, time.time_ns() // 1_000_000)
    folder = config.vault or f"{path}/vault"
    Vault(path, folder, recovery).keep(HOME, format_settings(settings))


def keep_label(path: str, label: Label) -> None:
    """Put a label into the vault; it is sent with the next deposit. Durable on return."""
    home.load_reader(path).vault.keep(LABEL, format_label(label))


def forget_new(path: str) -> None:
    """From here on the secret is an old one, whose sheet is not made again."""
    if home.read(path, home.VAULT_KEY + NEW) is not None:
        os.unlink(f"{path}/{home.VAULT_KEY}{NEW}")


def format_settings(settings: HomeSettings) -> bytes:
    """Write a home's settings as the vault keeps them."""
    texts = {"config": home.format_config(settings.config), "genesis": settings.genesis, "policy": settings.policy}
    members = {name: text.decode() for name, text in texts.items()}
    return canonical(members | {"saved_at": format_time(settings.saved_at)})


def parse_settings(data: bytes) -> HomeSettings:
    """Read a home's settings."""
    fields = Fields(parse_canonical(data, limit=_LIMIT), "vault: home", _MEMBERS)
    return HomeSettings(
        config=home.parse_config(fields.text("config", limit=65_536).encode()),
        genesis=fields.text("genesis", limit=65_536).encode(),
        policy=fields.text("policy", limit=65_536).encode(),
        saved_at=fields.time("saved_at"),
    )


def trusted_settings(vault: Vault, names: list[str], fingerprint: str) -> tuple[HomeSettings | None, list[Problem]]:
    """The settings that were saved last, of a vault's files that are named by their contents; and those refused.

    Nothing signs settings, and the words alone can write some. So those are refused that trust another log key than
    their genesis names, or another than ``fingerprint`` unless that is empty. ClientError where two ledgers are left.
    """
    found, refused = list[HomeSettings](), list[Problem]()
    for name in names:
        kind, contents = unseal(vault.read(name) or b"", vault.recovery)
        if kind == HOME:
            settings = parse_settings(contents)
            fault = _distrusted(settings, fingerprint)
            refused += [Problem(name, fault)] if fault else []
            found += [] if fault else [settings]
    logs = sorted({home.parse_genesis(settings.genesis).log.fingerprint for settings in found})
    if len(logs) > 1:
        raise ClientError(say("restore.two_ledgers", fingerprints=", ".join(logs)))
    return max(found, key=lambda settings: settings.saved_at, default=None), refused


def _distrusted(settings: HomeSettings, fingerprint: str) -> str:
    """Why settings are refused; empty where they are not."""
    genesis = home.parse_genesis(settings.genesis)
    policy = parse_policy(settings.policy.decode("utf-8", "surrogateescape"))
    strange = [each.key.fingerprint for each in policy.logs if each.key not in (genesis.log, genesis.log_mldsa44)]
    if strange:
        return say("restore.strange_key", fingerprints=", ".join(strange))
    if fingerprint not in ("", genesis.log.fingerprint):
        return say("restore.other_ledger", found=genesis.log.fingerprint, wanted=fingerprint)
    return ""
