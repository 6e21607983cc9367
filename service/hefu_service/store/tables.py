"""The tables, as the newest migration leaves them. Columns are named and ordered as the fields of ``ports``.

Times are whole milliseconds since 1970 UTC (SQLite has no time zones). Rows of ``APPEND_ONLY`` are never changed
or deleted; triggers refuse it, as a seat belt: the proof is the ledger.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from hefu_service.store.engines import WHOLE

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
APPEND_ONLY: Final = (
    "deposits",
    "statement_texts",
    "events",
    "records",
    "checkpoints",
    "vaults",
    "vault_blobs",
    "vault_closures",
    "messages",
)

INTAKE_HEAD: Final = Table(
    "intake_head",
    METADATA,
    Column("id", SmallInteger, CheckConstraint("id = 1", "only"), primary_key=True, autoincrement=False),
    Column("next_seq", WHOLE, nullable=False),
    Column("last_received_at", WHOLE, nullable=False),
    Column("next_event", WHOLE, nullable=False),
)

LEDGER_HEAD: Final = Table(
    "ledger_head",
    METADATA,
    Column("id", SmallInteger, CheckConstraint("id = 1", "only"), primary_key=True, autoincrement=False),
    Column("size", WHOLE, nullable=False),
    Column("entries", WHOLE, nullable=False),
    Column("events", WHOLE, nullable=False),
    Column("prev", LargeBinary, CheckConstraint("length(prev) = 32", "prev"), nullable=False),
    Column("frontier", LargeBinary, CheckConstraint("length(frontier) % 32 = 0", "frontier"), nullable=False),
)

DEPOSITORS: Final = Table(
    "depositors",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("identity_nonce", LargeBinary, CheckConstraint("length(identity_nonce) = 32", "nonce"), nullable=False),
    Column("identity_text", Text, nullable=False),
    Column("signatures_required", SmallInteger, nullable=False),
    Column("another_identity", Text),
    Column("another_check_character", Text),
)

CODES: Final = Table(
    "codes",
    METADATA,
    Column("depositor", String(32), ForeignKey("depositors.id"), primary_key=True),
    Column("secret_hash", LargeBinary, CheckConstraint("length(secret_hash) = 32", "hash"), nullable=False),
    Column("expires_at", WHOLE, nullable=False),
    Column("used_for", Text),
    Column("role", String(16), nullable=False, server_default="prepare"),
)

DEPOSITS: Final = Table(
    "deposits",
    METADATA,
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("depositor", String(32), ForeignKey("depositors.id"), nullable=False),
    Column("nth", WHOLE, nullable=False),
    Column("statement_id", LargeBinary, CheckConstraint("length(statement_id) = 32", "hash"), nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("acceptance", Text, nullable=False),
    UniqueConstraint("depositor", "nth"),
    UniqueConstraint("statement_id"),
)

STATEMENT_TEXTS: Final = Table(
    "statement_texts",
    METADATA,
    Column("text_sha256", LargeBinary, CheckConstraint("length(text_sha256) = 32", "hash"), primary_key=True),
    Column("seq", WHOLE, ForeignKey("deposits.seq"), nullable=False),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("depositor", String(32), ForeignKey("depositors.id")),
    Column("vkey", Text),
    Column("from_seq", WHOLE, nullable=False),
    Index(None, "depositor"),
)

RECORDS: Final = Table(
    "records",
    METADATA,
    Column("index", WHOLE, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("entries", WHOLE, nullable=False),
    Column("depositor", String(32)),
    Column("first_seq", WHOLE),
    UniqueConstraint("first_seq"),  # batches' alone: no deposit is sealed twice
    Index(None, "depositor"),
)

CHECKPOINTS: Final = Table(
    "checkpoints",
    METADATA,
    Column("size", WHOLE, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

VAULTS: Final = Table(
    "vaults",
    METADATA,
    Column("address_hash", LargeBinary, CheckConstraint("length(address_hash) = 32", "hash"), primary_key=True),
    Column("depositor", String(32), ForeignKey("depositors.id"), nullable=False),
    Index(None, "depositor"),
)

VAULT_BLOBS: Final = Table(
    "vault_blobs",
    METADATA,
    Column("vault", LargeBinary, ForeignKey("vaults.address_hash"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("size", WHOLE, nullable=False),
    Column("sha256", LargeBinary, CheckConstraint("length(sha256) = 32", "hash"), nullable=False),
    Column("stored_at", WHOLE, nullable=False),
)

VAULT_CLOSURES: Final = Table(
    "vault_closures",
    METADATA,
    Column("vault", LargeBinary, ForeignKey("vaults.address_hash"), primary_key=True),
    Column("successor", LargeBinary, ForeignKey("vaults.address_hash"), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("closed_at", WHOLE, nullable=False),
)

MESSAGES: Final = Table(
    "messages",
    METADATA,
    Column("destination", String(16), primary_key=True),
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    Column("made_at", WHOLE, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("destination", "id"),
)

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("destination", String(16), primary_key=True),
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("changed_at", WHOLE, nullable=False),
    ForeignKeyConstraint(["destination", "number"], ["messages.destination", "messages.number"]),
    Index(None, "state", "destination", "number"),
)

OUTLETS: Final = Table(
    "outlets",
    METADATA,
    Column("destination", String(16), primary_key=True),
    Column("next_message", WHOLE, nullable=False),
    Column("told", WHOLE, nullable=False),
    Column("claims", WHOLE, nullable=False),
    Column("failures", WHOLE, nullable=False),
    Column("not_before", WHOLE, nullable=False),
    Column("status", Text, nullable=False),
)

ALARMS: Final = Table(
    "alarms",
    METADATA,
    Column("topic", String(32), primary_key=True),
    Column("raised", Boolean, nullable=False),
    Column("seen_at", WHOLE, nullable=False),
)
