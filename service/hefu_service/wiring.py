"""Composition: from a data directory to the services that the use cases are given. Nothing else knows all the parts.

::

    DATA/hefu.sqlite3        owed work, and everything private but the documents, which never come here;
                             not there where the database is PostgreSQL's
    DATA/keys/               log.key, log-mldsa44.key, acknowledgement.key, recovery.key (to be moved offline)
    DATA/signer/             the last checkpoint signed: the signer's memory, outside the database
    DATA/ledger/             public: checkpoint, tile/…, batches/…/leaves
    DATA/batches/            private: acceptances and statements of each batch
    DATA/vaults/             depositors' encrypted files, which the service cannot read
    DATA/metrics/            the counts of all processes; emptied when the first of them starts
    DATA/lock                held by the one service that runs on these data, or by the many on PostgreSQL
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hefu_ledger.names import acknowledgement_key_name, check_origin, recovery_key_name
from hefu_ledger.number import check_prefix
from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.keys import VerifierKey
from hefu_service.outbox.messages import MAIL, WEBHOOK
from hefu_service.outside.clock import SystemClock, elapsed_ns
from hefu_service.outside.disk import is_low
from hefu_service.outside.files import BatchFolder, LedgerFolder
from hefu_service.outside.known_times import KnownTimes, known_times
from hefu_service.outside.lock import one_of_many, only_service
from hefu_service.outside.signer import FileSigner, create_key, create_mldsa44_key, read_key, read_mldsa44_key
from hefu_service.outside.vaults import VaultFolder
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import Sender
from hefu_service.ports.store import Store
from hefu_service.publishing.genesis import begin_ledger, read_predecessor
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import last_time
from hefu_service.services import Services
from hefu_service.settings import Settings
from hefu_service.store.engines import server_url, sqlite_url
from hefu_service.store.migrate import upgrade
from hefu_service.store.move import Proof, Tell, has_gone, holds_ledger, is_vacant, move
from hefu_service.store.sql import open_store
from hefu_service.texts import Text, sentence

if TYPE_CHECKING:  # the store's own type stays behind the store
    from sqlalchemy import URL

LOG: Final = logging.getLogger("hefu.clock")
LONGEST_DELAY_MS: Final = 86_400_000  # a small office's machine may be down for a night
SQLITE_FILE: Final = "hefu.sqlite3"
NUMBER_PREFIX: Final = "FX"  # 奉贤


def create_data(
    data: Path, origin: str, database_url: str | None = None, *, predecessor: bytes | None = None
) -> tuple[VerifierKey, VerifierKey]:
    """Make a data directory with new keys, the database's tables and a ledger of one record, its genesis.

    ``database_url`` as in the settings; ``predecessor``: the last checkpoint, a whole note, of a ledger that this one
    continues. Returns the log's keys. PortError if anything is there already: a ledger is begun once.
    """
    check_origin(origin)
    continued = None if predecessor is None else read_predecessor(predecessor, origin=origin)
    check_prefix(NUMBER_PREFIX)
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise PortError(sentence("data.not_empty", data=data))
    try:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
    except OSError as error:
        raise PortError(sentence("data.cannot_make", data=data, reason=error.strerror)) from error
    upgrade(_database(data, database_url))
    store = open_store(_database(data, database_url))
    try:
        _check_empty(store)
        keys = data / "keys"  # not made before the database has been found, so that `init` can be tried again
        keys.mkdir(mode=0o700)
        create_key(keys / "log.key", origin)
        create_mldsa44_key(keys / "log-mldsa44.key", origin)
        create_key(keys / "acknowledgement.key", acknowledgement_key_name(origin))
        recovery = create_key(keys / "recovery.key", recovery_key_name(origin))
        services = _services(data, store, LONGEST_DELAY_MS, NUMBER_PREFIX)
        begin_ledger(services, recovery=recovery, predecessor=continued)
    finally:
        store.close()
    return services.log_keys


def check_data(data: Path, database_url: str | None) -> None:
    """Raise PortError unless the directory was made by ``create_data``."""
    try:
        has_keys, has_database = (data / "keys").is_dir(), (data / SQLITE_FILE).is_file()
    except OSError as error:
        raise PortError(sentence("data.cannot_look", data=data, reason=error.strerror)) from error
    if not has_keys:
        raise PortError(sentence("data.no_ledger", data=data))
    if database_url is None and not has_database:
        raise PortError(sentence("data.no_database", data=data))
    if database_url is not None and has_database:
        _check_moved(data / SQLITE_FILE, server_url(database_url))


def _check_moved(file: Path, server: URL) -> None:
    """Raise PortError where a setting alone names the server, and the ledger was never moved there."""
    if is_vacant(server) and holds_ledger(sqlite_url(file)):
        raise PortError(sentence("move.needed", file=file))


def service_lock(data: Path, database_url: str | None) -> AbstractContextManager[None]:
    """Hold ``DATA/lock``: alone where the database is a file, beside others where it is a server's."""
    return only_service(data / "lock") if database_url is None else one_of_many(data / "lock")


@contextmanager
def open_services(data: Path, database_url: str | None = None) -> Iterator[Services]:
    """Open a data directory made by ``create_data``; PortError names the part that is missing or too old."""
    check_data(data, database_url)
    store = open_store(_database(data, database_url))
    try:
        genesis = _genesis(store)
        services = _services(data, store, genesis.longest_delay_ms, genesis.number_prefix)
        keys = (*services.log_keys, services.acknowledger.key)
        if keys != (genesis.log, genesis.log_mldsa44, genesis.acknowledgement):
            raise PortError(sentence("data.other_keys", keys=data / "keys"))
        yield services
    finally:
        store.close()


def upgrade_data(data: Path, database_url: str | None = None) -> None:
    """Bring the database of a data directory up to this program's schema; harmless to repeat."""
    check_data(data, database_url)
    upgrade(_database(data, database_url))


def move_data(data: Path, database_url: str | None, to: str | None, tell: Tell) -> list[Proof]:
    """Move the ledger of a stopped service into another database; ``database_url`` and ``to`` as in the settings.

    Says how far it is to ``tell``; harmless to repeat where it was interrupted.
    """
    if to is not None and to == database_url and (data / SQLITE_FILE).is_file():
        database_url = None  # set before the move instead of after it
    check_data(data, database_url)
    if to == database_url:
        with open_services(data, database_url):  # or it names the database that has the ledger
            raise PortError(sentence("move.same"))
    with only_service(data / "lock"):
        if to is None:
            _set_aside(data / SQLITE_FILE)
        proofs = move(_database(data, database_url), _database(data, to), tell)
        with open_services(data, to):  # its genesis is that of the keys
            return proofs


def _set_aside(path: Path) -> None:
    """Rename a database whose ledger has moved away before: it is kept, and its place is free."""
    if not path.is_file() or not has_gone(sqlite_url(path)):
        return
    number = 1
    while path.with_name(f"{path.name}.{number}").exists():
        number += 1
    path.rename(path.with_name(f"{path.name}.{number}"))


def recover(services: Services) -> None:
    """Finish work that a crash may have left between the database and the published ledger; harmless to repeat.

    Raises SealingStoppedError where the two contradict each other.
    """
    while publish(services):
        pass


def _database(data: Path, database_url: str | None) -> URL:
    return sqlite_url(data / SQLITE_FILE) if database_url is None else server_url(database_url)


def _check_empty(store: Store) -> None:
    with store.view() as view:
        if view.ledger_head().size:
            raise PortError(sentence("data.begun"))


def _services(data: Path, store: Store, longest_delay_ms: int, number_prefix: str) -> Services:
    log = read_key(data / "keys" / "log.key")
    return Services(
        store=store,
        clock=SystemClock(store),
        files=LedgerFolder(data / "ledger"),
        batch_files=BatchFolder(data / "batches"),
        signer=FileSigner(log, read_mldsa44_key(data / "keys" / "log-mldsa44.key"), data / "signer"),
        acknowledger=read_key(data / "keys" / "acknowledgement.key"),
        origin=log.key.name,
        longest_delay_ms=longest_delay_ms,
        number_prefix=number_prefix,
        vault_files=VaultFolder(data / "vaults"),
    )


def _genesis(store: Store) -> Genesis:
    with store.view() as view:
        first = view.record(0)
    body = None if first is None else parse_record(first.data).body
    if not isinstance(body, Genesis):
        raise PortError(sentence("data.no_genesis"))
    return body


def comparing(services: Services, settings: Settings) -> Services:
    """The same services, whose clock is not believed before it agrees with all that is known."""
    known = partial(times_known, services, settings)
    return replace(services, clock=SystemClock(services.store, known))


def look_at_clock(services: Services) -> None:
    """Compare the clock before the first request waits for it; a doubt is logged, and told as every fault is."""
    try:
        services.clock.now_ms()
    except PortError as error:
        LOG.warning("the clock is not believed", extra={"event": {"reason": str(error)}})


def times_known(services: Services, settings: Settings) -> KnownTimes:
    """The last time of the ledger, the release's, and those of the time servers that tell."""
    with services.store.view() as view:
        last_ms = last_time(view)
    return known_times(last_ms, idle_days=settings.idle_days, servers=settings.ntp, elapsed_ns=elapsed_ns)


def clock_doubts(services: Services, settings: Settings) -> list[Text]:
    """Why the clock would not be believed, and which time servers did not tell."""
    known = times_known(services, settings)
    now_ms = services.clock.now_ms()
    doubt = known.doubt(now_ms, now_ms - elapsed_ns() // 1_000_000)
    silent = [sentence("clock.silent", server=server) for server in known.silent]
    return silent if doubt is None else [doubt, *silent]


def telling(services: Services, settings: Settings) -> Services:
    """The same services, which tell whom the settings name; PortError where a secret cannot be read."""
    return replace(services, senders=make_senders(settings), disk_low=partial(is_low, settings.data))


def make_senders(settings: Settings) -> dict[str, Sender]:
    """A sender for each destination that is set."""
    senders: dict[str, Sender] = {}
    if settings.webhook_url is not None and settings.webhook_secret_file is not None:
        from hefu_service.outside.webhook import (  # noqa: PLC0415 -- httpx is slow to import, and not always needed
            WebhookSender,
            parse_secret,
        )

        senders[WEBHOOK] = WebhookSender(settings.webhook_url, parse_secret(_secret(settings.webhook_secret_file)))
    if settings.smtp_url is not None and settings.mail_from is not None and settings.mail_to is not None:
        from hefu_service.outside.mail import MailSender, mail_server  # noqa: PLC0415 -- the same

        password = None if settings.smtp_password_file is None else _secret(settings.smtp_password_file)
        server = mail_server(settings.smtp_url, password)
        senders[MAIL] = MailSender(server, sender=settings.mail_from, receiver=settings.mail_to)
    return senders


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise PortError(sentence("data.secret", path=path)) from None
