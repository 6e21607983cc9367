"""Vaults: the depositor of each, and its files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hefu_service.store.engines import WHOLE, append_only

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the two tables and their triggers."""
    op.create_table(
        "vaults",
        sa.Column("address_hash", sa.LargeBinary, nullable=False),
        sa.Column("depositor", sa.String(32), nullable=False),
        sa.CheckConstraint("length(address_hash) = 32", op.f("ck_vaults_hash")),
        sa.ForeignKeyConstraint(["depositor"], ["depositors.id"], op.f("fk_vaults_depositor")),
        sa.PrimaryKeyConstraint("address_hash", name="pk_vaults"),
    )
    op.create_index("ix_vaults_depositor", "vaults", ["depositor"])
    op.create_table(
        "vault_blobs",
        sa.Column("vault", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False),
        sa.CheckConstraint("length(sha256) = 32", op.f("ck_vault_blobs_hash")),
        sa.ForeignKeyConstraint(["vault"], ["vaults.address_hash"], op.f("fk_vault_blobs_vault")),
        sa.PrimaryKeyConstraint("vault", "name", name="pk_vault_blobs"),
    )
    for table in ("vaults", "vault_blobs"):
        for statement in append_only(op.get_bind().dialect.name, table):
            op.execute(statement)
