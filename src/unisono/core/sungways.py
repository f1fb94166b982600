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
from unisono.units import FRAME_SAMPLES, Position, samples_of_ms

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

    @property
    def known(self) -> _Known | None:
        """What it tells; None while that is too little."""
        if len(self.late) < TELLING_FRAMES:
            return None
        return _Known(
            connection=self.connection,
            check=self.check,
            said_samples=self.said_samples,
            wait_samples=self.late.wait_samples,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is kept of a way when its song is over."""

    connection: int | None
    check: Check | None
    said_samples: float
    wait_samples: float

    def is_of(self, seat: Seat) -> bool:
        return self.connection == seat.connection and self.check == seat.check


class SungWays:
    """What the voices of this song and the one before tell of the ways up."""

    def __init__(self) -> None:
        self._now: dict[int, _Way] = {}
        self._before: dict[int, _Known] = {}

    def begin(self) -> None:
        """Another song."""
        self._before |= {seat: known for seat, way in self._now.items() if (known := way.known) is not None}
        self._now = {}

    def heard(self, seat: Seat, packet: Packet, *, behind_samples: int, now: Position) -> None:
        """A packet came; its maker hears `behind_samples` behind the room's clock.

        Its last frame tells: the others waited for it, which the seating counts by itself.
        """
        way = self._now.get(seat.number)
        if way is None or (way.connection, way.check) != (seat.connection, seat.check):
            way = self._now[seat.number] = _Way(connection=seat.connection, check=seat.check)
        way.said_samples = max(way.said_samples, seat.up_samples or 0.0)
        way.late.add(now - (packet.stop - FRAME_SAMPLES) - behind_samples, now=now)

    def mean_late(self, seat: int) -> float | None:
        """How long after it was heard the voice of this seat comes in this song, in samples; None when unknown."""
        way = self._now.get(seat)
        return way.late.mean_samples if way is not None and len(way.late) > 0 else None

    def member(self, seat: Seat) -> Member:
        """The seat as the seating sees it. If its page says that the way has become longer since, it has."""
        member = seat.member()
        now = self._now.get(seat.number)
        for known in (now.known if now is not None else None, self._before.get(seat.number)):
            if known is not None and known.is_of(seat):
                longer = (seat.up_samples or 0.0) - known.said_samples if known.said_samples else 0.0
                more = longer if longer > _LONGER_SAMPLES else 0.0
                return replace(member, up_samples=max(1.0, known.wait_samples + more))
        return member
