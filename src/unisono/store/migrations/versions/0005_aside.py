"""Aside: takes in whose place their person has put another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column; what was kept before stands in its mix as it did."""
    op.add_column("takes", sa.Column("aside", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Without it."""
    op.drop_column("takes", "aside")
