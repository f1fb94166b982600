"""Parts: what people say they sing in a courtyard, and sang in a performance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns; of what was sung before nobody said it."""
    for table in ("seats", "stems"):
        op.add_column(table, sa.Column("part", sa.String(40), nullable=False, server_default=""))


def downgrade() -> None:
    """Without them."""
    for table in ("seats", "stems"):
        op.drop_column(table, "part")
