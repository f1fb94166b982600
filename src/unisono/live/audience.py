"""Audience: which sockets a sound goes to. Worked out when somebody comes, goes or moves, not per packet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from unisono.core.room import Room
from unisono.core.rows import SINGING_ROWS_MAX
from unisono.core.wire import stop_of
from unisono.live.desk import LISTENERS
from unisono.live.frames import framed_packet
from unisono.live.session import Session
from unisono.units import SAMPLE_RATE

_TALK_SAMPLES = SAMPLE_RATE
"""Between songs pages choose themselves how far behind they hear: less than this, unless their way is a bad one."""


class Audience:
    """The sockets of a room by row, and by seat for talk. Those who only watch hear nothing."""

    def __init__(self, room: Room, sessions: Mapping[int, Session], *, overhear: Callable[[bytes], None]) -> None:
        """`overhear` gets every packet that listeners get (live/broadcast.py)."""
        self._overhear = overhear
        self._room = room
        self._sessions = sessions
        self._stale = True
        self._rows: dict[int, list[Session]] = {}
        self._pcm_rows: frozenset[int] = frozenset()
        self._empty_rows: frozenset[int] = frozenset()
        self._seats: dict[int, Session] = {}

    def changed(self) -> None:
        """Somebody came, went, or sits elsewhere."""
        self._stale = True

    def _now(self) -> dict[int, list[Session]]:
        if self._stale:
            self._stale = False
            rows: dict[int, list[Session]] = defaultdict(list)
            self._seats = {}
            for seat in self._room.seats.present():
                session = self._sessions.get(seat.connection) if seat.connection is not None else None
                if session is None:
                    continue
                row = self._room.singing.row_of(seat.number)
                session.listens = row is None
                rows[LISTENERS if row is None else row].append(session)
                self._seats[seat.number] = session
            self._rows = dict(rows)
            self._pcm_rows = frozenset(
                row for row, sessions in rows.items() if any(session.decodes == "pcm" for session in sessions)
            )
            self._empty_rows = frozenset({LISTENERS, *range(2, SINGING_ROWS_MAX + 1)} - rows.keys())
        return self._rows

    @property
    def pcm_wanted(self) -> bool:
        """Whether anybody can only take PCM."""
        return bool(self.pcm_rows())

    def pcm_rows(self) -> frozenset[int]:
        """Rows (or LISTENERS) in which somebody can only take PCM."""
        self._now()
        return self._pcm_rows

    def empty_rows(self, *, listened: bool) -> frozenset[int]:
        """Rows in which nobody is; LISTENERS too, unless somebody else listens."""
        self._now()
        return self._empty_rows - {LISTENERS} if listened else self._empty_rows

    def send(self, row: int, opus: bytes, pcm: bytes | None) -> None:
        """To everybody in a row, or to LISTENERS, at the next tick; framed once."""
        if row == LISTENERS:
            self._overhear(opus)
        sound = _Framed(opus, pcm)
        until = sound.stop + self._delay_of(row)
        for session in self._now().get(row, ()):
            sound.send(session, until)

    def send_rows(self, opus: bytes, pcm: bytes | None) -> None:
        """To every row behind the leader's; listeners get theirs in bundles.

        The first row, which hears nobody else and has the shortest way, gets it at once. The others hear this position
        a row's distance later: it goes with the mix of the next tick, in one piece.
        """
        sound = _Framed(opus, pcm)
        for row, sessions in self._now().items():
            if row > 0:
                until = sound.stop + self._delay_of(row)
                for session in sessions:
                    sound.send(session, until)
                    if row == 1:
                        session.flush()

    def send_talk(self, seat: int | None, apart_from: frozenset[int], opus: bytes, pcm: bytes | None) -> None:
        """To one seat, or to every seat `apart_from` some."""
        self._now()
        sound = _Framed(opus, pcm)
        until = sound.stop + _TALK_SAMPLES
        if seat is not None:
            session = self._seats.get(seat)
            if session is not None:
                sound.send(session, until)
            return
        self._overhear(opus)
        for number, other in self._seats.items():
            if number not in apart_from:
                sound.send(other, until)

    def _delay_of(self, row: int) -> int:
        """How far behind the room's clock a row of the song, or LISTENERS, hears."""
        song = self._room.singing.song
        if song is None:
            return _TALK_SAMPLES
        delays = song.seating.delays_samples
        return delays[row] if 0 <= row < len(delays) else song.seating.listener_delay_samples


class _Framed:
    """One sound in the two ways that pages can take it, framed for their sockets; it is over at `stop`."""

    __slots__ = ("_opus", "_pcm", "stop")

    def __init__(self, opus: bytes, pcm: bytes | None) -> None:
        self.stop = stop_of(opus)
        self._opus = framed_packet(opus)
        self._pcm = framed_packet(pcm) if pcm is not None else None

    def send(self, session: Session, until: int) -> None:
        """To one page, which hears the end of it `until` then."""
        if session.decodes != "pcm":
            session.send(self._opus, until)
        elif self._pcm is not None:
            session.send(self._pcm, until)
