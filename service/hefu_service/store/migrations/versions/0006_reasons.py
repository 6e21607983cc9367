"""Why a depositor was enrolled although its organisation is known, or its code has another check character."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Depositors of before have neither."""
    op.add_column("depositors", sa.Column("another_identity", sa.Text))
    op.add_column("depositors", sa.Column("another_check_character", sa.Text))
