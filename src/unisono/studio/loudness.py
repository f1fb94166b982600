"""Loudness and peaks of sound in memory, after ITU-R BS.1770-4.

Gating is pyloudnorm's, peaks are found by fourfold oversampling.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.signal import resample_poly

from unisono.units import SAMPLE_RATE, Audio

SILENT_LUFS = -70.0
"""What lies below the standard's absolute gate is not measured: it is silence."""

_BLOCK_SAMPLES = SAMPLE_RATE * 4 // 10
_OVERSAMPLING = 4
_CHUNK_SAMPLES = 2**18
_EDGE_SAMPLES = 64


@cache
def _meter() -> pyloudnorm.Meter:
    return pyloudnorm.Meter(SAMPLE_RATE)


def integrated_lufs(sound: Audio) -> float:
    """Gated loudness in LUFS, or -inf for silence; float32, shape (samples,) or (samples, channels).

    The gates leave rests out, so a voice is measured while it sounds. Sound shorter than the standard's 0.4 s block is
    measured as if silence followed it.
    """
    if not np.any(sound):
        return -math.inf
    short = max(0, _BLOCK_SAMPLES + 1 - len(sound))
    padded = np.pad(sound.astype(np.float64), [(0, short)] + [(0, 0)] * (sound.ndim - 1))
    lufs = float(_meter().integrated_loudness(padded))
    return lufs if lufs > SILENT_LUFS else -math.inf


def peaks(sound: Audio) -> NDArray[np.float32]:
    """True peak around each sample, linear, float32, shape (samples,): the largest of all channels and four phases.

    float32, shape (samples, channels). Long sound is done in chunks, so that memory stays small.
    """
    found = np.empty(len(sound), dtype=np.float32)
    for start in range(0, len(sound), _CHUNK_SAMPLES):
        stop = min(start + _CHUNK_SAMPLES, len(sound))
        low, high = max(0, start - _EDGE_SAMPLES), min(len(sound), stop + _EDGE_SAMPLES)
        fine = np.abs(resample_poly(sound[low:high], _OVERSAMPLING, 1, axis=0)).max(axis=1)
        per_sample = fine.reshape(-1, _OVERSAMPLING).max(axis=1)
        found[start:stop] = per_sample[start - low : stop - low]
    return found


def true_peak_dbtp(sound: Audio) -> float:
    """The largest true peak in dBTP, or -inf for silence; float32, shape (samples, channels)."""
    return decibels(float(np.max(peaks(sound), initial=0.0)))


def decibels(ratio: float) -> float:
    """20 log10, -inf for nothing."""
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf


def ratio_of(decibel: float) -> float:
    """The inverse of `decibels`."""
    return 10 ** (decibel / 20)
