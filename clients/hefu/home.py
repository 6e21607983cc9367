"""A depositor's home folder: who it is, its key, whom it trusts, and what it last saw of the ledger.

::

    config.json   depositor, identity (opened), origin, server      the last file that ``hefu init`` writes
    key           the secret key, readable by its owner alone
    policy.txt    the trust policy (c2sp.org/tlog-policy) that the service gave at first sight
    genesis       the ledger's first record, which names the key of its acknowledgements
    checkpoint    the last checkpoint that was verified (a signed note): a ledger that goes back on it is caught
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from hefu.atomic import replace
from hefu.errors import ClientError
from hefu.key import parse_key
from hefu_ledger.card import Opened, parse_opened, section_value
from hefu_ledger.encoding import Fields, canonical, parse_plain
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.keys import Ed25519Signer
from hefu_ledger.names import check_depositor, check_origin
from hefu_ledger.note import Note, format_note, parse_note
from hefu_ledger.policy import Policy, parse_policy
from hefu_ledger.record import Genesis, parse_record

CONFIG: Final = "config.json"
KEY: Final = "key"
POLICY: Final = "policy.txt"
GENESIS: Final = "genesis"
CHECKPOINT: Final = "checkpoint"
_MEMBERS: Final = frozenset({"depositor", "identity", "origin", "server"})
_LIMIT: Final = 65_536  # bytes of any file here


class Config(NamedTuple):
    """``identity``: opened, as it goes into the evidence of this depositor's documents."""

    depositor: str
    identity: Opened
    origin: str
    server: str


class Home(NamedTuple):
    """All that depositing needs."""

    path: str
    config: Config
    signer: Ed25519Signer
    policy: Policy
    genesis: Genesis

    @property
    def seen(self) -> Note | None:
        """The last checkpoint that was verified."""
        data = read(self.path, CHECKPOINT)
        return None if data is None else parse_note(data)

    def remember(self, checkpoint: Note) -> None:
        """Keep a checkpoint that was verified. Durable on return."""
        replace(f"{self.path}/{CHECKPOINT}", format_note(checkpoint))


def format_config(config: Config) -> bytes:
    """Write config.json."""
    return canonical(config._asdict() | {"identity": section_value(config.identity)}) + b"\n"


def parse_config(data: bytes) -> Config:
    """Read config.json."""
    fields = Fields(parse_plain(data, limit=_LIMIT), "config.json", _MEMBERS)
    return Config(
        depositor=check_depositor(fields.raw("depositor")),
        identity=parse_opened(fields.raw("identity"), "identity"),
        origin=check_origin(fields.raw("origin")),
        server=fields.text("server", limit=1000),
    )


def load(path: str) -> Home:
    """Read a home folder that ``hefu init`` has finished."""
    if read(path, CONFIG) is None:
        raise ClientError(f"{path} is no home folder yet: run hefu init --home {path} --server URL --code CODE")
    try:
        return Home(
            path=path,
            config=parse_config(_need(path, CONFIG)),
            signer=parse_key(_need(path, KEY)),
            policy=parse_policy(_need(path, POLICY).decode("utf-8", "surrogateescape")),
            genesis=parse_genesis(_need(path, GENESIS)),
        )
    except LedgerError as error:
        raise ClientError(f"{path} is damaged: {error}") from None


def parse_genesis(data: bytes) -> Genesis:
    """Read the record that begins a ledger."""
    body = parse_record(data).body
    if not isinstance(body, Genesis):
        raise MalformedError("the ledger's first record is not genesis")
    return body


def read(path: str, name: str) -> bytes | None:
    """The contents of a home's file, or None if there is none."""
    try:
        with open(f"{path}/{name}", "rb") as file:
            return file.read(_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None


def make(path: str) -> None:
    """Make a home folder that only its owner can enter."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def _need(path: str, name: str) -> bytes:
    data = read(path, name)
    if data is None:
        raise MalformedError(f"{name} is missing")
    return data
