"""What of a room outlives the server's process: who led, what was picked, who was there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for it."""
    op.add_column("rooms", sa.Column("memory", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Without it."""
    op.drop_column("rooms", "memory")
