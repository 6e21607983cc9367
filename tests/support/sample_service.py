"""A whole service on a temporary directory, with a clock that a test sets and faults that it injects."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hefu_ledger.deposit.statement import Seen, Statement, format_statement
from hefu_ledger.names import acknowledgement_key_name, depositor_key_name, recovery_key_name
from hefu_ledger.records.bodies import Body
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.record import parse_body
from hefu_ledger.records.role import PREPARE
from hefu_ledger.section import close, parse_opened
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer, format_vkey
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.tlog.policy import Log, Policy
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Accepted, Committer
from hefu_service.intake.enrolment import Enrolled, Invitation, enrol, invite, issue_code, reissue_code
from hefu_service.intake.keys import keys_of
from hefu_service.jobs.tasks import settle
from hefu_service.outside.files import BatchFolder, LedgerFolder
from hefu_service.outside.signer import FileSigner
from hefu_service.outside.vaults import VaultFolder
from hefu_service.ports.rows import Event
from hefu_service.ports.store import Store
from hefu_service.publishing.fsck import Fault, fsck
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.services import Services
from hefu_service.store.engines import sqlite_url
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import open_store

ORIGIN = "log.example/fengxian"
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000
USCC = "91310120MA1HP00194"


def signer(name: str, label: str) -> Ed25519Signer:
    """A signer whose seed is the SHA-256 of a label."""
    return Ed25519Signer(name, sha256(label.encode()).digest())


LOG = signer(ORIGIN, "log")
LOG_MLDSA44 = MLDSA44Signer(ORIGIN, sha256(b"log mldsa44").digest())
ACKNOWLEDGEMENT = signer(acknowledgement_key_name(ORIGIN), "acknowledgement")
RECOVERY = signer(recovery_key_name(ORIGIN), "recovery")
POLICY = Policy(logs=(Log(LOG.key), Log(LOG_MLDSA44.key)), witnesses=(), groups=(), quorum=None)


@dataclass
class SetClock:
    """Shows what a test sets; each look takes a millisecond."""

    time_ms: int = START

    def now_ms(self) -> int:
        self.time_ms += 1
        return self.time_ms


def services_on(data: Path, store: Store, clock: SetClock) -> Services:
    """The services of a data directory."""
    return Services(
        store=store,
        clock=clock,
        files=LedgerFolder(data / "ledger"),
        batch_files=BatchFolder(data / "batches"),
        signer=FileSigner(LOG, LOG_MLDSA44, data / "signer"),
        acknowledger=ACKNOWLEDGEMENT,
        origin=ORIGIN,
        longest_delay_ms=DAY,
        number_prefix="FX",
        vault_files=VaultFolder(data / "vaults"),
    )


@dataclass
class SampleService:
    """A service; ``enrol`` and ``statement`` play the enterprise."""

    data: Path
    services: Services
    clock: SetClock
    committer: Committer = field(init=False)

    def __post_init__(self) -> None:
        self.committer = Committer(self.services)

    @property
    def front_door(self) -> FrontDoor:
        """The entrance of deposits, without limits."""
        return FrontDoor(self.committer)

    def code(self, **options: Any) -> str:
        """A one-time code for a new depositor."""
        return issue_code(
            self.services,
            name="上海某化妆品有限公司",
            uscc=USCC,
            method="营业执照核验",
            verified_by="工作站",
            **{"another_identity": "tests", **options},
        )

    def enrol(self, label: str = "key", **options: Any) -> Ed25519Signer:
        """Enrol a new depositor's first key."""
        code = self.code(**options)
        key = depositor_key(code, label)
        self.redeem(code, key)
        return key

    def enrol_another(self, key: Ed25519Signer, label: str, *earlier: Ed25519Signer) -> Ed25519Signer:
        """Enrol another key of a depositor."""
        code = reissue_code(self.services, depositor_of(key))
        other = depositor_key(code, label)
        self.redeem(code, other, *earlier)
        return other

    def redeem(self, code: str, signer: Ed25519Signer, /, *earlier: Ed25519Signer, **changes: Any) -> Enrolled:
        """Enrol a key by a code, with the note that the code asks for, or a changed one."""
        return enrol(self.services, self.possession(code, signer, *earlier, **changes), code=code)

    def possession(self, code: str, signer: Ed25519Signer, /, *earlier: Ed25519Signer, **changes: Any) -> bytes:
        """The note that an unused code asks for, or a changed one."""
        changes.setdefault("at", self.clock.time_ms)
        return possession(signer, *earlier, invitation=invite(self.services, code), **changes)

    def vouched(self, key: Ed25519Signer, *vouchers: Ed25519Signer, **changes: Any) -> bytes:
        """The note of a further key, for which earlier ones vouch, as the depositor's roster asks for it."""
        with self.services.store.view() as view:
            roster = keys_of(view, depositor_of(key)).roster
        said: dict[str, Any] = {
            "identity": roster.identity,
            "signatures_required": roster.signatures_required,
        } | changes
        return possession(key, *vouchers, at=self.clock.time_ms, **said)

    def accept(self, *statements: bytes) -> list[Accepted]:
        """Deposit statements, each a request of its own."""
        return [accepted for statement in statements for accepted in self.front_door.accept([statement])]

    def deposit(self, key: Ed25519Signer, count: int = 1, *, first: int = 0) -> list[Accepted]:
        """Deposit ``count`` new statements."""
        return self.accept(*(statement(key, number) for number in range(first, first + count)))

    def settle(self) -> None:
        """Seal and publish all that is owed."""
        settle(self.services)

    def findings(self) -> list[Fault]:
        """What the check of everything finds."""
        return list(fsck(self.services))


def event_body(event: Event) -> Body:
    """The body of the record that an event owes."""
    return parse_body(event.type, event.body)


def depositor_key(code: str, label: str) -> Ed25519Signer:
    """The key that an enterprise makes for its code."""
    return signer(depositor_key_name(ORIGIN, code.partition(".")[0]), label)


def depositor_of(key: Ed25519Signer) -> str:
    """Whose key it is."""
    return key.key.name.rpartition("/")[2]


def possession(
    key: Ed25519Signer,
    /,
    *earlier: Ed25519Signer,
    invitation: Invitation | None = None,
    at: int = START,
    **changes: Any,
) -> bytes:
    """A possession note signed by the key and by earlier ones."""
    claim = Possession(
        depositor=depositor_of(key),
        identity=bytes(32) if invitation is None else close(invitation.identity),
        origin=ORIGIN,
        requested_at=at,
        signatures_required=1 if invitation is None else invitation.signatures_required,
        key=key.key,
        role=PREPARE if invitation is None else invitation.role,
    )
    return format_note(sign_note(format_possession(claim._replace(**changes)), [key, *earlier]))


def possession_for(key: Ed25519Signer, answer: Mapping[str, Any]) -> bytes:
    """The possession note that a service's answer to an unused code asks for, made now."""
    opened = parse_opened(answer["identity"], "identity")
    said = {"role": answer["role"], "signatures_required": answer["signatures_required"]}
    return possession(key, at=time.time_ns() // 1_000_000, identity=close(opened), **said)


def statement(key: Ed25519Signer, number: int = 0, *others: Ed25519Signer, **changes: Any) -> bytes:
    """A signed statement; another number, another statement."""
    root = sha256(b"documents %d" % number).digest()
    said = Statement(count=1, depositor=depositor_of(key), kind="file", origin=ORIGIN, root=root)._replace(**changes)
    return format_note(sign_note(format_statement(said), [key, *others]))


def seen(size: int) -> Seen:
    """A checkpoint that nobody signed."""
    return Seen(root=bytes(32), size=size)


def vkey(key: Ed25519Signer) -> str:
    """The text of a key."""
    return format_vkey(key.key)


@contextmanager
def opened(data: Path) -> Iterator[SampleService]:
    """Open the data directory of a service as if after a restart."""
    store = open_store(sqlite_url(data / "hefu.sqlite3"))
    clock = SetClock()
    try:
        yield SampleService(data, services_on(data, store, clock), clock)
    finally:
        store.close()


def begin(data: Path, empty_database: Path) -> None:
    """Make a service's data directory, its ledger begun."""
    data.mkdir()
    shutil.copy(empty_database, data / "hefu.sqlite3")
    with opened(data) as sample:
        begin_ledger(sample.services, recovery=RECOVERY.key)


class Crash(Exception):  # noqa: N818 -- not an error of ours: the machine stops
    """What a fault raises."""


@dataclass
class Faults:
    """Counts the calls of ports, and lets the call number ``at`` fail, before or after it has done its work."""

    at: int | None = None
    persist: bool = False
    calls: list[str] = field(default_factory=list)

    def over(self, services: Services) -> Services:
        """The same services, every port watched but the clock."""
        return replace(
            services,
            store=_Watched(services.store, self),
            files=_Watched(services.files, self),
            batch_files=_Watched(services.batch_files, self),
            vault_files=_Watched(services.vault_files, self),
            signer=_Watched(services.signer, self),
        )

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        """Do one call, or fail."""
        number = len(self.calls)
        self.calls.append(name)
        if number != self.at:
            return work()
        if self.persist:
            work()
        raise Crash(name)


class _Watched:
    """A port through which every call is counted."""

    def __init__(self, port: Any, faults: Faults) -> None:
        self._port = port
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not callable(member):
            return member
        return lambda *args, **named: self._faults.call(name, lambda: member(*args, **named))


def copied(data: Path, target: Path) -> Path:
    """A copy of a data directory that nobody has open."""
    shutil.copytree(data, target)
    return target


def make_empty_database(folder: Path) -> Path:
    """A database of the newest schema with nothing in it, to copy."""
    path = folder / "empty.sqlite3"
    upgrade(sqlite_url(path))
    return path
