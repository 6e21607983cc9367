"""Texts of statements that several keys may sign, and vaults that are closed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

from hefu_service.store.engines import WHOLE, append_only

revision = "0003"
down_revision = "0002"

_EVENTS = sa.text("SELECT depositor, type, body FROM events WHERE depositor IS NOT NULL")
_STATEMENTS = sa.text(
    "SELECT seq, nth, statement FROM deposits WHERE depositor = :depositor AND nth > :after ORDER BY nth LIMIT 1000"
)
_KEEP = sa.text("INSERT INTO statement_texts (text_sha256, seq) VALUES (:text_sha256, :seq) ON CONFLICT DO NOTHING")


def upgrade() -> None:
    """Make the two tables and their triggers; store the texts of depositors that have had more than one key."""
    op.create_table(
        "statement_texts",
        sa.Column("text_sha256", sa.LargeBinary, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.CheckConstraint("length(text_sha256) = 32", op.f("ck_statement_texts_hash")),
        sa.ForeignKeyConstraint(["seq"], ["deposits.seq"], op.f("fk_statement_texts_seq")),
        sa.PrimaryKeyConstraint("text_sha256", name="pk_statement_texts"),
    )
    op.create_table(
        "vault_closures",
        sa.Column("vault", sa.LargeBinary, nullable=False),
        sa.Column("successor", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("closed_at", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["vault"], ["vaults.address_hash"], op.f("fk_vault_closures_vault")),
        sa.ForeignKeyConstraint(["successor"], ["vaults.address_hash"], op.f("fk_vault_closures_successor")),
        sa.PrimaryKeyConstraint("vault", name="pk_vault_closures"),
    )
    for table in ("statement_texts", "vault_closures"):
        for statement in append_only(op.get_bind().dialect.name, table):
            op.execute(statement)
    for depositor in _of_several_keys(op.get_bind()):
        for row in _statements(op.get_bind(), depositor):
            text = bytes(row.statement).rpartition(b"\n\n")[0] + b"\n"
            op.get_bind().execute(_KEEP, {"text_sha256": sha256(text).digest(), "seq": row.seq})


def _of_several_keys(connection: sa.Connection) -> list[str]:
    keys = Counter(
        row.depositor
        for row in connection.execute(_EVENTS)
        if row.type == "enrolment" or json.loads(row.body)["action"] == "add"
    )
    return [depositor for depositor, count in keys.items() if count > 1]


def _statements(connection: sa.Connection, depositor: str) -> Iterator[sa.Row[Any]]:
    after = -1
    while rows := connection.execute(_STATEMENTS, {"depositor": depositor, "after": after}).all():
        yield from rows
        after = rows[-1].nth
