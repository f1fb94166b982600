"""Levels of a voice over time: how loud it is while it sounds, and where it rests.

Not a speech detector, which misses singers: only levels in short frames, and whether what lies between the
phrases is steady.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unisono.units import SAMPLE_RATE, Audio

FRAME_LEVEL_SAMPLES = SAMPLE_RATE // 20
NOTHING_DBFS = -100.0
"""Below it a frame is digital silence: a gap, or what was laid around a take. It tells nothing about a microphone."""

FARTHEST_DB = 120.0
"""Nothing is told to lie farther under a voice than this: numbers in reports are finite."""

_SOUNDING_SHARE = 0.1
_SOUNDING_RANGE_DB = 20.0


def frame_powers(sound: Audio) -> NDArray[np.float64]:
    """Mean square of each whole 50 ms, all channels together, at least one; float32, shape (samples, channels)."""
    frames = max(1, len(sound) // FRAME_LEVEL_SAMPLES)
    cut = sound[: frames * FRAME_LEVEL_SAMPLES]
    if len(cut) < frames * FRAME_LEVEL_SAMPLES:
        cut = np.pad(cut, [(0, frames * FRAME_LEVEL_SAMPLES - len(cut)), (0, 0)])
    blocks = cut.reshape(frames, -1)
    powers: NDArray[np.float64] = np.einsum("ij,ij->i", blocks, blocks).astype(np.float64) / blocks.shape[1]
    return powers


def sounding_power(powers: NDArray[np.float64]) -> float:
    """The mean power of the frames in which a voice sounds: those within 20 dB of its loud ones; 0 for silence."""
    heard = powers[powers > power_of(NOTHING_DBFS)]
    if not len(heard):
        return 0.0
    loud = np.partition(heard, -max(1, round(_SOUNDING_SHARE * len(heard))))
    loud_power = float(np.mean(loud[-max(1, round(_SOUNDING_SHARE * len(heard))) :]))
    return float(np.mean(heard[heard >= loud_power * power_of(-_SOUNDING_RANGE_DB)]))


def power_db(power: float) -> float:
    """10 log10, -inf for nothing."""
    return 10 * math.log10(power) if power > 0 else -math.inf


def power_of(decibel: float) -> float:
    """The inverse of `power_db`."""
    return float(10 ** (decibel / 10))


def under_voice_db(power: float, voice_power: float) -> float:
    """How far `power` lies under a voice, from -FARTHEST_DB to FARTHEST_DB; positive is under."""
    if power <= 0 or voice_power <= 0:
        return FARTHEST_DB if power <= 0 else -FARTHEST_DB
    return min(max(power_db(voice_power / power), -FARTHEST_DB), FARTHEST_DB)
