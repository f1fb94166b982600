"""Sung ways: how long each singer's way up truly is, as the voices of the last song showed.

Before the first song a room can only believe what a page says of its way (`link`), which it worked out from probes.
Every frame of a song tells exactly how late it came behind the position it was sung at, so the next song's rows are as
close as its voices allow. The count-in tells nothing: pages are busy showing that a song begins, and nobody is heard
yet. What is known of a way ends with the connection, or the sound check, it was measured by.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from unisono.core.lateness import TELLING_FRAMES, Lateness
from unisono.core.messages import Check
from unisono.core.rows import Member
from unisono.core.seats import Seat
from unisono.core.wire import Packet
from unisono.units import Position, samples_of_ms

_LONGER_SAMPLES: Final = samples_of_ms(20)
"""By less than this, what a page says of its way goes up and down by itself."""


@dataclass(slots=True, kw_only=True)
class _Way:
    """One seat's voice in one song: by which connection and sound check it came, and what its page said meanwhile."""

    connection: int | None
    check: Check | None
    said_samples: float = 0.0
    """The longest."""
    late: Lateness = field(default_factory=Lateness)


class SungWays:
    """What the voices of this song and the one before tell of the ways up."""

    def __init__(self) -> None:
        self._now: dict[int, _Way] = {}
        self._before: dict[int, _Way] = {}

    def begin(self) -> None:
        """Another song."""
        self._before |= {seat: way for seat, way in self._now.items() if len(way.late) >= TELLING_FRAMES}
        self._now = {}

    def heard(self, seat: Seat, packet: Packet, *, behind_samples: int, now: Position) -> None:
        """A packet came; its maker hears `behind_samples` behind the room's clock."""
        way = self._now.get(seat.number)
        if way is None or not _is_of(way, seat):
            way = self._now[seat.number] = _Way(connection=seat.connection, check=seat.check)
        way.said_samples = max(way.said_samples, seat.up_samples or 0.0)
        way.late.add(now - packet.position - behind_samples, now=now)

    def mean_late(self, seat: int) -> float | None:
        """How long after it was heard the voice of this seat comes in this song, in samples; None when unknown."""
        way = self._now.get(seat)
        return way.late.mean_samples if way is not None and len(way.late) > 0 else None

    def member(self, seat: Seat) -> Member:
        """The seat as the seating sees it. If its page says that the way has become longer since, it has."""
        member = seat.member()
        for way in (self._now.get(seat.number), self._before.get(seat.number)):
            if way is not None and len(way.late) >= TELLING_FRAMES and _is_of(way, seat):
                longer = (seat.up_samples or 0.0) - way.said_samples if way.said_samples else 0.0
                more = longer if longer > _LONGER_SAMPLES else 0.0
                return replace(member, up_samples=max(1.0, way.late.wait_samples + more))
        return member


def _is_of(way: _Way, seat: Seat) -> bool:
    return way.connection == seat.connection and way.check == seat.check
