"""A sound card that exists only in arithmetic: its own latency, its own clock, a perfect loop from ear to microphone.

Robots and tests play and record through it, so that a program is judged on what a real card does to it: sound comes
out late, comes back later, and a second lasts a little more or less than a second. Pure: time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unisono.units import SAMPLE_RATE, Audio

LATENCY_MS_MAX = 1000.0
DRIFT_PPM_MAX = 1000.0

BLOCK_FRAMES = 480
"""How many frames a card takes and gives at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSpec:
    """What a card is like. `latency_ms` is the whole round trip, out of the ear and in at the microphone."""

    latency_ms: float = 0.0
    drift_ppm: float = 0.0
    """How much faster than true its clock runs: +100 gives 48 004.8 frames in a second."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.latency_ms <= LATENCY_MS_MAX:
            raise ValueError(f"latency_ms must be 0..{LATENCY_MS_MAX:g}, not {self.latency_ms}")
        if not abs(self.drift_ppm) <= DRIFT_PPM_MAX:
            raise ValueError(f"drift_ppm must be within {DRIFT_PPM_MAX:g}, not {self.drift_ppm}")

    @property
    def frames_per_ms(self) -> float:
        """The card's true rate."""
        return SAMPLE_RATE / 1000.0 * (1.0 + self.drift_ppm * 1e-6)

    @property
    def round_trip_frames(self) -> int:
        """The round trip in the card's own frames: what the sound check measures."""
        return round(self.latency_ms * SAMPLE_RATE / 1000.0)


class VirtualCard:
    """One open stream of a card: what is played comes back `round_trip_frames` later, unchanged."""

    def __init__(self, spec: CardSpec, *, opened_ms: float) -> None:
        self.spec = spec
        self._opened_ms = opened_ms
        self._frames = 0
        self._air: Audio = np.zeros(spec.round_trip_frames, dtype=np.float32)

    @property
    def frames(self) -> int:
        """Frames played, and recorded, so far."""
        return self._frames

    def due_frames(self, now_ms: float) -> int:
        """How many frames the card has asked for by `now_ms` and not got yet."""
        # A thousandth of a frame is forgiven, so that what `ms_of` promised is due when it comes.
        return max(0, int((now_ms - self._opened_ms) * self.spec.frames_per_ms + 1e-3) - self._frames)

    def ms_of(self, frame: int) -> float:
        """When, on the true clock, the card reaches `frame`."""
        return self._opened_ms + frame / self.spec.frames_per_ms

    def stand_still(self, ms: float) -> None:
        """Lose that much time, as a frozen tab or a sleeping laptop does: no frame is played or recorded meanwhile."""
        self._opened_ms += ms

    def exchange(self, play: Audio) -> Audio:
        """Play a block, float32 (frames,); what the microphone recorded during the same frames, same shape."""
        air = np.concatenate((self._air, play))
        self._air = air[play.size :]
        self._frames += play.size
        return air[: play.size]
