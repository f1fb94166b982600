"""The courtyard's sound: a short, soft room that all voices share, so that they stand in one place together.

The room is made from a seed, not recorded: early reflections from the walls of a yard some 12 m wide, then noise that
dies away within 0.6 s and loses its highs first. The direct sound is not touched, so nothing moves in time.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, oaconvolve

from unisono.units import SAMPLE_RATE, Audio

DECAY_SECONDS = 0.6
_LENGTH_SECONDS = 0.75
_FIRST_WALL_SECONDS = 0.011
_TAIL_FROM_SECONDS = 0.028
_WALLS = 9
_HIGHS_HZ = 5500.0
_LOWS_HZ = 180.0
_SEED = 1824
_CHUNK_SAMPLES = 2**20


@cache
def impulse_response() -> NDArray[np.float32]:
    """Float32, shape (samples, 2), left and right unlike each other, each of energy 1 (0 dB on noise)."""
    chance = np.random.default_rng(_SEED)
    time = np.arange(int(_LENGTH_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    room = chance.standard_normal((len(time), 2)) * (10 ** (-3 * time / DECAY_SECONDS))[:, np.newaxis]
    room[time < _TAIL_FROM_SECONDS] = 0.0
    for side in range(2):
        at = _FIRST_WALL_SECONDS + np.sort(chance.uniform(0.0, 0.045, _WALLS))
        room[(at * SAMPLE_RATE).astype(int), side] += 6.0 * chance.choice([-1.0, 1.0], _WALLS) * np.exp(-at / 0.03)
    for kind, hertz in (("lowpass", _HIGHS_HZ), ("highpass", _LOWS_HZ)):
        numerator, denominator = butter(1, hertz, kind, fs=SAMPLE_RATE)
        room = lfilter(numerator, denominator, room, axis=0)
    whole: NDArray[np.float32] = (room / np.sqrt(np.sum(room**2, axis=0))).astype(np.float32)
    return whole


def reverberation(sound: Audio) -> Audio:
    """The room's answer alone, without the direct sound; float32, shape (samples, 2), in and out."""
    if len(sound) == 0 or not np.any(sound):
        return np.zeros_like(sound)
    answer = np.zeros_like(sound)
    for start in range(0, len(sound), _CHUNK_SAMPLES):
        part = oaconvolve(sound[start : start + _CHUNK_SAMPLES], impulse_response(), axes=0)
        here = answer[start : start + len(part)]
        here += part[: len(here)]
    return answer
