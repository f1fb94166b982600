"""Past: songs that wait for nobody any more, and what pages still keep of them.

A page that was away sends its stem when it comes back. If the performance still exists, what it sends is appended to
the stem; the mix stays as it is. If it was discarded, the page is told `written` all the same, so that it forgets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from unisono.core.song import SongRun
from unisono.core.wire import Packet
from unisono.units import FRAME_SAMPLES

REMEMBERED_MAX: Final = 50
_FRAMES_AT_LEAST: Final = 1500


@dataclass(slots=True, kw_only=True)
class _PastSong:
    """A song that has ended, who sang in it, and how many frames each has sent since."""

    song: SongRun
    seats: frozenset[int]
    frames: dict[int, int] = field(default_factory=dict)


class Past:
    """The last songs of a room."""

    def __init__(self) -> None:
        self._songs: deque[_PastSong] = deque(maxlen=REMEMBERED_MAX)

    def remember(self, song: SongRun, seats: Iterable[int]) -> None:
        """This song waits for nobody any more; `seats` sang in it."""
        self._songs.append(_PastSong(song=song, seats=frozenset(seats)))

    def forget(self, performance: str) -> None:
        """It was discarded."""
        kept = [past for past in self._songs if past.song.performance != performance]
        self._songs = deque(kept, maxlen=REMEMBERED_MAX)

    def knows(self, performance: str) -> bool:
        """Whether its stems may still grow."""
        return any(past.song.performance == performance for past in self._songs)

    def performance_of(self, seat: int, packet: Packet) -> str | None:
        """To whose stem a late repair of this seat is appended; None if nobody wants it any more."""
        for past in self._songs:
            if seat in past.seats and past.song.takes(packet.position, packet.stop, past.song.start):
                frames = past.frames.get(seat, 0) + len(packet.frames)
                past.frames[seat] = frames
                assert past.song.stop is not None
                song_frames = (past.song.stop - past.song.start) // FRAME_SAMPLES
                return past.song.performance if frames <= _FRAMES_AT_LEAST + 2 * song_frames else None
        return None
