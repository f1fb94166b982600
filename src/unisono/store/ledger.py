"""Ledger: rooms, links, seats, performances and stems in a database (SQLite unless told otherwise).

Plain synchronous calls, each one transaction; the live layer makes them on a thread. Migrations come with the package
and are applied when the ledger is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
from sqlalchemy import ColumnElement, create_engine, delete, event, func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from unisono.core.memory import Memory
from unisono.core.messages import Flag, Role
from unisono.core.seats import Seat
from unisono.core.song import SongRun
from unisono.errors import DiskTrouble, LinkNotValid
from unisono.store import tokens
from unisono.store.records import Admission, Along, Anchor, Keys, PerformanceRecord, RoomRecord, StemRecord
from unisono.store.schema import LinkRow, PerformanceRow, RoomRow, SeatRow, StemRow
from unisono.store.takes import TakeLedger
from unisono.units import Position

_IS_HOSTS = LinkRow.role == "host"
_MIGRATIONS = Path(__file__).parent / "migrations"


class Ledger:
    """All that must outlive the process, except sound. Safe to call from several threads."""

    def __init__(self, url: str) -> None:
        """Open (and, if needed, make or migrate) the database. Raises DiskTrouble."""
        parsed = make_url(url)
        try:
            if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(parsed, pool_pre_ping=True)
            if parsed.get_backend_name() == "sqlite":
                event.listen(self._engine, "connect", _prepare_sqlite)
            self._migrate()
            self.takes = TakeLedger(self._session)
        except (SQLAlchemyError, OSError) as error:
            raise DiskTrouble(reason=f"the database cannot be opened: {error}") from error

    def _migrate(self) -> None:
        """Bring the tables up to date. Alembic is loaded only then: while a server starts, people wait for it."""
        if self._is_newest():
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _is_newest(self) -> bool:
        """Whether the last migration that there is has been made; they are numbered by their files' names."""
        newest = max(path.stem[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
        if not inspect(self._engine).has_table("alembic_version"):
            return False
        with self._engine.connect() as connection:
            return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == newest)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    # ------------------------------------------------------------------------------------ rooms and links

    def open_room(
        self, *, title: str, place: str, anchor: Anchor, along: Along | None = None, memory: Memory | None = None
    ) -> Keys:
        """A new room and its three links. `along`: all that is sung in it; `memory`: what is known there already."""
        secret, host, recovery = tokens.fresh_secret(), tokens.fresh_token(), tokens.fresh_recovery()
        with self._session() as session:
            room = RoomRow(
                title=title,
                place=place,
                opened_at=datetime.now(UTC),
                recovery_hash=tokens.hashed(recovery),
                secret_by_host=tokens.sealed(secret, host),
                secret_by_recovery=tokens.sealed(secret, recovery),
                boot_id=anchor.boot_id,
                monotonic_ns=anchor.monotonic_ns,
                wall_ns=anchor.wall_ns,
                reached_samples=0,
                memory=msgspec.json.encode(memory).decode() if memory else "",
                along=msgspec.json.encode(along).decode() if along else "",
            )
            session.add(room)
            session.flush()
            _add_link(session, room.id, "host", 1, host)
            for role in ("performer", "listener"):
                _add_link(session, room.id, role, 1, tokens.link_token(secret, role, 1))
            return _keys(session, room.id, host, secret, recovery)

    def admit(self, token: str) -> Admission:
        """What this link opens. Raises LinkNotValid."""
        with self._session() as session:
            link = session.scalar(_open_link(token))
            if link is None:
                raise LinkNotValid
            room = session.get_one(RoomRow, link.room_id)
            return Admission(
                room=room.id, link=link.id, role=cast("Role", link.role), title=room.title, place=room.place
            )

    def keys(self, host_token: str) -> Keys:
        """The three links, for a host. Raises LinkNotValid."""
        with self._session() as session:
            room, secret = _open_by_host(session, host_token)
            return _keys(session, room.id, host_token, secret)

    def take_key(self, host_token: str, take: str) -> str:
        """The key of a take that was sung in this host's room, always the same. Raises LinkNotValid."""
        with self._session() as session:
            _, secret = _open_by_host(session, host_token)
            return tokens.take_key(secret, take)

    def revoke(self, host_token: str, role: Role) -> tuple[Keys, frozenset[int]]:
        """Replace the link of `role`; returns the three links and the ids of those now revoked. Raises LinkNotValid."""
        with self._session() as session:
            room, secret = _open_by_host(session, host_token)
            revoked, number = _revoke(session, room.id, role)
            host = host_token
            if role == "host":
                host = tokens.fresh_token()
                room.secret_by_host = tokens.sealed(secret, host)
                _add_link(session, room.id, "host", number, host)
            else:
                _add_link(session, room.id, role, number, tokens.link_token(secret, role, number))
            return _keys(session, room.id, host, secret), revoked

    def recover(self, recovery: str) -> tuple[Keys, frozenset[int]]:
        """A new host link from the recovery code; every earlier one is closed. Raises LinkNotValid.

        Those revoked before are returned too: whoever revoked them may have stayed, and may be the thief.
        """
        code = tokens.plain_recovery(recovery)
        with self._session() as session:
            room = session.scalar(select(RoomRow).where(RoomRow.recovery_hash == tokens.hashed(code)))
            if room is None:
                raise LinkNotValid
            secret = tokens.sealed(room.secret_by_recovery, code)
            _, number = _revoke(session, room.id, "host")
            earlier = frozenset(session.scalars(select(LinkRow.id).where(LinkRow.room_id == room.id, _IS_HOSTS)))
            host = tokens.fresh_token()
            room.secret_by_host = tokens.sealed(secret, host)
            _add_link(session, room.id, "host", number, host)
            return _keys(session, room.id, host, secret, code), earlier

    def room(self, room: int) -> RoomRecord:
        """A room as it was left."""
        with self._session() as session:
            row = session.get_one(RoomRow, room)
            reached = max([row.reached_samples, *(_song(song).counted for song in session.scalars(_songs_of(room)))])
            anchor = Anchor(boot_id=row.boot_id, monotonic_ns=row.monotonic_ns, wall_ns=row.wall_ns)
            return RoomRecord(
                room=row.id,
                title=row.title,
                place=row.place,
                anchor=anchor,
                reached=Position(reached),
                memory=_memory(row.memory),
                along=msgspec.json.decode(row.along, type=Along) if row.along else None,
            )

    def keep_memory(self, room: int, memory: Memory) -> None:
        """What of the room must outlive the process."""
        with self._session() as session:
            session.get_one(RoomRow, room).memory = msgspec.json.encode(memory).decode()

    def keep_anchor(self, room: int, anchor: Anchor, reached: Position) -> None:
        """Where the room's zero lies for this process, and how far it has counted."""
        with self._session() as session:
            row = session.get_one(RoomRow, room)
            row.boot_id, row.monotonic_ns, row.wall_ns = anchor.boot_id, anchor.monotonic_ns, anchor.wall_ns
            row.reached_samples = max(row.reached_samples, reached)

    # ------------------------------------------------------------------------------------ seats

    def keep_seat(self, room: int, seat: Seat) -> None:
        """Remember a seat, or how it looks now."""
        with self._session() as session:
            row = session.scalar(select(SeatRow).where(SeatRow.room_id == room, SeatRow.number == seat.number))
            if row is None:
                row = SeatRow(room_id=room, number=seat.number)
                session.add(row)
            row.key_hash, row.link_id, row.role = seat.key_hash, seat.link, seat.role
            row.name, row.place, row.flag, row.part = seat.name, seat.place, _flag_text(seat.flag), seat.part

    def forget_seat(self, room: int, number: int) -> None:
        """Nobody will come back to it."""
        with self._session() as session:
            session.execute(delete(SeatRow).where(SeatRow.room_id == room, SeatRow.number == number))

    def seats(self, room: int) -> list[Seat]:
        """Everybody remembered, away for now."""
        with self._session() as session:
            rows = session.scalars(select(SeatRow).where(SeatRow.room_id == room).order_by(SeatRow.number))
            return [
                Seat(
                    number=row.number,
                    key_hash=row.key_hash,
                    role=cast("Role", row.role),
                    link=row.link_id,
                    name=row.name,
                    place=row.place,
                    flag=_flag(row.flag),
                    part=row.part,
                    gone=True,
                )
                for row in rows
            ]

    # ------------------------------------------------------------------------------------ performances

    def keep_song(self, room: int, song: SongRun, *, title: str) -> None:
        """A performance began, or its song changed."""
        text = msgspec.json.encode(song).decode()
        with self._session() as session:
            row = session.get(PerformanceRow, song.performance)
            if row is None:
                row = PerformanceRow(
                    id=song.performance,
                    room_id=room,
                    title=title,
                    sung_at=datetime.now(UTC),
                    token=tokens.fresh_token(),
                    media_key=tokens.fresh_token(),
                )
                session.add(row)
            row.state, row.song = song.state, text

    def set_state(self, performance: str, state: str) -> None:
        """How far a performance is; unknown ones are left unknown."""
        with self._session() as session:
            row = session.get(PerformanceRow, performance)
            if row is not None:
                row.state = state

    def keep_stems(self, performance: str, stems: list[StemRecord]) -> None:
        """Whose voices there are."""
        with self._session() as session:
            session.execute(delete(StemRow).where(StemRow.performance_id == performance))
            for stem in stems:
                session.add(_stem_row(performance, stem))

    def stems(self, performance: str) -> list[StemRecord]:
        """Whose voices there are, by seat."""
        with self._session() as session:
            rows = session.scalars(select(StemRow).where(StemRow.performance_id == performance).order_by(StemRow.seat))
            return [_stem(row) for row in rows]

    def delete_performance(self, room: int, performance: str) -> bool:
        """Forget a performance of this room; whether there was one."""
        with self._session() as session:
            row = session.get(PerformanceRow, performance)
            if row is None or row.room_id != room:
                return False
            session.execute(delete(StemRow).where(StemRow.performance_id == performance))
            self.takes.forget_all(session, performance)
            session.delete(row)
            return True

    def performances(self, room: int) -> list[PerformanceRecord]:
        """A room's performances, the latest first."""
        return self._performances(PerformanceRow.room_id == room)

    def performance(self, *, token: str = "", media_key: str = "", performance: str = "") -> PerformanceRecord | None:
        """The one that this token, media key or id names."""
        if token:
            where = PerformanceRow.token == token
        elif media_key:
            where = PerformanceRow.media_key == media_key
        else:
            where = PerformanceRow.id == performance
        found = self._performances(where)
        return found[0] if found else None

    def unfinished(self) -> list[PerformanceRecord]:
        """Performances that a stopped server left before all their files were there."""
        return self._performances(PerformanceRow.state.in_(("count_in", "singing", "ending", "mixing", "premiere")))

    def _performances(self, where: ColumnElement[bool]) -> list[PerformanceRecord]:
        query = select(PerformanceRow, RoomRow.place).join(RoomRow, RoomRow.id == PerformanceRow.room_id)
        with self._session() as session:
            rows = session.execute(query.where(where).order_by(PerformanceRow.sung_at.desc())).all()
            return [_performance(row, place) for row, place in rows]


def _stem_row(performance: str, stem: StemRecord) -> StemRow:
    flag = _flag_text(stem.flag)
    names = {"name": stem.name, "place": stem.place, "part": stem.part}
    return StemRow(performance_id=performance, seat=stem.seat, flag=flag, row=stem.row, **names)


def _stem(row: StemRow) -> StemRecord:
    names = {"name": row.name, "place": row.place, "part": row.part}
    return StemRecord(seat=row.seat, flag=_flag(row.flag), row=row.row, **names)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Many readers beside one writer, and references that hold."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=2000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _add_link(session: Session, room: int, role: str, number: int, token: str) -> None:
    session.add(LinkRow(room_id=room, role=role, number=number, token_hash=tokens.hashed(token), revoked=False))
    session.flush()


def _open_link(token: str) -> Any:
    return select(LinkRow).where(LinkRow.token_hash == tokens.hashed(token), LinkRow.revoked.is_(False))


def _open_by_host(session: Session, host_token: str) -> tuple[RoomRow, bytes]:
    """The room and its secret. Raises LinkNotValid for anything but a host's link."""
    link = session.scalar(_open_link(host_token))
    if link is None or link.role != "host":
        raise LinkNotValid
    room = session.get_one(RoomRow, link.room_id)
    return room, tokens.sealed(room.secret_by_host, host_token)


def _revoke(session: Session, room: int, role: str) -> tuple[frozenset[int], int]:
    """Close the links of a role; returns their ids and the number of the next one."""
    links = session.scalars(select(LinkRow).where(LinkRow.room_id == room, LinkRow.role == role)).all()
    revoked = [link for link in links if not link.revoked]
    for link in revoked:
        link.revoked = True
    return frozenset(link.id for link in revoked), 1 + max(link.number for link in links)


def _keys(session: Session, room: int, host: str, secret: bytes, recovery: str = "") -> Keys:
    query = select(LinkRow.role, func.max(LinkRow.number)).where(LinkRow.room_id == room).group_by(LinkRow.role)
    numbers = {str(row[0]): int(row[1]) for row in session.execute(query)}
    return Keys(
        host=host,
        singers=tokens.link_token(secret, "performer", numbers["performer"]),
        listeners=tokens.link_token(secret, "listener", numbers["listener"]),
        recovery=recovery,
    )


def _memory(text: str) -> Memory:
    return msgspec.json.decode(text, type=Memory) if text else Memory()


def _songs_of(room: int) -> Any:
    return select(PerformanceRow.song).where(PerformanceRow.room_id == room)


def _song(text: str) -> SongRun:
    return msgspec.json.decode(text, type=SongRun)


def _performance(row: PerformanceRow, place: str) -> PerformanceRecord:
    sung_at = row.sung_at if row.sung_at.tzinfo else row.sung_at.replace(tzinfo=UTC)
    return PerformanceRecord(
        performance=row.id,
        room=row.room_id,
        title=row.title,
        place=place,
        sung_at=sung_at,
        state=row.state,
        song=_song(row.song),
        token=row.token,
        media_key=row.media_key,
    )


def _flag_text(flag: Flag | None) -> str:
    return msgspec.json.encode(flag).decode() if flag else ""


def _flag(text: str) -> Flag | None:
    return msgspec.json.decode(text, type=Flag) if text else None
