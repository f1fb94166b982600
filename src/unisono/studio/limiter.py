"""Limiter: keeps the true peak under a ceiling by turning down ahead of it, slowly enough not to be heard.

The gain is the highest curve that stays under what every block of 16 samples allows and never falls faster than
`ATTACK_DB_PER_MS` (looking ahead) nor rises faster than `RELEASE_DB_PER_MS`: two running minima, no recursion, and by
construction never above the ceiling. Between blocks the gain moves in straight lines, so it adds no edges to the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.loudness import PEAK_BLOCK_SAMPLES, block_peaks, ratio_of
from unisono.units import SAMPLE_RATE, Audio

ATTACK_DB_PER_MS = 1.2
RELEASE_DB_PER_MS = 0.05

WORTH_IT = 0.2
"""A decibel that is raised and brings less loudness than this only raises what lies between the peaks."""

_BLOCKS_PER_MS = SAMPLE_RATE / PEAK_BLOCK_SAMPLES / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Sound under its ceiling but for what moves between samples (see `settled`), and the most it was turned down."""

    sound: Audio
    reduction_db: float


def limit(
    sound: Audio, *, gain_db: float, ceiling_dbtp: float, known_peaks: NDArray[np.float64] | None = None
) -> Limited:
    """`sound` raised by `gain_db` and limited; float32, shape (samples, channels).

    `known_peaks` are `block_peaks(sound)`, when the caller tries several gains on the same sound.
    """
    if len(sound) == 0:
        return Limited(sound=sound.copy(), reduction_db=0.0)
    found = block_peaks(sound) if known_peaks is None else known_peaks
    allowed = ratio_of(ceiling_dbtp) / np.maximum(found * ratio_of(gain_db), 1e-9)
    reduction = _smoothed(np.minimum(0.0, 20 * np.log10(allowed)))
    gain = _by_sample(10 ** ((reduction + gain_db) / 20))[: len(sound)]
    limited = (sound * gain[:, np.newaxis]).astype(np.float32)
    return Limited(sound=limited, reduction_db=abs(float(np.min(reduction))))


def _smoothed(allowed_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest curve under `allowed_db` that keeps to the attack's and the release's slope."""
    ramp = np.arange(len(allowed_db), dtype=np.float64)
    release = RELEASE_DB_PER_MS / _BLOCKS_PER_MS * ramp
    attack = ATTACK_DB_PER_MS / _BLOCKS_PER_MS * ramp
    after = np.minimum.accumulate(allowed_db - release) + release
    before: NDArray[np.float64] = np.minimum.accumulate(after[::-1] - attack)[::-1] + attack[::-1]
    return before


def _by_sample(block_gain: NDArray[np.float64]) -> NDArray[np.float32]:
    """Straight lines between the blocks' edges, each edge the smaller of its two neighbours; shape (blocks * 16,)."""
    padded = np.concatenate([block_gain[:1], block_gain, block_gain[-1:]])
    edges = np.minimum(padded[:-1], padded[1:])
    ramp = np.arange(PEAK_BLOCK_SAMPLES) / PEAK_BLOCK_SAMPLES
    lines: NDArray[np.float64] = edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * ramp
    return lines.ravel().astype(np.float32)


def settled(sound: Audio, ceiling_dbtp: float) -> Audio:
    """What little a moving gain adds between samples is taken off everywhere; float32, shape (samples, channels)."""
    over = float(np.max(block_peaks(sound), initial=0.0)) / ratio_of(ceiling_dbtp)
    return sound if over <= 1 else (sound / np.float32(over * (1 + 1e-6))).astype(np.float32)
