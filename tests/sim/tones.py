"""Voices that can be told apart and placed: each is one steady tone whose phase is that of its position.

In every window of 5 ms the tones are fitted by least squares. Amplitude says whether a voice is heard there, phase
whether it is in place. Frequencies are such that no shift by whole frames brings a tone back on itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unisono.units import SAMPLE_RATE, Audio

WINDOW_SAMPLES = 240
REPEAT_SAMPLES = 10 * SAMPLE_RATE
AMPLITUDE = 0.2
_HEARD_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """The tone of voice `number`, 0, 1, 2 ..."""

    number: int

    @property
    def hz(self) -> float:
        """233, 446.3, 659.6 ..."""
        return 233.0 + 213.3 * self.number

    def sound(self, position: int, samples: int) -> Audio:
        """What it sings from a position on, float32 (samples,)."""
        tape = _tape(self.hz)
        return tape[(position + np.arange(samples)) % len(tape)]


@cache
def _tape(hz: float) -> Audio:
    """Ten seconds, after which every tone begins anew."""
    turns = np.arange(REPEAT_SAMPLES) * (hz / SAMPLE_RATE)
    return np.asarray(AMPLITUDE * np.sin(2 * np.pi * turns), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Of every voice in every window, (windows, voices): whether it is heard, and how far out of place (NaN: silent).

    An error, in ms, is known up to whole periods of the tone.
    """

    heard: NDArray[np.bool_]
    error_ms: NDArray[np.float64]


def fit(sound: Audio, tones: list[Tone], *, position: int) -> Fit:
    """Fit the tones in `sound`, float32 (samples,), whose first sample is at `position`."""
    windows = len(sound) // WINDOW_SAMPLES
    hz = np.array([tone.hz for tone in tones])
    blocks = sound[: windows * WINDOW_SAMPLES].reshape(windows, WINDOW_SAMPLES).astype(np.float64)
    found = blocks @ _solution(tuple(hz)).T
    along, across = found[:, : len(tones)], found[:, len(tones) :]
    starts = (position + np.arange(windows) * WINDOW_SAMPLES) % REPEAT_SAMPLES
    expected = starts[:, np.newaxis] * (2 * np.pi * hz / SAMPLE_RATE)
    amplitude = np.hypot(along, across)
    usual = np.median(amplitude, axis=0)
    heard = amplitude > _HEARD_SHARE * np.where(usual > AMPLITUDE / 20, usual, AMPLITUDE / 10)
    turn = np.angle(np.exp(1j * (np.arctan2(across, along) - expected)))
    return Fit(heard=heard, error_ms=np.where(heard, turn / (2 * np.pi * hz) * 1000, np.nan))


@cache
def _solution(hz: tuple[float, ...]) -> NDArray[np.float64]:
    """Least squares: (2 * tones, WINDOW_SAMPLES), sines first, then cosines."""
    inside = np.arange(WINDOW_SAMPLES)[:, np.newaxis] * (2 * np.pi * np.array(hz) / SAMPLE_RATE)
    return np.linalg.pinv(np.concatenate((np.sin(inside), np.cos(inside)), axis=1))


def stretches(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many windows each stretch of True lasts."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
    return edges[1::2] - edges[::2]
