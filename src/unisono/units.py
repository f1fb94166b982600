"""The few units everything is counted in: samples at 48 kHz, positions on a room's axis, spans, audio.

Inside the program time is an integer count of samples. Seconds and milliseconds appear in settings, logs, docs and at
the clocks of peers (`core/clock.py`), and are converted by the functions here.
"""

from __future__ import annotations

from typing import Final, NewType

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

SAMPLE_RATE: Final = 48_000
"""Samples per second of every position, delay and stem."""

FRAME_SAMPLES: Final = 960
"""Samples in one codec frame: 20 ms."""

OPUS_LOOKAHEAD_SAMPLES: Final = 312
"""How much a libopus encoder in audio mode delays: a block beginning at p is stamped p - 312 (docs/wire.md)."""

POSITION_END: Final = 2**53
"""Positions are below this, so that a JavaScript number holds them exactly."""

Position = NewType("Position", int)
"""An index on a room's axis, 0 <= position < POSITION_END."""

Audio = NDArray[np.float32]
"""Sound at SAMPLE_RATE, full scale +-1: shape (samples,) when mono, (samples, 2) when stereo."""


class Span(Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of the axis: `start` is in it, `stop` is not. May be empty, never reversed."""

    start: Position
    stop: Position

    def __post_init__(self) -> None:
        if self.stop < self.start:
            raise ValueError(f"a span must not end before it starts: [{self.start}, {self.stop})")

    @property
    def samples(self) -> int:
        """How long it is."""
        return self.stop - self.start

    def __contains__(self, position: int) -> bool:
        return self.start <= position < self.stop

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one sample."""
        return max(self.start, other.start) < min(self.stop, other.stop)


def span(start: int, stop: int) -> Span:
    """A Span from plain integers."""
    return Span(start=Position(start), stop=Position(stop))


def samples_of_ms(ms: float) -> int:
    """Milliseconds to the nearest whole sample."""
    return round(ms * SAMPLE_RATE / 1000)


def ms_of_samples(samples: float) -> float:
    """Samples to milliseconds."""
    return samples * 1000 / SAMPLE_RATE
