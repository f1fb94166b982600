"""Where known sounds lie in a recording: the bench's ruler. Pure.

`in_band` makes of a sound at 48 kHz what the ruler works on: its band below 3 kHz, float64 (samples,) at RULER_HZ. Lags
come out as fractions of a sample, good to a few microseconds: the rate costs time, not exactness.

A recording made by the rig is a sum of sounds we know sample by sample (the backing, the leader's voice), each with a
gain and a lag of its own, and of little else: codec noise. `coarse_lag_samples` looks everywhere (GCC-PHAT, Knapp &
Carter 1976); `refine` then fits gains and lags of all sources at once by least squares (Gauss-Newton on the delay),
which is not misled when one source drowns another or when two resemble each other. Where a source reaches a recording
by two ways (the backing directly and inside the leader's stem) its lag is the mean of both, weighted by gain. What
share of the recording the fit explains is its confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from unisono import units

RULER_HZ = 8_000
STEP = units.SAMPLE_RATE // RULER_HZ
# Below 3 kHz two copies of a sound a tenth of a millisecond apart are one sound in the middle, not a comb.
BAND_HZ = (150.0, 3_000.0)
CLEAR = 1.4
STEPS = 12
QUIET_DBFS = -60.0

Audio = NDArray[np.float32]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Lags and gains of each source, in their order; a positive lag: the recording has it late.

    explained: share (0..1) of the recording's energy in the band that the sources account for; shares: each one's own.
    spread_samples: standard error of each lag, from what is left unexplained.
    """

    lags_samples: tuple[float, ...]
    gains: tuple[float, ...]
    explained: float
    shares: tuple[float, ...]
    spread_samples: tuple[float, ...]


def ms(samples: float) -> float:
    """Milliseconds of so many of the ruler's samples."""
    return samples * 1000 / RULER_HZ


def in_band(sound: Reals | Audio) -> Reals:
    """`sound`, (samples,) at 48 kHz, without what lies outside BAND_HZ, at RULER_HZ; zero phase."""
    size = STEP * fft.next_fast_len(len(sound) // STEP + RULER_HZ // 10, real=True)
    hertz = fft.rfftfreq(size, 1 / units.SAMPLE_RATE)
    low, high = BAND_HZ
    gain = np.clip((hertz - 0.8 * low) / (0.2 * low), 0, 1) * np.clip((1.1 * high - hertz) / (0.1 * high), 0, 1)
    kept = (fft.rfft(np.asarray(sound, np.float64), size) * gain)[:size // STEP // 2 + 1]
    return np.asarray(fft.irfft(kept, size // STEP)[:-(-len(sound) // STEP)] / STEP, np.float64)


def level_dbfs(sound: Reals | Audio) -> float:
    """RMS level; -inf dB is told as -200."""
    power = float(np.mean(np.square(sound, dtype=np.float64))) if len(sound) else 0.0
    return float(10 * np.log10(max(power, 1e-20)))


def correlation(reference: Reals | Audio, recording: Reals | Audio, *, whitened: bool = True) -> Reals:
    """Circular correlation, zero-padded: every lag from -len(reference) to len(recording) is free of wrap.

    Index i is lag i; negative lags count from the end. Whitened: weighted by GCC-PHAT inside BAND_HZ, with a floor so
    that bins in which neither sounds add no noise.
    """
    size = fft.next_fast_len(len(reference) + len(recording), real=True)
    cross = np.conj(fft.rfft(reference, size)) * fft.rfft(recording, size)
    if whitened:
        strength = np.abs(cross)
        hertz = fft.rfftfreq(size, 1 / RULER_HZ)
        inside = (hertz > BAND_HZ[0]) & (hertz < BAND_HZ[1])
        cross = cross * inside / (strength + 0.05 * strength[inside].mean() + 1e-30)
    return np.asarray(fft.irfft(cross, size), np.float64)


def coarse_lag_samples(reference: Reals | Audio, recording: Reals | Audio, first: int, last: int) -> tuple[int, float]:
    """The lag in [first, last] at which `recording` most resembles `reference`, and how clear it is.

    Clear: the highest peak over the highest one more than 2 ms away, >= 1; trust from CLEAR.
    """
    if level_dbfs(reference) < QUIET_DBFS or level_dbfs(recording) < QUIET_DBFS:
        return 0, 1.0
    peaks = np.abs(correlation(reference, recording)[np.arange(first, last + 1)])
    best = int(np.argmax(peaks))
    apart = RULER_HZ // 500
    away = np.concatenate([peaks[:max(0, best - apart)], peaks[best + apart + 1:]])
    return first + best, float(peaks[best] / max(away.max(initial=0.0), 1e-30))


def shifted(source: Reals | Audio, start: float, samples: int) -> Reals:
    """`source[start : start + samples]` at a fractional `start`, zeros where the source has nothing; band-limited."""
    whole = int(np.floor(start))
    margin = 128
    piece = _slice(source, whole - margin, samples + 2 * margin)
    size = fft.next_fast_len(len(piece), real=True)
    turn = np.exp(2j * np.pi * fft.rfftfreq(size) * (start - whole))
    return np.asarray(fft.irfft(fft.rfft(piece, size) * turn, size)[margin:margin + samples], np.float64)


def _slice(source: Reals | Audio, start: int, samples: int) -> Reals:
    out = np.zeros(samples, np.float64)
    a, b = max(start, 0), min(start + samples, len(source))
    if b > a:
        out[a - start:b - start] = source[a:b]
    return out


def refine(sources: Sequence[Reals], recording: Reals, start: int, samples: int, lags: Sequence[float]) -> Fit:
    """Fit `recording[start : start + samples]` as the sum of `sources`, each scaled and delayed, from `lags` on.

    All on one axis and already `in_band`. `lags` must be right within a quarter period of what dominates, as
    `coarse_lag_samples` has them.
    """
    target = _slice(recording, start, samples)
    at = np.array(lags, np.float64)
    for _ in range(STEPS):
        delayed = [shifted(source, start - lag, samples) for source, lag in zip(sources, at, strict=True)]
        slopes = [np.gradient(sound) for sound in delayed]
        design = np.stack([*delayed, *slopes], axis=1)
        answer, _, _, _ = np.linalg.lstsq(design.T @ design, design.T @ target, rcond=None)
        gains = answer[:len(at)]
        moves = -answer[len(at):] / np.where(np.abs(gains) > 1e-6, gains, 1e-6)
        at = at + np.clip(moves, -0.7, 0.7)
        if np.all(np.abs(moves) < 1e-3):
            break
    return _fit(sources, target, start, samples, at)


def _fit(sources: Sequence[Reals], target: Reals, start: int, samples: int, at: Reals) -> Fit:
    delayed = np.stack([shifted(source, start - lag, samples) for source, lag in zip(sources, at, strict=True)], axis=1)
    gains, _, _, _ = np.linalg.lstsq(delayed, target, rcond=None)
    rest = target - delayed @ gains
    noise = float(rest @ rest) / max(len(target), 1)
    slope_energy = np.array([np.sum(np.square(np.gradient(delayed[:, i]))) for i in range(len(at))])
    # Codec noise is not white: samples in the band are worth about 2 * bandwidth / rate independent ones.
    independent = 2 * (BAND_HZ[1] - BAND_HZ[0]) / RULER_HZ
    spread = np.sqrt(noise / independent / np.maximum(np.square(gains) * slope_energy, 1e-30))
    energy = max(float(target @ target), 1e-30)
    shares = np.square(gains) * np.sum(np.square(delayed), axis=0) / energy
    explained = 1 - float(rest @ rest) / energy
    return Fit(lags_samples=tuple(map(float, at)), gains=tuple(map(float, gains)), explained=max(explained, 0.0),
               shares=tuple(map(float, shares)),
               spread_samples=tuple(map(float, spread)))
