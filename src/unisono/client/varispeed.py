"""Reading sound between its samples: what a clock that runs a little fast or slow makes necessary.

Two sound cards never agree on how long a second is, so a page resamples what it plays and what it records by the
ratio it measured. The ratios here are within a thousandth of one, so no anti-aliasing is needed, only interpolation.

Method: windowed-sinc interpolation (Smith, "Digital Audio Resampling", 1984/2002), Kaiser window. Over a block the
fraction between two samples hardly moves, so the block is filtered for three fractions and a parabola is laid through
the three (Farrow, "A continuously variable digital delay element", 1988).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from unisono.units import Audio

TAPS = 32
"""Samples that make one: TAPS // 2 before the point asked for and as many after it."""

MARGIN_SAMPLES = TAPS // 2
"""How far from its ends a sound can be read without touching what lies outside."""

_KAISER_BETA = 9.0
_PHASES = 512
_FRACTION_SPAN_MAX = 0.15
"""How far the fraction may move within one parabola."""


def read_at(sound: Audio, at_samples: NDArray[np.float64]) -> Audio:
    """The values of `sound`, float32 (samples,), at fractional indices about one apart, float64 (n,); float32 (n,).

    The indices are evenly spaced, 0.9..1.1 apart. Outside of `sound` there is silence. Flat to within 0.1 dB up to
    20 kHz at 48 kHz; error below -80 dB up to 10 kHz.
    """
    count = at_samples.size
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    first = float(at_samples[0])
    stretch = float(at_samples[-1] - first) / (count - 1) - 1.0 if count > 1 else 0.0
    if not abs(stretch) <= 0.1:
        raise ValueError(f"indices must be 0.9..1.1 apart, not {1.0 + stretch}")
    step = count if abs(stretch) * count <= _FRACTION_SPAN_MAX else max(1, int(_FRACTION_SPAN_MAX / abs(stretch)))
    parts = [
        _block(sound, first + start * (1.0 + stretch), stretch, min(step, count - start))
        for start in range(0, count, step)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _block(sound: Audio, first: float, stretch: float, count: int) -> Audio:
    """`count` values from `first` on, 1 + `stretch` apart, over which the fraction moves little."""
    whole = int(np.floor(first))
    fraction = first - whole
    moved = stretch * (count - 1)
    if moved == 0.0 and fraction == 0.0:
        return _stretch(sound, whole, whole + count).copy()
    window = _stretch(sound, whole - (TAPS // 2 - 1), whole + count + TAPS // 2)
    if not window.any():
        return np.zeros(count, dtype=np.float32)
    if moved == 0.0:
        return np.correlate(window, _weights(fraction), "valid")
    before, middle, after = (np.correlate(window, _weights(fraction + part * moved), "valid") for part in (0, 0.5, 1))
    # Lagrange's parabola through 0, 1/2 and 1.
    at = np.linspace(0.0, 1.0, count, dtype=np.float32)
    bend = 2.0 * (before - 2.0 * middle + after)
    value: Audio = before + at * (after - before + bend * (at - 1.0))
    return value


@cache
def _table() -> NDArray[np.float32]:
    """Weights for fractions -1/4 to 5/4, _PHASES a sample; float32 (rows, TAPS)."""
    fraction = np.arange(-_PHASES // 4, _PHASES * 5 // 4 + 2)[:, None] / _PHASES
    offset = np.arange(TAPS)[None, :] - (TAPS // 2 - 1) - fraction
    inside = np.clip(1.0 - (offset / (TAPS / 2)) ** 2, 0.0, 1.0)
    weights = np.sinc(offset) * np.i0(_KAISER_BETA * np.sqrt(inside))
    table: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return table


def _weights(fraction: float) -> NDArray[np.float32]:
    """What each of TAPS samples gives to the point `fraction`, -1/4..5/4, after the middle one; float32 (TAPS,)."""
    row, between = divmod((fraction + 0.25) * _PHASES, 1.0)
    lower, upper = _table()[int(row) : int(row) + 2]
    weights: NDArray[np.float32] = lower + np.float32(between) * (upper - lower)
    return weights


def _stretch(sound: Audio, start: int, stop: int) -> Audio:
    """`sound[start:stop]` with silence wherever that reaches outside; float32 (stop - start,)."""
    inside = sound[max(0, start) : max(0, stop)]
    if inside.size == stop - start:
        return inside
    padded = np.zeros(stop - start, dtype=np.float32)
    offset = max(0, -start)
    padded[offset : offset + inside.size] = inside
    return padded
