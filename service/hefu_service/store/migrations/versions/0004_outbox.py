"""Messages to people and systems: the state of each, of the destinations, and of the alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hefu_service.store.engines import WHOLE, append_only

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the four tables; messages themselves are never changed."""
    messages()
    op.create_table(
        "outlets",
        sa.Column("destination", sa.String(16), nullable=False),
        sa.Column("next_message", WHOLE, nullable=False),
        sa.Column("told", WHOLE, nullable=False),
        sa.Column("claims", WHOLE, nullable=False),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("not_before", WHOLE, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("destination", name="pk_outlets"),
    )
    op.create_table(
        "alarms",
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("raised", sa.Boolean, nullable=False),
        sa.Column("seen_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_alarms"),
    )


def messages() -> None:
    """Messages, and their delivery."""
    op.create_table(
        "messages",
        sa.Column("destination", sa.String(16), nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("made_at", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("destination", "number", name="pk_messages"),
        sa.UniqueConstraint("destination", "id", name="uq_messages_destination_id"),
    )
    for statement in append_only(op.get_bind().dialect.name, "messages"):
        op.execute(statement)
    op.create_table(
        "deliveries",
        sa.Column("destination", sa.String(16), nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["destination", "number"],
            ["messages.destination", "messages.number"],
            op.f("fk_deliveries_destination"),
        ),
        sa.PrimaryKeyConstraint("destination", "number", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state", "destination", "number"])
