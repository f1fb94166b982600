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

PEAK_BLOCK_SAMPLES = 16

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


def block_peaks(sound: Audio) -> NDArray[np.float64]:
    """True peak of each `PEAK_BLOCK_SAMPLES`, linear, shape (ceil(samples / 16),), the largest of all channels.

    float32, shape (samples, channels). Scales with the sound. Long sound is done in chunks, so that memory stays small.
    """
    found = np.zeros(-(-len(sound) // PEAK_BLOCK_SAMPLES))
    for start in range(0, len(sound), _CHUNK_SAMPLES):
        low, high = max(0, start - _EDGE_SAMPLES), min(len(sound), start + _CHUNK_SAMPLES + _EDGE_SAMPLES)
        for channel in sound[low:high].T:
            fine = np.abs(resample_poly(channel, _OVERSAMPLING, 1))[_OVERSAMPLING * (start - low) :]
            fine = fine[: _OVERSAMPLING * _CHUNK_SAMPLES]
            fine = np.pad(fine, (0, -len(fine) % (_OVERSAMPLING * PEAK_BLOCK_SAMPLES)))
            blocks = fine.reshape(-1, _OVERSAMPLING * PEAK_BLOCK_SAMPLES).max(axis=1)
            here = found[start // PEAK_BLOCK_SAMPLES :][: len(blocks)]
            np.maximum(here, blocks, out=here)
    return found


def true_peak_dbtp(sound: Audio) -> float:
    """The largest true peak in dBTP, or -inf for silence; float32, shape (samples, channels)."""
    return decibels(float(np.max(block_peaks(sound), initial=0.0)))


def decibels(ratio: float) -> float:
    """20 log10, -inf for nothing."""
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf


def ratio_of(decibel: float) -> float:
    """The inverse of `decibels`."""
    return 10 ** (decibel / 20)
