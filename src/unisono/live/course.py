"""Course: how long a song's sound takes through the server, as means over the last seconds (docs/wire.md, `way`).

When voices come is known already (core/sungways.py); here is when what they became goes on. The pages put both together
with what they see at their own ends, for the curious and for `python -m bench hop`.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from unisono.core.messages import Way, encode
from unisono.core.room import Room
from unisono.core.rows import Seating
from unisono.core.seats import Seat
from unisono.live.desk import CameLate, Outgoing
from unisono.live.session import Session
from unisono.units import SAMPLE_RATE, Position

_EVERY_SAMPLES: Final = 3 * SAMPLE_RATE
_KEPT: Final = 500
FORWARDED: Final = 1
"""The row that gets the leader's packets at once and no mix."""


@dataclass(slots=True)
class _Leaving:
    """Of the last frames that went to one row: how far behind their positions, and how much of it was mixing."""

    left: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    mixing: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))


class Course:
    """One song's. Fed with every packet of a row that leaves; costs a subtraction for each."""

    def __init__(self) -> None:
        self._rows: defaultdict[int, _Leaving] = defaultdict(_Leaving)
        self._mixed: Sequence[Outgoing] = ()
        self._ticked = Position(0)
        self._late: Counter[int] = Counter()
        self._due = 0.0

    def forwarded(self, position: Position, *, now: float) -> None:
        """The leader's packet stamped `position` has just gone to row 1."""
        self._rows[FORWARDED].left.append(now - position)

    def mixed(self, outgoing: Sequence[Outgoing], late: Sequence[CameLate], *, ticked: Position) -> None:
        """These were made, and these were not in them, at the tick that began then."""
        self._mixed, self._ticked = outgoing, ticked
        self._late.update(voice.seat for voice in late)

    def delivered(self, room: Room, sessions: Mapping[int, Session], *, now: float) -> None:
        """What was mixed at this tick has gone out; every few seconds everybody in a row is told."""
        for sound in self._mixed:
            self._rows[sound.row].left.append(now - sound.position)
            self._rows[sound.row].mixing.append(now - self._ticked)
        self._mixed = ()
        if self._rows and now >= self._due:
            self._due = now + _EVERY_SAMPLES
            self._tell(room, sessions)

    def _tell(self, room: Room, sessions: Mapping[int, Session]) -> None:
        song = room.singing.song
        if song is None:
            return
        for seat in room.seats.present():
            session = sessions.get(seat.connection) if seat.connection is not None else None
            if session is not None and song.seating.row_of(seat.number) is not None:
                session.send_text(encode(self.way_of(seat, room, song.seating)))

    def way_of(self, seat: Seat, room: Room, seating: Seating) -> Way:
        """What a page in a row cannot know by itself."""
        ways = room.singing.ways
        row = seating.row_of(seat.number) or 0
        before = seating.rows[row - 1] if row else ()
        came = [ways.mean_late(other) for other in before if other not in seating.unheard]
        known = [late + seating.delays_samples[row - 1] for late in came if late is not None]
        leaving = self._rows[row] if row else _Leaving()
        return Way(
            arrived_samples=ways.mean_late(seat.number),
            came_samples=_mean(known),
            mixing_samples=_mean(leaving.mixing),
            left_samples=_mean(leaving.left),
            late_frames=self._late[seat.number],
        )


def _mean(values: list[float] | deque[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None
