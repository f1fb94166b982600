"""A robot that leads: picks, starts, stops a free song, and begins the next one when the last was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from unisono.client import Courtyard
from unisono.errors import NotAllowed
from unisono.units import SAMPLE_RATE

_GATHER_S = 10.0
_START_S = 20.0
_DONE_S = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What is sung. `songs` 0 is without end; `keeps` 0 deletes no performance."""

    piece: str | None
    free_song_s: float = 30.0
    """How long a free song goes on, from its start."""
    songs: int = 0
    singers: int = 1
    """So many are waited for before the first song, for a while."""
    pause_s: float = 4.0
    keeps: int = 0
    """So many performances are kept; older ones of this programme are deleted."""


async def lead(courtyard: Courtyard, programme: Programme) -> None:
    """Lead song after song. Steps back while somebody else leads, and goes on when the lead is given back.

    Raises NotAllowed if the robot came by a link that is not a host's.
    """
    if courtyard.view.room is None or courtyard.view.room.role != "host":
        raise NotAllowed(what="leading, without a host's link,")
    if courtyard.view.leader != courtyard.view.seat:
        courtyard.lead(courtyard.view.seat)
    await _for_at_most(_GATHER_S, courtyard, lambda: _singers(courtyard) >= programme.singers)
    sung: list[str] = []
    while programme.songs == 0 or len(sung) < programme.songs:
        await courtyard.until(lambda: courtyard.view.leader == courtyard.view.seat and not courtyard.view.is_live)
        performance = await _one_song(courtyard, programme)
        if performance is not None:
            sung.append(performance)
            _tidy(courtyard, sung, programme)
        await asyncio.sleep(programme.pause_s)


async def _one_song(courtyard: Courtyard, programme: Programme) -> str | None:
    """Sing once; the performance, or None if it did not begin."""
    view = courtyard.view
    if view.piece is None or view.piece.piece != programme.piece:
        courtyard.pick(programme.piece)
        await _for_at_most(_START_S, courtyard, lambda: view.piece is not None and view.piece.piece == programme.piece)
    courtyard.start()
    if not await _for_at_most(_START_S, courtyard, lambda: view.is_live) or view.song is None:
        return None
    song = view.song
    if song.stop is None:
        until = song.start + programme.free_song_s * SAMPLE_RATE
        await asyncio.sleep(max(0.0, (until - courtyard.heard_position) / SAMPLE_RATE))
        courtyard.stop()
    await _for_at_most(_DONE_S, courtyard, lambda: view.song is None or view.song.state in ("done", "discarded"))
    return song.performance


def _tidy(courtyard: Courtyard, sung: list[str], programme: Programme) -> None:
    if programme.keeps and len(sung) > programme.keeps:
        courtyard.discard(sung[-programme.keeps - 1])


def _singers(courtyard: Courtyard) -> int:
    return sum(seat.present and seat.method not in (None, "none") for seat in courtyard.view.seats.values())


async def _for_at_most(seconds: float, courtyard: Courtyard, true: Callable[[], bool]) -> bool:
    """Wait for something, but not for ever; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await courtyard.until(true)
    except TimeoutError:
        return False
    return True
