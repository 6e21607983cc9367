"""A depositor's home folder: who it is, its key, whom it trusts, and the ledger's last checkpoint it saw.

::

    config.json   depositor, identity (opened), origin, server      the last file that ``hefu init`` writes
    key           the secret key, readable by its owner alone
    vault.key     the recovery secret, which opens the vault
    vault.key.old the one before, until all that it opens is encrypted to the new one
    vault/        the vault's files, unless the configuration names another folder
    unsent/       names of those that the service has still to be given
    policy.txt    the trust policy (c2sp.org/tlog-policy) that the service gave at first sight
    genesis       the ledger's first record, which names the key of its acknowledgements
    refreshed     the event up to which all evidence tells of the depositor's keys
    enrolling     while ``hefu init`` is at work: the identity it was shown, and the note that it signed
    checkpoint    the last checkpoint that was verified (a signed note): a ledger that goes back on it is caught
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu.errors import ClientError, Problem
from hefu.files.atomic import make_private, replace
from hefu.service import Service
from hefu.ui.language import say
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, parse_vault_key
from hefu.vault.store import RECOVERY, Vault
from hefu_ledger.encoding import Fields, canonical, parse_plain
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.names import check_depositor, check_origin
from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.identity import parse_identity
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.roster import MAX_SIGNATURES
from hefu_ledger.section import OpenedSection, parse_opened, section_value
from hefu_ledger.tlog.keyfile import parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import Note, format_note, parse_note
from hefu_ledger.tlog.policy import Policy, parse_policy

CONFIG: Final = "config.json"
KEY: Final = "key"
VAULT_KEY: Final = RECOVERY
FORMER_KEY: Final = "vault.key.old"  # while recovery words are being replaced
POLICY: Final = "policy.txt"
GENESIS: Final = "genesis"
CHECKPOINT: Final = "checkpoint"
ENROLLING: Final = "enrolling"
_MEMBERS: Final = frozenset({"depositor", "identity", "origin", "server"})
_OPTIONAL: Final = frozenset({"event", "signatures", "upload", "vault"})
_LIMIT: Final = 65_536  # bytes of any file here


class Config(NamedTuple):
    """``identity``: opened, as it goes into the evidence of this depositor's documents.

    ``vault``: the folder of the vault's files, None for the home's own; ``upload``: whether the service holds them too;
    ``signatures``: how many a statement needs, by the depositor's enrolment; ``event``: the depositor's event that
    added this home's own key, below which no acceptance of its deposits may go.
    """

    depositor: str
    identity: OpenedSection
    origin: str
    server: str
    vault: str | None = None
    upload: bool = True
    signatures: int = 1
    event: int = 0

    @property
    def name(self) -> str:
        """The organisation's name, as its identity has it."""
        return parse_identity(self.identity.text).name


class Reader(NamedTuple):
    """All that reading deposits needs: a home without its key 查阅."""

    path: str
    config: Config
    policy: Policy
    genesis: Genesis
    recovery: Recovery

    @property
    def vault(self) -> Vault:
        """The files of the vault."""
        return vault_of(self.path, self.config, self.recovery)


class Home(NamedTuple):
    """All that depositing needs."""

    path: str
    config: Config
    signer: Ed25519Signer
    policy: Policy
    genesis: Genesis
    recovery: Recovery

    @property
    def vault(self) -> Vault:
        """The files of the vault."""
        return vault_of(self.path, self.config, self.recovery)

    @property
    def reader(self) -> Reader:
        """This home without its key."""
        return Reader(self.path, self.config, self.policy, self.genesis, self.recovery)

    def remote(self, service: Service) -> Remote:
        """The vault at the service."""
        return Remote(service, self.recovery, self.signer)

    def send_owed(self, service: Service) -> list[Problem]:
        """Give the service the files that its copy of the vault lacks, if it has one; those it refuses, and why."""
        return self.vault.send_owed(self.remote(service)) if self.config.upload else []

    def owed(self) -> list[str]:
        """The names of the vault's files that the service has still to be given, if it is to have them."""
        return self.vault.owed() if self.config.upload else []

    @property
    def seen(self) -> Note | None:
        """The last checkpoint that was verified."""
        data = read(self.path, CHECKPOINT)
        return None if data is None else parse_note(data)

    def remember(self, checkpoint: Note) -> None:
        """Keep a checkpoint that was verified. Durable on return."""
        replace(f"{self.path}/{CHECKPOINT}", format_note(checkpoint))


def vault_of(path: str, config: Config, recovery: Recovery) -> Vault:
    """The vault of the home at ``path``."""
    return Vault(path, config.vault or f"{path}/vault", recovery, elsewhere=config.vault is not None)


def format_config(config: Config) -> bytes:
    """Write config.json."""
    members = config._asdict() | {"identity": section_value(config.identity)}
    if config.upload:
        del members["upload"]
    if config.vault is None:
        del members["vault"]
    if config.signatures == 1:
        del members["signatures"]
    if not config.event:
        del members["event"]
    return canonical(members) + b"\n"


def parse_config(data: bytes) -> Config:
    """Read config.json."""
    fields = Fields(parse_plain(data, limit=_LIMIT), "config.json", _MEMBERS, _OPTIONAL)
    if fields.has("upload") and fields.raw("upload") is not False:
        raise MalformedError("config.json: upload is false, or not there")
    return Config(
        depositor=check_depositor(fields.raw("depositor")),
        identity=parse_opened(fields.raw("identity"), "identity"),
        origin=check_origin(fields.raw("origin")),
        server=fields.text("server", limit=1000),
        vault=fields.text("vault", limit=4096) if fields.has("vault") else None,
        upload=not fields.has("upload"),
        signatures=fields.whole("signatures", low=2, high=MAX_SIGNATURES) if fields.has("signatures") else 1,
        event=fields.whole("event", low=1) if fields.has("event") else 0,
    )


def load(path: str) -> Home:
    """Read a home folder that ``hefu init`` has finished."""
    reader = load_reader(path)
    if is_restored(path):
        raise ClientError(say("home.restored", path=path))
    try:
        return Home(path, reader.config, parse_key(_need(path, KEY)), *reader[2:])
    except LedgerError as error:
        raise ClientError(say("home.damaged", path=path, error=error)) from None


def load_reader(path: str) -> Reader:
    """Read a home folder that ``hefu init`` or ``hefu vault restore`` has finished."""
    if read(path, CONFIG) is None:
        raise ClientError(say("home.none", path=path))
    try:
        return Reader(
            path=path,
            config=parse_config(_need(path, CONFIG)),
            policy=parse_policy(_need(path, POLICY).decode("utf-8", "surrogateescape")),
            genesis=parse_genesis(_need(path, GENESIS)),
            recovery=_recovery(path),
        )
    except LedgerError as error:
        raise ClientError(say("home.damaged", path=path, error=error)) from None


def load_either(path: str) -> Home | Reader:
    """Read a home folder, whether it has a signing key or not."""
    return load_reader(path) if is_restored(path) else load(path)


def is_restored(path: str) -> bool:
    """Whether a home came back from its vault, and has no signing key yet."""
    return read(path, CONFIG) is not None and read(path, KEY) is None


def parse_genesis(data: bytes) -> Genesis:
    """Read the record that begins a ledger."""
    body = parse_record(data).body
    if not isinstance(body, Genesis):
        raise MalformedError("the ledger's first record is not genesis")
    return body


def _recovery(path: str) -> Recovery:
    recovery, data = parse_vault_key(_need(path, VAULT_KEY)), read(path, FORMER_KEY)
    former = None if data is None else parse_vault_key(data).secret
    return recovery._replace(former=former) if former != recovery.secret else recovery  # nothing had begun


def read(path: str, name: str) -> bytes | None:
    """The contents of a home's file, or None if there is none."""
    try:
        with open(f"{path}/{name}", "rb") as file:
            return file.read(_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None


def make(path: str) -> None:
    """Make a home folder that only its owner can enter."""
    make_private(path)


def _need(path: str, name: str) -> bytes:
    data = read(path, name)
    if data is None:
        raise MalformedError(f"{name} is missing")
    return data
