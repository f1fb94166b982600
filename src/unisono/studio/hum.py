"""Hum: the mains at 50 or 60 Hz and its harmonics are tracked as sinusoids and subtracted, where they are really there.

Whether they are there is asked in the take's rests, where no singer can be mistaken for them: a line of the mains must
stand out from what the same measurement finds beside it, at a frequency where there is no line. Each line is followed
with its own slowly moving amplitude and phase, learnt where the voice is not on it, and no more is subtracted than
the rests have shown. That is narrower than any notch (a note sung at 100 or 150 Hz is not on the line for long), and
what is between the lines is not touched. Nothing is filtered, so nothing is delayed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

from unisono.studio.facts import Fact, fact
from unisono.studio.levels import (
    NOTHING_DBFS,
    frame_powers,
    power_of,
    sounding_power,
    under_voice_db,
)
from unisono.units import SAMPLE_RATE, Audio

Spectra = NDArray[np.complex64]

_SLOWER = 12
_RATE = SAMPLE_RATE // _SLOWER
_WINDOW = _RATE // 5
_HOP = _RATE // 20
_HIGHEST_HZ = 1500.0
_LOW_LINES = 6
_MAINS_HZ = (50.0, 60.0)
_BESIDE = (-0.42, -0.31, 0.31, 0.42)
"""Where no line can be, in shares of the mains' frequency: 15 Hz and more from one, farther than the window sees."""

_OFF_HZ_MAX = 0.4
_STANDS_OUT_DB = 9.0
_SURELY_DB = 13.0
_QUIET_RANGE_DB = 4.0
_CONTRAST_DB = 6.0
_QUIET_WINDOWS_MIN = 20
_SLOWNESS_WINDOWS = 10
_AUDIBLE_DB = 65.0
_AT_MOST = 1.4
_MARGIN_SAMPLES = _WINDOW // 2
_FIR = ("kaiser", 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """The lines that were found: their frequencies in Hz and the amplitude each has in the rests."""

    mains_hz: float
    hertz: NDArray[np.float64]
    amplitudes: NDArray[np.float64]


def without_hum(sound: Audio) -> tuple[Audio, Fact]:
    """`sound` without its hum, or as it is when there is none; float32, shape (samples, channels)."""
    slow = np.asarray(soxr.resample(sound, SAMPLE_RATE, _RATE, quality="HQ"), dtype=np.float32)
    frames = _frames(slow.mean(axis=1))
    quiet = _quiet(frames)
    lines = None
    if np.count_nonzero(quiet) >= _QUIET_WINDOWS_MIN:
        found = [_find(frames, quiet, mains) for mains in _MAINS_HZ]
        lines = max(
            (one for one in found if one is not None), key=lambda one: float(np.sum(one.amplitudes)), default=None
        )
    if lines is None:
        return sound, fact("hum", "not_heard")
    hum_power = float(np.sum(np.square(lines.amplitudes))) / 2
    under_db = under_voice_db(hum_power, sounding_power(frame_powers(sound)))
    if under_db > _AUDIBLE_DB:
        return sound, fact("hum", "not_heard")
    hum = np.stack([_hum(_frames(channel), quiet, lines, len(channel)) for channel in slow.T], axis=1)
    whole = resample_poly(hum, _SLOWER, 1, axis=0, window=_FIR)
    # The slower sound has a rounded number of samples: the whole may end some before `sound` does, or after it.
    whole = np.pad(whole, ((0, max(0, len(sound) - len(whole))), (0, 0)))[: len(sound)]
    done = fact("hum", "taken_out", hertz=lines.mains_hz, under_voice_db=under_db, lines=len(lines.hertz))
    return (sound - whole).astype(np.float32), done


def _frames(slow: Audio) -> Audio:
    """Windows of 0.2 s, 50 ms apart, the middle of number w at sample w * _HOP; shape (windows, _WINDOW)."""
    padded = np.pad(slow, (_MARGIN_SAMPLES, _MARGIN_SAMPLES + _HOP))
    windows: Audio = sliding_window_view(padded, _WINDOW)[::_HOP]
    return windows


def _quiet(frames: Audio) -> NDArray[np.bool_]:
    """Which windows lie in rests: near the softest there are, and well under the sung ones. Shape (windows,).

    Differences stand for the sound, so that a hum louder than the singer does not hide the rests.
    """
    rising = np.diff(frames, axis=1)
    powers = np.einsum("ij,ij->i", rising, rising).astype(np.float64) / _WINDOW
    heard: NDArray[np.bool_] = powers > power_of(NOTHING_DBFS)
    if not np.any(heard):
        return heard
    floor = float(np.percentile(powers[heard], 5))
    quiet: NDArray[np.bool_] = heard & (powers < floor * power_of(_QUIET_RANGE_DB))
    voice = sounding_power(powers)
    if floor * power_of(_CONTRAST_DB) > voice:
        quiet[:] = False
    return quiet


def _tuned(frames: Audio, hertz: NDArray[np.float64], where: NDArray[np.bool_] | None = None) -> Spectra:
    """Amplitude and phase of each frequency in each window, phases counted from sample 0; (windows, frequencies).

    Windows that are not asked for by `where` are zeros: rests are a small part of a song.
    """
    if where is not None:
        asked = np.zeros((len(frames), len(hertz)), dtype=np.complex64)
        asked[where] = _turned(frames[where], np.flatnonzero(where), hertz)
        return asked
    return _turned(frames, np.arange(len(frames)), hertz)


def _turned(frames: Audio, numbers: NDArray[np.int64], hertz: NDArray[np.float64]) -> Spectra:
    """`_tuned` for the windows of these numbers."""
    time = (np.arange(_WINDOW) - _MARGIN_SAMPLES) / _RATE
    window = np.hanning(_WINDOW + 1)[:-1]
    turns = np.exp(-2j * np.pi * np.outer(time, hertz)) * (2 * window / np.sum(window))[:, np.newaxis]
    both = frames @ np.hstack([turns.real, turns.imag]).astype(np.float32)
    middles = numbers * _HOP / _RATE
    seen: Spectra = both[:, : len(hertz)] + np.complex64(1j) * both[:, len(hertz) :]
    seen *= np.exp(-2j * np.pi * np.outer(middles, hertz)).astype(np.complex64)
    return seen


def _find(frames: Audio, quiet: NDArray[np.bool_], nominal_hz: float) -> _Lines | None:
    """The mains' lines near `nominal_hz`, if the low ones stand out in the rests: first those, then all."""
    low = np.arange(1, _LOW_LINES + 1, dtype=np.float64)
    mains = float(nominal_hz + _off_hz(_tuned(frames, low * nominal_hz, quiet), quiet, low))
    stands_out_db, _ = _outstanding(frames, quiet, low * mains, nominal_hz)
    several = np.count_nonzero(stands_out_db >= _STANDS_OUT_DB) > 1
    if np.max(stands_out_db) < (_SURELY_DB if several else 2 * _SURELY_DB):
        return None
    hertz = np.arange(1, int(_HIGHEST_HZ // nominal_hz) + 1, dtype=np.float64) * mains
    stands_out_db, level = _outstanding(frames, quiet, hertz, nominal_hz)
    there = stands_out_db >= _STANDS_OUT_DB
    return _Lines(mains_hz=mains, hertz=hertz[there], amplitudes=np.sqrt(level[there]))


def _outstanding(
    frames: Audio, quiet: NDArray[np.bool_], hertz: NDArray[np.float64], nominal_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far what turns steadily at each frequency stands out from what does beside it, in dB, and its power."""
    shares = np.array([0.0, *_BESIDE])
    asked = (hertz + shares[:, np.newaxis] * nominal_hz).ravel()
    levels = _level(_tuned(frames, asked, quiet), quiet).reshape(len(shares), -1)
    level, beside = levels[0], np.mean(levels[1:], axis=0)
    stands_out_db: NDArray[np.float64] = 10 * np.log10(np.maximum(level, 1e-20) / np.maximum(beside, 1e-20))
    return stands_out_db, level


def _off_hz(seen: Spectra, quiet: NDArray[np.bool_], numbers: NDArray[np.float64]) -> float:
    """How far the mains are off: the turn of all lines together from window to window, first near, then far apart."""
    off = 0.0
    for windows, reach_hz in ((4, _OFF_HZ_MAX), (16, 0.1), (40, 0.03)):
        both = quiet[windows:] & quiet[:-windows]
        if np.count_nonzero(both) < _QUIET_WINDOWS_MIN // 2:
            break
        turn = np.sum(seen[windows:][both] * np.conj(seen[:-windows][both]), axis=0)
        turn /= np.sum(np.abs(seen[windows:][both]) ** 2, axis=0) + 1e-20
        tries = off + np.linspace(-reach_hz, reach_hz, 81)
        seconds = windows * _HOP / _RATE
        fits = np.real(np.exp(-2j * np.pi * np.outer(tries, numbers) * seconds) @ (turn * np.abs(turn)))
        off = float(tries[np.argmax(fits)])
    return off


def _level(seen: Spectra, quiet: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The power of what turns steadily in the rests, by frequency: a median, so that one sound in a rest is nothing."""
    steady = np.abs(_slowly(seen, quiet[:, np.newaxis].astype(np.float32))[quiet]) ** 2
    power: NDArray[np.float64] = np.median(steady, axis=0).astype(np.float64)
    return power


def _slowly(seen: Spectra, weights: NDArray[np.float32]) -> Spectra:
    """A weighted mean over half a second to both sides, exponentially less with distance; (windows, frequencies)."""
    share = 1 / _SLOWNESS_WINDOWS

    def spread(values: NDArray[np.complex64]) -> NDArray[np.complex64]:
        ahead = lfilter([share], [1, share - 1], values, axis=0)
        back = lfilter([share], [1, share - 1], values[::-1], axis=0)[::-1]
        both: NDArray[np.complex64] = ahead + back - share * values
        return both

    known = np.maximum(np.abs(spread(weights.astype(np.complex64))), np.float32(1e-12))
    steady: Spectra = (spread(seen * weights) / known).astype(np.complex64)
    return steady


def _hum(frames: Audio, quiet: NDArray[np.bool_], lines: _Lines, samples: int) -> Audio:
    """The hum as it was, at the slow rate; float32, shape (samples,)."""
    seen = _tuned(frames, lines.hertz)
    usual = lines.amplitudes.astype(np.float32)
    doubt = 1 / (1 + (np.abs(seen) / np.maximum(usual, 1e-12)) ** 6)
    weights = np.where(quiet[:, np.newaxis], np.float32(1), np.float32(0.3) * doubt).astype(np.float32)
    steady = _slowly(seen, weights)
    steady *= np.minimum(1, _AT_MOST * usual / np.maximum(np.abs(steady), 1e-12))
    at = np.arange(samples)
    knots = np.arange(len(frames)) * _HOP
    hum = np.zeros(samples, dtype=np.float64)
    for line, hertz in enumerate(lines.hertz):
        moving = np.interp(at, knots, steady[:, line].real) + 1j * np.interp(at, knots, steady[:, line].imag)
        hum += np.real(moving * np.exp(2j * math.pi * float(hertz) / _RATE * at))
    return hum.astype(np.float32)
