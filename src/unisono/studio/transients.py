"""Transients: claps, clicks and knocks in a sound: when each began, and how far it stands out of what was before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from unisono.studio.pitch import mono
from unisono.units import SAMPLE_RATE, Audio, samples_of_ms

LOW_HZ = 1000.0
STEP = samples_of_ms(0.5)
ATTACK_STEPS, BEFORE_STEPS = 8, 50
STANDS_OUT_DB = 10.0
APART_STEPS = 120
MOST_A_SECOND = 6.0
FLOOR = 1e-3
"""Of the loudest: less is as good as nothing, so that a knock in silence stands out no more than one in a room."""
FINE_SAMPLES = 13
LEAD_SAMPLES, TAIL_SAMPLES = samples_of_ms(3), samples_of_ms(6)
RISEN = 0.25
RISE_SAMPLES = 9.0
"""How long a clap takes to rise to RISEN of its power: 0.2 ms for wood blocks as for hands."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transients:
    """at: samples at units.SAMPLE_RATE, rising, to a fraction. strength_db: how far each is above what was before it.

    level_db: how loud each is.
    """

    at: Floats
    strength_db: Floats
    level_db: Floats


def transients(sound: Audio) -> Transients:
    """What stands out in a sound: float32, (samples,) or (samples, channels); at most MOST_A_SECOND, the clearest."""
    whole = mono(sound)
    if len(whole) < SAMPLE_RATE // 10 or not np.any(whole):
        return Transients(at=np.zeros(0), strength_db=np.zeros(0), level_db=np.zeros(0))
    bright = signal.sosfiltfilt(signal.butter(2, LOW_HZ, "highpass", fs=SAMPLE_RATE, output="sos"), whole)
    power = np.square(bright)
    blocks = power[: len(power) // STEP * STEP].reshape(-1, STEP).mean(axis=1)
    attack = _mean(blocks, 0, ATTACK_STEPS)
    before = _mean(blocks, -BEFORE_STEPS - 1, -1)
    stands_db = 10 * np.log10((attack + 1e-20) / (before + FLOOR * attack.max() + 1e-20))
    peaks, _ = signal.find_peaks(stands_db, height=STANDS_OUT_DB, distance=APART_STEPS)
    most = int(MOST_A_SECOND * len(whole) / SAMPLE_RATE) + 10
    clearest = np.sort(peaks[np.argsort(stands_db[peaks])[::-1][:most]])
    at = np.array([_began(power, int(peak) * STEP) for peak in clearest], dtype=np.float64)
    level_db = 10 * np.log10(attack[clearest] + 1e-20)
    return Transients(at=at, strength_db=stands_db[clearest], level_db=level_db)


def _mean(blocks: Floats, start: int, stop: int) -> Floats:
    """The mean of blocks [i + start, i + stop) for each i, of those that there are."""
    sums = np.concatenate([[0.0], np.cumsum(blocks)])
    at = np.arange(len(blocks))
    low, high = np.clip(at + start, 0, len(blocks)), np.clip(at + stop, 0, len(blocks))
    return np.asarray((sums[high] - sums[low]) / np.maximum(high - low, 1))


def _began(power: Floats, near: int) -> float:
    """The sample at which a transient begins: where its power first reaches RISEN of its highest, less its rise."""
    start = max(0, near - LEAD_SAMPLES)
    fine = ndimage.uniform_filter1d(power[start : near + TAIL_SAMPLES], FINE_SAMPLES, mode="constant")
    threshold = RISEN * float(fine.max())
    first = int(np.argmax(fine >= threshold))
    if first == 0:
        return float(start)
    below, above = float(fine[first - 1]), float(fine[first])
    return start + first - 1 + (threshold - below) / max(above - below, 1e-30) - RISE_SAMPLES
