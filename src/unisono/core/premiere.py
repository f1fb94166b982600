"""Premiere: from the last stem to the finished song, played to the whole courtyard at once.

Two things come from the studio, in this order: the first file that can be played, and the page with all of them.
"""

from __future__ import annotations

from unisono.core.messages import MixProgress, Premiere
from unisono.core.song import START_AHEAD_SAMPLES
from unisono.units import SAMPLE_RATE, Position

AHEAD_SAMPLES_MAX = 15 * SAMPLE_RATE
_FETCH_SHARE = 20
"""Pages have a twentieth of the song's length to fetch it: the lines of most people carry more than that."""


def premiere_of(performance: str, url: str, samples: int, now: Position) -> Premiere:
    """When it is played: late enough for pages to have fetched it."""
    ahead = min(AHEAD_SAMPLES_MAX, START_AHEAD_SAMPLES + samples // _FETCH_SHARE)
    return Premiere(performance=performance, start=Position(now + ahead), url=url, samples=samples)


def progress_of(performance: str, share: float, step: str) -> MixProgress:
    """How far the mix is."""
    return MixProgress(performance=performance, share=min(1.0, max(0.0, share)), step=step)
