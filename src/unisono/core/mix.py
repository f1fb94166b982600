"""Mix: what a row hears, made of the sums on its timeline: gains, places from left to right, a limiter.

Live mixes are throw-away views; nothing here is ever part of a recording.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unisono.core.wire import LEVEL_SILENT
from unisono.units import SAMPLE_RATE, Audio

WIDTH: Final = 0.8
"""How far out the outermost balconies are placed, of 1: nobody sings into one ear only."""

LIMIT_KNEE: Final = 10 ** (-6 / 20)
LIMIT_CEILING: Final = 10 ** (-1 / 20)
LIMIT_RELEASE_MS: Final = 200.0

_FLOOR: Final = 1e-12


def pans(count: int) -> tuple[float, ...]:
    """The places of `count` balconies from left to right, -1..1; one alone stands in the middle, two stand close."""
    if count == 1:
        return (0.0,)
    width = WIDTH if count > 2 else WIDTH / 2
    return tuple(width * (2 * index / (count - 1) - 1) for index in range(count))


def pans_of_seats(balconies: Sequence[int]) -> dict[int, float]:
    """The place of every seat, given the seats as their balconies are seen from left to right."""
    return dict(zip(balconies, pans(len(balconies)), strict=True)) if balconies else {}


def pan_gains(pan: float) -> tuple[float, float]:
    """Left and right gain of a place -1..1, of equal power everywhere: 1/sqrt(2) each in the middle."""
    angle = (min(1.0, max(-1.0, pan)) + 1) * math.pi / 4
    return math.cos(angle), math.sin(angle)


def crowd_gain(voices: int) -> float:
    """How loud each of `voices` may be so that all together are as loud as one: voices add in power."""
    return 1 / math.sqrt(max(1, voices))


def wire_level(frame: Audio) -> int:
    """The level byte of a packet: float32 (samples,) -> its RMS as -dB of full scale, rounded, 0..127; 127 is silence.

    A square wave of full scale is 0 dBFS, a sine -3.01. What is not finite counts as silence.
    """
    power = float(np.dot(frame, frame)) / len(frame)
    if not _FLOOR**2 < power < math.inf:
        return LEVEL_SILENT
    return min(LEVEL_SILENT, max(0, round(-10 * math.log10(power))))


class Limiter:
    """Keeps a stereo mix below LIMIT_CEILING without looking ahead, so that it costs no time.

    The gain follows the louder channel's peaks: down at once, back within LIMIT_RELEASE_MS; quiet mixes pass untouched.
    The state carries over, so the size of the blocks a mix is cut into changes nothing.
    """

    def __init__(self) -> None:
        self._decay = -1000 / (LIMIT_RELEASE_MS * SAMPLE_RATE)
        self._log_peak = -math.inf

    def process(self, mix: Audio) -> Audio:
        """The limited mix: float32 (samples, 2) -> float32 (samples, 2), every sample within +-LIMIT_CEILING."""
        if self._needs_nothing(mix):
            self._log_peak = -math.inf
            return mix.copy()
        clean = np.nan_to_num(mix, nan=0.0, posinf=0.0, neginf=0.0)
        peak = np.exp(self._follow(np.abs(clean).max(axis=1)))
        gain = _bent(peak) / np.maximum(peak, _FLOOR)
        return np.clip(clean * gain[:, np.newaxis], -LIMIT_CEILING, LIMIT_CEILING).astype(np.float32)

    def _needs_nothing(self, mix: Audio) -> bool:
        """Whether no peak of now or before is above the knee; below it, what a peak was changes nothing later."""
        loudest = float(np.abs(mix).max(initial=0.0))
        return loudest <= LIMIT_KNEE and self._log_peak <= math.log(LIMIT_KNEE)

    def _follow(self, magnitude: Audio) -> NDArray[np.float64]:
        """Log of the decaying peak at every sample: peak[n] = max(magnitude[n], peak[n-1] * release), without a loop.

        With the decay taken out, a decaying maximum is a plain running maximum.
        """
        fall = self._decay * np.arange(1, len(magnitude) + 1)
        risen = np.log(np.maximum(magnitude.astype(np.float64), _FLOOR)) - fall
        log_peak: NDArray[np.float64] = np.maximum(np.maximum.accumulate(risen), self._log_peak) + fall
        self._log_peak = float(log_peak[-1])
        return log_peak


def _bent(peak: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a peak ends up: itself below the knee, then bending smoothly towards the ceiling (tanh)."""
    room = LIMIT_CEILING - LIMIT_KNEE
    return np.where(peak <= LIMIT_KNEE, peak, LIMIT_KNEE + room * np.tanh((peak - LIMIT_KNEE) / room))
