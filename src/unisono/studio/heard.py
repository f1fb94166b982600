"""Heard: where on the axis a voice sounds, and where it is missing although the guide goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unisono.studio.levels import FRAME_LEVEL_SAMPLES, NOTHING_DBFS, frame_powers, power_of, sounding_power
from unisono.units import SAMPLE_RATE, Audio

SILENCE_SECONDS = 4.0
"""A singer may rest for so long without anybody being told."""

_UNDER_VOICE_DB = -30.0
_SMOOTH_FRAMES = 5


def heard_in(voice: Audio) -> tuple[int, int] | None:
    """[start, stop) in samples between which a voice sounds, None if nowhere; float32, shape (samples, channels)."""
    frames = np.flatnonzero(_sounding(voice))
    if not len(frames):
        return None
    return int(frames[0]) * FRAME_LEVEL_SAMPLES, min((int(frames[-1]) + 1) * FRAME_LEVEL_SAMPLES, len(voice))


def silences(voice: Audio, guide: Audio) -> tuple[tuple[int, int], ...]:
    """Where nothing of a voice is heard for SILENCE_SECONDS while the guide sounds: [start, stop) in samples.

    Both float32, shape (samples, channels), on one axis. What lies outside of the guide is nobody's silence.
    """
    length = min(len(voice), len(guide))
    if length < FRAME_LEVEL_SAMPLES:
        return ()
    missing = ~_sounding(voice[:length])
    wanted = _sounding(guide[:length])
    found = []
    for start, stop in _runs(missing):
        due = np.flatnonzero(wanted[start:stop])
        if not len(due):
            continue
        low, high = start + int(due[0]), start + int(due[-1]) + 1
        if (high - low) * FRAME_LEVEL_SAMPLES >= SILENCE_SECONDS * SAMPLE_RATE:
            found.append((low * FRAME_LEVEL_SAMPLES, min(high * FRAME_LEVEL_SAMPLES, length)))
    return tuple(found)


def _sounding(sound: Audio) -> NDArray[np.bool_]:
    """For each 50 ms, whether anything within 30 dB of the sound's own level is there, or was a moment ago."""
    powers = frame_powers(sound)
    least = max(sounding_power(powers) * power_of(_UNDER_VOICE_DB), power_of(NOTHING_DBFS + 30))
    loud = powers > least
    near: NDArray[np.bool_] = np.convolve(loud, np.ones(_SMOOTH_FRAMES), "same") > 0
    return near


def _runs(true: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
