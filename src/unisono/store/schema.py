"""The ledger's tables. Of a room's tokens and keys only hashes are kept (store/tokens.py).

A performance's token and media key are kept as they are: every page of its room may ask for them, whatever its link.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables; a test compares them with what the migrations make."""


class RoomRow(Base):
    """A courtyard: its name, its sealed secret, where its clock's zero lies (live/pulse.py), and its Memory as JSON.

    along: what it sings along to (JSON of store.records.Along), or nothing.
    """

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    place: Mapped[str] = mapped_column(String(60))
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recovery_hash: Mapped[str] = mapped_column(String(64), unique=True)
    secret_by_host: Mapped[bytes] = mapped_column(LargeBinary)
    secret_by_recovery: Mapped[bytes] = mapped_column(LargeBinary)
    boot_id: Mapped[str] = mapped_column(String(64))
    monotonic_ns: Mapped[int] = mapped_column(BigInteger)
    wall_ns: Mapped[int] = mapped_column(BigInteger)
    reached_samples: Mapped[int] = mapped_column(BigInteger)
    memory: Mapped[str] = mapped_column(Text, server_default="")
    along: Mapped[str] = mapped_column(Text, server_default="")


class LinkRow(Base):
    """A link into a room: the `number`th for its role. At most one per role is not revoked."""

    __tablename__ = "links"
    __table_args__ = (UniqueConstraint("room_id", "role", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    role: Mapped[str] = mapped_column(String(16))
    number: Mapped[int]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    revoked: Mapped[bool]


class SeatRow(Base):
    """Somebody who was in a room, so that their key still works after a restart."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("room_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    number: Mapped[int]
    key_hash: Mapped[str] = mapped_column(String(64))
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"))
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(String(60))
    flag: Mapped[str] = mapped_column(String(200))
    part: Mapped[str] = mapped_column(String(40), server_default="")


class PerformanceRow(Base):
    """A performance: its song (JSON of core.song.SongRun), how far it is, and how its page and files are reached.

    faders: how its host set the mix (JSON of studio.faders.Faders), or nothing.
    """

    __tablename__ = "performances"
    __table_args__ = (Index("performances_of_room", "room_id", "sung_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    title: Mapped[str] = mapped_column(String(200))
    sung_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(String(16))
    song: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    media_key: Mapped[str] = mapped_column(String(64), unique=True)
    faders: Mapped[str] = mapped_column(Text, server_default="")


class StemRow(Base):
    """Whose voice a stem is, as they were called when they sang."""

    __tablename__ = "stems"
    __table_args__ = (UniqueConstraint("performance_id", "seat"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    performance_id: Mapped[str] = mapped_column(ForeignKey("performances.id", ondelete="CASCADE"))
    seat: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(String(60))
    flag: Mapped[str] = mapped_column(String(200))
    row: Mapped[int | None]
    part: Mapped[str] = mapped_column(String(40), server_default="")


class TakeRow(Base):
    """A clip that somebody added to a performance; of the key with which they change it, only the hash is kept.

    sung: where it was sung along (JSON of store.records.SungAlong), or nothing. aside: another stands in its place.
    """

    __tablename__ = "takes"
    __table_args__ = (UniqueConstraint("performance_id", "seat"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    performance_id: Mapped[str] = mapped_column(ForeignKey("performances.id", ondelete="CASCADE"))
    seat: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(String(60))
    flag: Mapped[str] = mapped_column(String(200))
    part: Mapped[str] = mapped_column(String(40))
    picture: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(40))
    original: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    offset_samples: Mapped[float | None] = mapped_column(Float)
    hidden: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    key_hash: Mapped[str] = mapped_column(String(64))
    sung: Mapped[str] = mapped_column(Text, server_default="")
    aside: Mapped[bool] = mapped_column(server_default=false())
