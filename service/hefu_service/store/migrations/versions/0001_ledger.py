"""The first schema: two heads, depositors and their codes, deposits, events, records, checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hefu_service.store.engines import WHOLE, append_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, the two heads of an empty ledger, and the triggers."""
    heads()
    depositors()
    intake()
    ledger()
    for table in ("deposits", "events", "records", "checkpoints"):
        for statement in append_only(op.get_bind().dialect.name, table):
            op.execute(statement)


def heads() -> None:
    """Where intake and ledger stand: one row each."""
    intake_head = op.create_table(
        "intake_head",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("next_seq", WHOLE, nullable=False),
        sa.Column("last_received_at", WHOLE, nullable=False),
        sa.Column("next_event", WHOLE, nullable=False),
        sa.CheckConstraint("id = 1", op.f("ck_intake_head_only")),
        sa.PrimaryKeyConstraint("id", name="pk_intake_head"),
    )
    ledger_head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("entries", WHOLE, nullable=False),
        sa.Column("events", WHOLE, nullable=False),
        sa.Column("prev", sa.LargeBinary, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1", op.f("ck_ledger_head_only")),
        sa.CheckConstraint("length(prev) = 32", op.f("ck_ledger_head_prev")),
        sa.CheckConstraint("length(frontier) % 32 = 0", op.f("ck_ledger_head_frontier")),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
    )
    op.bulk_insert(intake_head, [{"id": 1, "next_seq": 0, "last_received_at": 0, "next_event": 0}])
    op.bulk_insert(ledger_head, [{"id": 1, "size": 0, "entries": 0, "events": 0, "prev": bytes(32), "frontier": b""}])


def depositors() -> None:
    """Who deposits."""
    op.create_table(
        "depositors",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("identity_nonce", sa.LargeBinary, nullable=False),
        sa.Column("identity_text", sa.Text, nullable=False),
        sa.Column("signatures_required", sa.SmallInteger, nullable=False),
        sa.CheckConstraint("length(identity_nonce) = 32", op.f("ck_depositors_nonce")),
        sa.PrimaryKeyConstraint("id", name="pk_depositors"),
    )
    op.create_table(
        "codes",
        sa.Column("depositor", sa.String(32), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.Column("used_for", sa.Text),
        sa.CheckConstraint("length(secret_hash) = 32", op.f("ck_codes_hash")),
        sa.ForeignKeyConstraint(["depositor"], ["depositors.id"], op.f("fk_codes_depositor")),
        sa.PrimaryKeyConstraint("depositor", name="pk_codes"),
    )


def intake() -> None:
    """Accepted deposits, and the events owed to the ledger."""
    op.create_table(
        "deposits",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("depositor", sa.String(32), nullable=False),
        sa.Column("nth", WHOLE, nullable=False),
        sa.Column("statement_id", sa.LargeBinary, nullable=False),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.Column("acceptance", sa.Text, nullable=False),
        sa.CheckConstraint("length(statement_id) = 32", op.f("ck_deposits_hash")),
        sa.ForeignKeyConstraint(["depositor"], ["depositors.id"], op.f("fk_deposits_depositor")),
        sa.PrimaryKeyConstraint("seq", name="pk_deposits"),
        sa.UniqueConstraint("depositor", "nth", name="uq_deposits_depositor_nth"),
        sa.UniqueConstraint("statement_id", name="uq_deposits_statement_id"),
    )
    op.create_table(
        "events",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("depositor", sa.String(32)),
        sa.Column("vkey", sa.Text),
        sa.Column("from_seq", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["depositor"], ["depositors.id"], op.f("fk_events_depositor")),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
    )
    op.create_index("ix_events_depositor", "events", ["depositor"])


def ledger() -> None:
    """Records of the ledger, and its published checkpoints."""
    op.create_table(
        "records",
        sa.Column("index", WHOLE, autoincrement=False, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("entries", WHOLE, nullable=False),
        sa.Column("depositor", sa.String(32)),
        sa.Column("first_seq", WHOLE),
        sa.PrimaryKeyConstraint("index", name="pk_records"),
        sa.UniqueConstraint("first_seq", name="uq_records_first_seq"),
    )
    op.create_index("ix_records_depositor", "records", ["depositor"])
    op.create_table(
        "checkpoints",
        sa.Column("size", WHOLE, autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
