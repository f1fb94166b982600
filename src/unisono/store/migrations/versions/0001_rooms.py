"""Rooms, links, seats, performances, stems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    _make_rooms_and_links()
    _make_seats()
    _make_performances_and_stems()


def downgrade() -> None:
    """Take them away again."""
    for table in ("stems", "performances", "seats", "links", "rooms"):
        op.drop_table(table)


def _make_rooms_and_links() -> None:
    op.create_table(
        "rooms",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recovery_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("secret_by_host", sa.LargeBinary, nullable=False),
        sa.Column("secret_by_recovery", sa.LargeBinary, nullable=False),
        sa.Column("boot_id", sa.String(64), nullable=False),
        sa.Column("monotonic_ns", sa.BigInteger, nullable=False),
        sa.Column("wall_ns", sa.BigInteger, nullable=False),
        sa.Column("reached_samples", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("room_id", sa.Integer, sa.ForeignKey("rooms.id"), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.UniqueConstraint("room_id", "role", "number"),
    )


def _make_seats() -> None:
    op.create_table(
        "seats",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("room_id", sa.Integer, sa.ForeignKey("rooms.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("link_id", sa.Integer, sa.ForeignKey("links.id"), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("flag", sa.String(200), nullable=False),
        sa.UniqueConstraint("room_id", "number"),
    )


def _make_performances_and_stems() -> None:
    op.create_table(
        "performances",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.Integer, sa.ForeignKey("rooms.id"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("sung_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("song", sa.Text, nullable=False),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        sa.Column("media_key", sa.String(64), nullable=False, unique=True),
    )
    op.create_index("performances_of_room", "performances", ["room_id", "sung_at"])
    op.create_table(
        "stems",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "performance_id", sa.String(64), sa.ForeignKey("performances.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("seat", sa.Integer, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("place", sa.String(60), nullable=False),
        sa.Column("flag", sa.String(200), nullable=False),
        sa.Column("row", sa.Integer, nullable=True),
        sa.UniqueConstraint("performance_id", "seat"),
    )
