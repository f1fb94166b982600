"""Along: rooms that sing along to a performance, and takes that were sung in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column each."""
    op.add_column("rooms", sa.Column("along", sa.Text, nullable=False, server_default=""))
    op.add_column("takes", sa.Column("sung", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Without them."""
    op.drop_column("takes", "sung")
    op.drop_column("rooms", "along")
