"""The client for programs: the same as the command line, with typed answers; the commands call it too.

    with Client("home") as client:
        for done in client.deposit(["contract.pdf"], out="evidence", wait=True):
            print(done.number, done.evidence)
    verdict = verify("evidence/contract.pdf.hefu.json", "contract.pdf", policy=read_policy("policy.txt"))

Errors: ``hefu.errors.ClientError`` and its subclasses for refusals and unreachable places,
``hefu_ledger.errors.LedgerError`` for evidence that does not hold, OSError for disks.

Each method imports the rooms it needs when it runs, so that a command starts without those of the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Self

from hefu_ledger.deposit.state import ANCHORED

if TYPE_CHECKING:
    from hefu.begin import enrol_home, request_key, restore_home, submit
    from hefu.deposit.approve import Shown
    from hefu.deposit.depositor import Deposited, SomeFailedError
    from hefu.deposit.plan import Target
    from hefu.deposit.refresh import Refreshed
    from hefu.errors import UnreachableError
    from hefu.evidence.extract import extract
    from hefu.evidence.inspect import inspect
    from hefu.evidence.stamps import Stamp
    from hefu.evidence.verify import read_policy, verify
    from hefu.folders.status import Survey
    from hefu.folders.watch import Round
    from hefu.home.entries import Document, Entry
    from hefu.home.home import Home, Reader
    from hefu.home.index import Index
    from hefu.home.labels import Label
    from hefu.home.settings import VaultOptions
    from hefu.keys.enrol import Enrolled
    from hefu.keys.members import Person, Request, Vouched
    from hefu.monitor.fetcher import open_source
    from hefu.monitor.replay import audit
    from hefu.recovery.rotate import Joined, Rotated
    from hefu.recovery.sync import Synced
    from hefu.recovery.verify import CheckedVault
    from hefu.service import Service
    from hefu.vault.secret import Recovery, parse_recovery
    from hefu_ledger.tlog.keys import VerifierKey

__all__ = [
    "CheckedFolder",
    "Client",
    "Deposited",
    "Enrolled",
    "SomeFailedError",
    "VaultOptions",
    "audit",
    "enrol_home",
    "extract",
    "inspect",
    "open_source",
    "parse_recovery",
    "read_policy",
    "request_key",
    "restore_home",
    "submit",
    "verify",
]

_ROOMS = {
    "Deposited": "deposit.depositor",
    "Enrolled": "keys.enrol",
    "SomeFailedError": "deposit.depositor",
    "VaultOptions": "home.settings",
    "enrol_home": "begin",
    "request_key": "begin",
    "restore_home": "begin",
    "submit": "begin",
    "audit": "monitor.replay",
    "extract": "evidence.extract",
    "inspect": "evidence.inspect",
    "open_source": "monitor.fetcher",
    "parse_recovery": "vault.secret",
    "read_policy": "evidence.verify",
    "verify": "evidence.verify",
}


def __getattr__(name: str) -> object:
    """A name of another room, imported when it is first used (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'hefu.client' has no attribute {name!r}")
    return getattr(import_module(f"hefu.{_ROOMS[name]}"), name)


class CheckedFolder(NamedTuple):
    """A folder held against its deposits. ``copied``: files that ``keep`` has gained; ``waiting``: deposits of this
    home that are not on the ledger yet; ``gone``: evidence of the folder that is not where it was written.

    ``unplaced``: deposits of which it is not known where their documents were, so that missing ones are not noticed.
    ``stamps``: the timestamps that hold of each evidence of the folder, where certificates to trust were given.
    """

    survey: Survey
    copied: int
    waiting: int
    gone: list[str]
    unplaced: int
    stamps: dict[str, list[Stamp]] | None = None


class Client:
    """A depositor, as its home folder describes it. The folder is read, and the service called, when first needed."""

    def __init__(self, home: str, *, server: str | None = None, insecure_http: bool = False) -> None:
        """``server``: another address than the one in the home folder; ``insecure_http``: whether it may be http."""
        self._path = home
        self._server = server
        self._insecure_http = insecure_http
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index and the connections to the service."""
        self._open.close()

    @property
    def depositor(self) -> str:
        """The depositor's id 存证主体代号."""
        return self._reader.config.depositor

    @property
    def signatures(self) -> int:
        """How many signatures a statement of this depositor needs, by its enrolment."""
        return self._reader.config.signatures

    @property
    def is_rotating(self) -> bool:
        """Whether replacing the recovery words was begun and is not finished."""
        return self._reader.recovery.former is not None

    def deposit(
        self,
        paths: Sequence[str],
        *,
        out: str,
        wait: bool = True,
        skip_unreadable: bool = False,
        ignore: bool = True,
        again: bool = False,
    ) -> list[Deposited]:
        """Deposit files and folders; see ``hefu.deposit.depositor.deposit``.

        Documents that were deposited before keep their early evidence, which is brought back, unless ``again``.
        """
        from hefu.deposit.depositor import deposit

        def begin(targets: list[Target]) -> list[Deposited]:
            return deposit(self._home, self._service, targets, out=out, wait=wait, skip_unreadable=skip_unreadable)

        return self._deposit(paths, out, begin, self._service, ignore=ignore, again=again)

    def prepare(
        self,
        paths: Sequence[str],
        *,
        out: str,
        skip_unreadable: bool = False,
        ignore: bool = True,
        again: bool = False,
    ) -> list[Deposited]:
        """Describe and sign without a network; see ``hefu.deposit.offline.prepare``, and ``again`` of ``deposit``."""
        from hefu.deposit.offline import prepare

        def begin(targets: list[Target]) -> list[Deposited]:
            return prepare(self._home, targets, out=out, skip_unreadable=skip_unreadable)

        return self._deposit(paths, out, begin, None, ignore=ignore, again=again)

    def _deposit(
        self,
        paths: Sequence[str],
        out: str,
        begin: Callable[[list[Target]], list[Deposited]],
        service: Service | None,
        *,
        ignore: bool,
        again: bool,
    ) -> list[Deposited]:
        from hefu.folders.paths import deposit_paths

        return deposit_paths(self._home, service, self._caught_up, paths, begin, out=out, ignore=ignore, again=again)

    def renew(self, evidence: str, document: str, *, out: str, wait: bool = True) -> Deposited:
        """Deposit documents and their old evidence together; see ``hefu.deposit.renew``."""
        from hefu.deposit.renew import renew

        return renew(self._home, self._service, self._index, evidence, document, out=out, wait=wait)

    def refresh(
        self, folders: Sequence[str] | None = None, *, carried: str | None = None, wait: bool = False
    ) -> Refreshed:
        """Go on with deposits on their way, by default all of this home; see ``hefu.deposit.refresh.refresh_all``."""
        from hefu.deposit.refresh import refresh_all

        return refresh_all(self._home, self._service, self._index, folders, carried=carried, wait=wait)

    def drop(self, path: str) -> str:
        """Give up a deposit on its way, by its ``.part``, with its private half; see ``hefu.deposit.drop.drop``."""
        from hefu.deposit.drop import drop

        final = drop(self._home, self._service, path)
        self._index.catch_up()
        return final

    def look(self, path: str, documents: str | None = None) -> Shown:
        """Read a colleague's statement, and compare its documents; see ``hefu.deposit.approve.look``."""
        from hefu.deposit.approve import look

        return look(self._home, self._service, path, documents)

    def approve(self, path: str, *, root: str) -> Shown:
        """Sign a colleague's statement over ``root`` (hex), which was seen; see ``hefu.deposit.approve.approve``."""
        from hefu.deposit.approve import approve

        return approve(self._home, self._service, path, root=root)

    def deposits(self) -> list[Entry]:
        """All deposits of this home, as its index has them."""
        return self._caught_up.deposits()

    def documents(self, deposit: str) -> list[Document]:
        """The documents of a deposit, by its number, statement or evidence. ClientError if there is none such."""
        index = self._caught_up
        statement = index.find(deposit).partition("/")[0]
        return index.documents(next(entry.id for entry in index.deposits() if entry.statement == statement))

    def odd_names(self, evidence: str) -> list[str]:
        """The names of a deposit's documents that hold controls, or characters that are not seen."""
        return self._caught_up.odd_names(evidence)

    def search(self, text: str) -> list[Document]:
        """The deposited documents whose name, label or SHA-256 fits."""
        return self._caught_up.search(text)

    def label(self, target: str, text: str) -> Label:
        """Label a deposit or a document, here and in the vault. Durable on return."""
        from hefu.home.labels import Label
        from hefu.home.settings import keep_label

        index = self._caught_up
        label = Label(time.time_ns() // 1_000_000, index.find(target), text)
        index.label(label)
        keep_label(self._path, label)
        return label

    def check(
        self, folder: str, *, content: bool = False, keep: str | None = None, tsa: Sequence[str] = ()
    ) -> CheckedFolder:
        """Hold a folder against its deposits; ``keep``: a folder that gets copies of those that are as deposited.

        ``tsa``: files of certificates of timestamp authorities to trust.
        """
        from hefu.deposit.plan import check_outside
        from hefu.folders.copies import keep as copy
        from hefu.folders.status import stamped, survey

        if keep:
            check_outside(folder, "--keep", keep)
        index = self._caught_up
        found, entries = survey(index, folder, content=content), index.deposits()
        waiting = sum(entry.state != ANCHORED for entry in entries)
        gone = sorted(entry.evidence for entry in entries if entry.gone and entry.folder == os.path.realpath(folder))
        digests = {name: found.digests[name] for name in found.intact} if keep else {}
        copied, problems = copy(index, folder, digests, keep or "")
        stamps = stamped(index, folder, tsa) if tsa else None
        found = found._replace(unreadable=[*found.unreadable, *problems])
        return CheckedFolder(found, copied, waiting, gone, index.unplaced(), stamps)

    def watch_once(self, folder: str, *, out: str, content: bool = False, wait: bool = False) -> Round:
        """Deposit the new and changed documents of a folder; see ``hefu.folders.watch.Watch.once``."""
        from hefu.folders.watch import Watch

        watched = Watch(self._home, self._service, self._index, folder, out)
        return watched.once(content=content, wait=wait)

    def watch(
        self, folder: str, *, out: str, quiet_s: float, tell: Callable[[Round | UnreachableError], None]
    ) -> NoReturn:
        """Watch a folder until an error or a signal ends it; see ``hefu.folders.watch.watch``."""
        from hefu.folders.watch import Watch, watch

        watch(Watch(self._home, self._service, self._index, folder, out), quiet_s=quiet_s, tell=tell)

    def keys(self) -> list[Person]:
        """The depositor's keys and who holds them, as the ledger has them."""
        from hefu.keys.members import people

        return people(self._home, self._service)

    def read_key_request(self, path: str) -> Request:
        """Read the request for a key, without signing; see ``hefu.keys.members.read_request``."""
        from hefu.keys.members import read_request

        return read_request(self._home, self._service, path)

    def vouch(self, path: str, *, fingerprint: str, label: str = "") -> Vouched:
        """Vouch for the key of a request, whose fingerprint was compared; see ``hefu.keys.members.vouch``."""
        from hefu.keys.members import vouch

        return vouch(self._home, self._service, path, fingerprint=fingerprint, label=label)

    def end_key(self, key: str, *, reason: str = "", since: int | None = None) -> VerifierKey:
        """End a key (id in hex): retire it, or report it lost ``since`` a time in ms; see ``hefu.keys.members``."""
        from hefu.keys.members import end_key

        return end_key(self._home, self._service, key, reason=reason, since=since)

    def owed(self) -> list[str]:
        """The names of the vault's files that the service has still to be given."""
        return self._home.owed()

    def verify_vault(self, *, offline: bool = False) -> CheckedVault:
        """Check the vault here, and at the service unless ``offline``; see ``hefu.recovery.verify.verify_vault``."""
        from hefu.recovery.verify import verify_vault

        return verify_vault(self._reader, None if offline else self._service)

    def sync_vault(self, *, out: str | None = None) -> Synced:
        """Exchange with the service the files that either lacks; see ``hefu.recovery.sync.sync``."""
        from hefu.home.home import load_either
        from hefu.recovery.sync import sync

        return sync(load_either(self._path), self._service, out=out)

    def sync_joined(self) -> tuple[Synced | None, str]:
        """Fetch the vault that this home has just joined; None and the reason where that has to wait."""
        from hefu.recovery.sync import sync_joined

        return sync_joined(self._path)

    def rotate_words(self) -> Rotated:
        """Replace the recovery words; see ``hefu.recovery.rotate.rotate``."""
        from hefu.recovery.rotate import rotate

        return rotate(self._path, self._service)

    def join_vault(self, recovery: Recovery) -> Joined:
        """Take the new recovery words that another computer made; see ``hefu.recovery.rotate.join``."""
        from hefu.recovery.rotate import join

        return join(self._path, self._service, recovery)

    @cached_property
    def _reader(self) -> Reader:
        from hefu.home.home import load_reader

        return load_reader(self._path)

    @cached_property
    def _home(self) -> Home:
        from hefu.home.home import load

        return load(self._path)

    @cached_property
    def _service(self) -> Service:
        from hefu.service import Service

        own = self._server is None  # accepted when the home was made
        address = self._server or self._reader.config.server
        return self._open.enter_context(Service(address, insecure_http=own or self._insecure_http))

    @cached_property
    def _index(self) -> Index:
        from hefu.home.index import Index
        from hefu.recovery.sync import learn_kept

        index = self._open.enter_context(Index(self._path))
        if not index.knows_vault:
            learn_kept(self._reader, index)
        return index

    @property
    def _caught_up(self) -> Index:
        self._index.catch_up()
        return self._index
