"""The store's statements. Each is built once, and its text for the database is then found in a cache.

The heads are read without their ``id``.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from sqlalchemy import ClauseElement, bindparam, func, select, text, update

from hefu_service.store.rows import one_of
from hefu_service.store.tables import (
    CHECKPOINTS,
    CODES,
    DEPOSITORS,
    DEPOSITS,
    EVENTS,
    INTAKE_HEAD,
    LEDGER_HEAD,
    RECORDS,
    STATEMENT_TEXTS,
    VAULT_BLOBS,
    VAULT_CLOSURES,
    VAULTS,
)

READ_INTAKE: Final = select(*INTAKE_HEAD.c[1:])
LOCK_INTAKE: Final = READ_INTAKE.with_for_update()
READ_LEDGER: Final = select(*LEDGER_HEAD.c[1:])
MOVE_INTAKE: Final = update(INTAKE_HEAD).values(
    {column: bindparam(f"new_{column.name}") for column in INTAKE_HEAD.c[1:]}
)
SWAP_LEDGER: Final = (
    update(LEDGER_HEAD)
    .where(*(column == bindparam(f"old_{column.name}") for column in LEDGER_HEAD.c[1:]))
    .values({column: bindparam(f"new_{column.name}") for column in LEDGER_HEAD.c[1:]})
)

DEPOSIT: Final = select(DEPOSITS).where(DEPOSITS.c.statement_id == bindparam("statement_id"))
DEPOSIT_NOW: Final = select(DEPOSITS, LEDGER_HEAD.c.events).where(DEPOSITS.c.statement_id == bindparam("statement_id"))
DEPOSIT_AT: Final = select(DEPOSITS).where(DEPOSITS.c.seq == bindparam("seq"))
DEPOSITS_FROM: Final = (
    select(DEPOSITS).where(DEPOSITS.c.seq >= bindparam("first")).order_by(DEPOSITS.c.seq).limit(bindparam("count"))
)
LATEST_OF: Final = (
    select(DEPOSITS)
    .where(DEPOSITS.c.depositor == bindparam("depositor"))
    .order_by(DEPOSITS.c.nth.desc())
    .limit(bindparam("count"))
)
DEPOSITOR: Final = select(DEPOSITORS).where(DEPOSITORS.c.id == bindparam("depositor"))
CODE: Final = select(CODES).where(CODES.c.depositor == bindparam("depositor"))
ALL_DEPOSITORS: Final = select(DEPOSITORS).order_by(DEPOSITORS.c.id)
ALL_CODES: Final = select(CODES).order_by(CODES.c.depositor)
REPLACE_CODE: Final = update(CODES).where(CODES.c.depositor == bindparam("of"))
EVENTS_FROM: Final = select(EVENTS).where(EVENTS.c.number >= bindparam("first")).order_by(EVENTS.c.number)
EVENTS_OF: Final = select(EVENTS).where(EVENTS.c.depositor == bindparam("depositor")).order_by(EVENTS.c.number)
LAST_EVENT_OF: Final = (
    select(EVENTS).where(EVENTS.c.depositor == bindparam("depositor")).order_by(EVENTS.c.number.desc()).limit(1)
)

RECORD: Final = select(RECORDS).where(RECORDS.c["index"] == bindparam("index"))
ALL_RECORDS: Final = select(RECORDS).order_by(RECORDS.c["index"])
RECORDS_FROM: Final = ALL_RECORDS.where(RECORDS.c["index"] >= bindparam("first")).limit(bindparam("count"))
RECORDS_OF: Final = ALL_RECORDS.where(RECORDS.c.depositor == bindparam("depositor"))
BATCH_FROM: Final = (
    select(RECORDS).where(RECORDS.c.first_seq <= bindparam("seq")).order_by(RECORDS.c.first_seq.desc()).limit(1)
)

COVERING: Final = (
    select(CHECKPOINTS.c.note).where(CHECKPOINTS.c.size > bindparam("index")).order_by(CHECKPOINTS.c.size).limit(1)
)
LATEST: Final = select(CHECKPOINTS.c.note).order_by(CHECKPOINTS.c.size.desc()).limit(1)
ADD_CHECKPOINT: Final = text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT DO NOTHING")

STATEMENTS_OF: Final = (
    select(DEPOSITS.c.statement_id).where(DEPOSITS.c.depositor == bindparam("depositor")).order_by(DEPOSITS.c.nth)
)
ALL_VAULTS: Final = select(VAULTS).order_by(VAULTS.c.address_hash)
VAULT_DEPOSITOR: Final = select(VAULTS.c.depositor).where(VAULTS.c.address_hash == bindparam("vault"))
BLOBS_OF: Final = select(VAULT_BLOBS).where(VAULT_BLOBS.c.vault == bindparam("vault")).order_by(VAULT_BLOBS.c.name)
BLOB: Final = select(VAULT_BLOBS).where(
    VAULT_BLOBS.c.vault == bindparam("vault"), VAULT_BLOBS.c.name == bindparam("name")
)
CLOSURE: Final = select(VAULT_CLOSURES).where(VAULT_CLOSURES.c.vault == bindparam("vault"))
VAULT_BYTES: Final = select(func.coalesce(func.sum(VAULT_BLOBS.c.size), 0))
VAULT_SIZES: Final = (
    select(VAULT_BLOBS.c.vault, func.sum(VAULT_BLOBS.c.size))
    .join_from(VAULTS, VAULT_BLOBS)
    .where(VAULTS.c.depositor == bindparam("depositor"))
    .group_by(VAULT_BLOBS.c.vault)
)


@cache
def known(size: int) -> ClauseElement:
    """Deposits of ``size`` statements."""
    return select(DEPOSITS).where(one_of(DEPOSITS.c.statement_id, size))


@cache
def known_texts(size: int) -> ClauseElement:
    """Deposits of ``size`` statement texts."""
    found = select(STATEMENT_TEXTS.c.text_sha256, DEPOSITS).join_from(STATEMENT_TEXTS, DEPOSITS)
    return found.where(one_of(STATEMENT_TEXTS.c.text_sha256, size))


@cache
def last_nth(size: int) -> ClauseElement:
    """The last ``nth`` of ``size`` depositors."""
    # One look at the end of an index for each depositor; GROUP BY would read all that they ever deposited.
    last = select(func.max(DEPOSITS.c.nth)).where(DEPOSITS.c.depositor == DEPOSITORS.c.id).scalar_subquery()
    return select(DEPOSITORS.c.id, last).where(one_of(DEPOSITORS.c.id, size))
