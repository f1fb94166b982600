"""Pitch: what a voice sings, every five milliseconds: YIN's candidates, and the path through them that costs least.

The difference function and its normalisation are YIN's (de Cheveigné & Kawahara 2002); the path weighs how periodic
each candidate is against leaps, as pYIN does (Mauch & Dixon 2014), with "no voice" as one more candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft, signal

from unisono.studio.shares import OnShare, untold, weighed
from unisono.units import SAMPLE_RATE, Audio

RATE = 12_000
HOP = 60
FRAME_SAMPLES = HOP * SAMPLE_RATE // RATE
"""Samples at units.SAMPLE_RATE from one look to the next."""
WINDOW = 480
SHORTEST_LAG, LONGEST_LAG = 9, 200
"""1333 Hz down to 60 Hz: from a soprano's top to a bass's cellar."""
MIDDLE_LAG = 48
"""The lag whose window lies exactly on its frame; others are off by half of how much they differ."""
CANDIDATES = 4
FRAMES_AT_ONCE = 4000
LOW_HZ, HIGH_HZ = 55.0, 2200.0
QUIET_DB = 50.0
"""What is so far below the loudest is no voice."""

UNVOICED_COST = 0.40
LONG_LAG_COST = 0.02
LEAP_COST = 2.0
LEAP_COST_MOST = 0.9
SWITCH_COST = 0.35
NO_CANDIDATE = 9.0
_WEIGHTS = (3.0, 4.0)
"""How long looking at every frame and choosing among what was seen take against each other."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """A voice, look by look; look i is at sample i * FRAME_SAMPLES of the sound it was made from.

    pitch: MIDI numbers, NaN where there is no voice. level_db: how loud, against the loudest look.
    """

    pitch: Floats
    level_db: Floats

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Where there is a voice."""
        return ~np.isnan(self.pitch)


def mono(sound: Audio) -> Audio:
    """One channel of any number."""
    return sound if sound.ndim == 1 else np.asarray(sound.mean(axis=1), dtype=np.float32)


def contour(sound: Audio, *, on_share: OnShare = untold) -> Contour:
    """The pitch of the one voice in a sound: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE."""
    looking, choosing = weighed(on_share, *_WEIGHTS)
    low = _lowered(mono(sound))
    frames = 1 + len(low) // HOP
    ahead = (WINDOW + MIDDLE_LAG) // 2
    padded = np.concatenate([np.zeros(ahead), low, np.zeros(WINDOW + 2 * LONGEST_LAG + HOP)])
    power = _power(padded, frames, ahead)
    level_db = 10 * np.log10(np.maximum(power / max(float(power.max(initial=0.0)), 1e-20), 1e-12))
    lags = np.full((frames, CANDIDATES), np.nan)
    costs = np.full((frames, CANDIDATES), NO_CANDIDATE)
    for begin in range(0, frames, FRAMES_AT_ONCE):
        some = slice(begin, min(begin + FRAMES_AT_ONCE, frames))
        lags[some], costs[some] = _candidates(_normalised(padded, some))
        looking(some.stop / frames)
    costs[level_db < -QUIET_DB] = NO_CANDIDATE
    pitch = 69 + 12 * np.log2(RATE / lags / 440.0)
    return Contour(pitch=_path(pitch, costs, choosing), level_db=level_db)


def _lowered(sound: Audio) -> Floats:
    """A sound at RATE, without what lies below voices, and without what between two lags of RATE looks like nothing."""
    low = soxr.resample(sound, SAMPLE_RATE, RATE).astype(np.float64)
    if len(low) < 32:
        return np.zeros(32)
    low = signal.sosfiltfilt(signal.butter(2, LOW_HZ, "highpass", fs=RATE, output="sos"), low, padlen=31)
    return np.asarray(signal.sosfiltfilt(signal.butter(3, HIGH_HZ, "lowpass", fs=RATE, output="sos"), low, padlen=31))


def _power(padded: Floats, frames: int, ahead: int) -> Floats:
    """Mean power around each frame, over 20 ms."""
    whole = np.concatenate([[0.0], np.cumsum(np.square(padded))])
    starts = np.arange(frames) * HOP + ahead - RATE // 100
    return np.asarray((whole[starts + RATE // 50] - whole[starts]) / (RATE // 50))


def _normalised(padded: Floats, some: slice) -> Floats:
    """YIN's cumulative mean normalised difference: (frames, LONGEST_LAG + 2), column = lag."""
    lags, span = LONGEST_LAG + 2, WINDOW + LONGEST_LAG + 2
    starts = np.arange(some.start, some.stop) * HOP
    blocks = np.lib.stride_tricks.sliding_window_view(padded, span)[starts]
    size = fft.next_fast_len(span, real=True)
    crossed = np.conj(fft.rfft(blocks[:, :WINDOW], size)) * fft.rfft(blocks, size)
    together = fft.irfft(crossed, size)[:, :lags]
    sums = np.concatenate([np.zeros((len(blocks), 1)), np.cumsum(np.square(blocks), axis=1)], axis=1)
    energies = sums[:, WINDOW : WINDOW + lags] - sums[:, :lags]
    difference = np.maximum(energies[:, :1] + energies - 2 * together, 0.0)
    difference[:, 0] = 0.0
    steps = np.arange(lags)
    normal = difference * steps / np.maximum(np.cumsum(difference, axis=1), 1e-12)
    normal[:, 0] = 1.0
    return np.asarray(normal)


def _candidates(normal: Floats) -> tuple[Floats, Floats]:
    """(lags, costs) of each frame's deepest dips, each (frames, CANDIDATES)."""
    inner = normal[:, SHORTEST_LAG : LONGEST_LAG + 1]
    before, after = normal[:, SHORTEST_LAG - 1 : LONGEST_LAG], normal[:, SHORTEST_LAG + 1 : LONGEST_LAG + 2]
    dips = (inner <= before) & (inner < after)
    bend = before - 2 * inner + after
    shift = np.where(dips & (bend > 0), 0.5 * (before - after) / np.where(bend > 0, bend, 1.0), 0.0)
    depth = inner - 0.25 * (before - after) * shift
    lag = np.arange(SHORTEST_LAG, LONGEST_LAG + 1, dtype=np.float64) + shift
    cost = np.where(dips, np.maximum(depth, 0.0) + LONG_LAG_COST * np.log2(lag / SHORTEST_LAG), NO_CANDIDATE)
    best = np.argpartition(cost, CANDIDATES, axis=1)[:, :CANDIDATES]
    return np.take_along_axis(lag, best, axis=1), np.take_along_axis(cost, best, axis=1)


def _path(pitch: Floats, costs: Floats, on_share: OnShare) -> Floats:
    """The pitch along the path that costs least; NaN where it goes through "no voice"."""
    frames, width = pitch.shape
    back = np.zeros((frames, width + 1), dtype=np.int8)
    total = np.append(costs[0], UNVOICED_COST)
    for i in range(1, frames):
        leap = np.minimum(LEAP_COST / 12 * np.abs(pitch[i][None] - pitch[i - 1][:, None]), LEAP_COST_MOST)
        ways = np.full((width + 1, width + 1), SWITCH_COST)
        ways[:width, :width] = leap
        ways[width, width] = 0.0
        ways += total[:, None]
        back[i] = ways.argmin(axis=0)
        total = ways[back[i], np.arange(width + 1)] + np.append(costs[i], UNVOICED_COST)
        if i % FRAMES_AT_ONCE == 0:
            on_share(i / frames)
    path = np.zeros(frames, dtype=np.int64)
    path[-1] = total.argmin()
    for i in range(frames - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    whole = np.column_stack([pitch, np.full(frames, np.nan)])
    return np.asarray(whole[np.arange(frames), path])
