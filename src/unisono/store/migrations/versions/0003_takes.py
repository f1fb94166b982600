"""Takes: clips of people who could not be there, and how the host set a performance's mix."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table for them, and a column."""
    op.add_column("performances", sa.Column("faders", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "takes",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column(
            "performance_id", sa.String(64), sa.ForeignKey("performances.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("seat", sa.Integer, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("flag", sa.String(200), nullable=False),
        sa.Column("part", sa.String(40), nullable=False),
        sa.Column("picture", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("original", sa.String(40), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("offset_samples", sa.Float, nullable=True),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("performance_id", "seat"),
    )


def downgrade() -> None:
    """Without them."""
    op.drop_table("takes")
    op.drop_column("performances", "faders")
