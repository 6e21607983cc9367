"""A one-time code stands for the role of the key that it enrols."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Codes given out before this stand for keys that prepare."""
    op.add_column("codes", sa.Column("role", sa.String(16), nullable=False, server_default="prepare"))
