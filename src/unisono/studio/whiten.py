"""Whiten: sounds made as flat as noise, piece by piece in time and frequency, so that correlating them shows arrivals.

A voice is loud in few places of the plane of time and frequency. Divided there by its own magnitude it weighs no more
than the quiet of the room between its harmonics, and a guide 40 dB below it is found (GCC-PHAT, Knapp & Carter 1976,
applied per short spectrum rather than once).
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft, signal

from unisono.units import SAMPLE_RATE, Audio

RATE = 16_000
"""Hz of everything that is correlated: above 7 kHz neither phones' codecs nor headphones' leaks are of use."""
PER_RATE = SAMPLE_RATE // RATE
WINDOW = 2048
LOW_HZ, LOW_FULL_HZ, HIGH_FULL_HZ, HIGH_HZ = 120.0, 350.0, 5500.0, 7600.0
FLOOR = 1e-4
SILENT = 1e-6
SPREAD_LAGS = 4000
"""So many lags tell a correlation's spread to 2 %."""

Sound = NDArray[np.float32]
"""Mono sound at RATE, shape (samples,)."""


def mono(sound: Audio) -> Sound:
    """One channel at RATE, whatever is not a number taken for silence: float32, (ceil(samples / 3),).

    Channels that cancel each other are not summed: the louder one speaks for both.
    """
    finite = np.nan_to_num(sound.astype(np.float32, copy=False), nan=0.0, posinf=0.0, neginf=0.0)
    if finite.ndim == 2:
        sides = np.sqrt(np.mean(np.square(finite, dtype=np.float64), axis=0))
        both = finite.mean(axis=1, dtype=np.float32)
        summed = float(np.sqrt(np.mean(np.square(both, dtype=np.float64)))) if len(both) else 0.0
        finite = both if summed > 0.35 * sides.max(initial=0.0) else finite[:, int(sides.argmax())]
    return np.asarray(soxr.resample(finite, SAMPLE_RATE, RATE, quality="HQ"), dtype=np.float32)


def silent(sound: Sound) -> bool:
    """Whether there is nothing to hear: everything is below -120 dBFS."""
    return not len(sound) or float(np.abs(sound).max()) < SILENT


def whitened(sound: Sound, exponent: float) -> Sound:
    """A sound whose short spectra are divided by their magnitude to the power of `exponent` (1: all as loud).

    float32, same length, no delay. The guide keeps some of its dynamics (0.5): where it is louder it tells more.
    """
    window = min(WINDOW, max(64, 1 << (len(sound).bit_length() - 2)))
    frequencies, _, short = signal.stft(sound, RATE, nperseg=window, noverlap=window // 2)
    magnitude = np.abs(short)
    loud = float(np.sqrt(np.mean(np.square(magnitude, dtype=np.float64))))
    short *= (band(frequencies)[:, None] / np.maximum(magnitude, FLOOR * loud + 1e-20) ** exponent).astype(np.float32)
    _, flat = signal.istft(short, RATE, nperseg=window, noverlap=window // 2)
    flat = np.asarray(flat[: len(sound)], dtype=np.float32)
    level = float(np.sqrt(np.mean(np.square(flat, dtype=np.float64))))
    return np.asarray(flat / level, dtype=np.float32) if level > 0 else flat


_before: list[tuple[Audio, Sound, Sound]] = []


def made_ready(guide: Audio) -> tuple[Sound, Sound]:
    """A guide as one channel, and the same whitened. Takes come one after the other for the same guide: that of the
    take before is remembered, if nobody can have changed it since."""
    for same, plain, flat in _before:
        if same is guide:
            return plain, flat
    plain = mono(guide)
    flat = plain if silent(plain) or len(plain) < WINDOW else whitened(plain, 0.5)
    if not guide.flags.writeable:
        _before[:] = [(guide, plain, flat)]
    return plain, flat


def band(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each frequency weighs: smooth edges, so that an arrival rings as little as may be."""
    rise = np.clip((frequencies_hz - LOW_HZ) / (LOW_FULL_HZ - LOW_HZ), 0, 1)
    fall = np.clip((HIGH_HZ - frequencies_hz) / (HIGH_HZ - HIGH_FULL_HZ), 0, 1)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2)


def correlated(take: Sound, guide: Sound) -> NDArray[np.float32]:
    """Every lag's correlation of two whole sounds: index i is lag i - (len(guide) - 1), take sample minus guide's."""
    size = fft.next_fast_len(len(take) + len(guide) - 1, real=True)
    spectrum = fft.rfft(take, size) * np.conj(fft.rfft(guide, size))
    circular = fft.irfft(spectrum, size)
    return np.concatenate([circular[size - (len(guide) - 1) :], circular[: len(take)]]).astype(np.float32)


def window_spectra(take: Sound, starts: NDArray[np.int64], length: int, reach: int) -> NDArray[np.complex64]:
    """What `correlated_near` needs of the take's windows, for whoever asks at several lags with one reach."""
    size = fft.next_fast_len(length + 2 * reach, real=True)
    out = np.empty((len(starts), size // 2 + 1), dtype=np.complex64)
    for row, start in enumerate(starts.tolist()):
        out[row] = np.conj(fft.rfft(take[start : start + length], size))
    return out


def correlated_near(
    take: Sound,
    guide: Sound,
    starts: NDArray[np.int64],
    length: int,
    lags: NDArray[np.int64],
    reach: int,
    *,
    spectra: NDArray[np.complex64] | None = None,
) -> NDArray[np.float32]:
    """Windows of `take` (at `starts`, each `length` long) against `guide`, at lags within `reach` of each one's own.

    float32, shape (windows, 2 * reach + 1): column c is lag lags[window] + c - reach. Scaled so that what has nothing
    to do with the guide has a standard deviation of one. spectra: the windows' `window_spectra`, if they are known.
    """
    size = fft.next_fast_len(length + 2 * reach, real=True)
    ours = window_spectra(take, starts, length, reach) if spectra is None else spectra
    out = np.zeros((len(starts), 2 * reach + 1), dtype=np.float32)
    for row, (start, lag) in enumerate(zip(starts.tolist(), lags.tolist(), strict=True)):
        theirs = cut(guide, start - lag - reach, length + 2 * reach)
        out[row] = fft.irfft(ours[row] * fft.rfft(theirs, size), size)[: 2 * reach + 1][::-1]
    return standardised(out)


def standardised(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row by its own spread, which what stands out of it hardly changes; where most is silence, by its RMS."""
    thinned = seen[:, :: max(1, seen.shape[1] // SPREAD_LAGS)]
    spread = np.median(np.abs(thinned), axis=1, keepdims=True) / 0.6745
    level = np.sqrt(np.mean(np.square(seen, dtype=np.float64), axis=1, keepdims=True))
    return np.asarray(seen / np.maximum(np.maximum(spread, level / 2), 1e-20), dtype=np.float32)


def cut(sound: Sound, start: int, length: int) -> Sound:
    """sound[start : start + length], silence where there is none."""
    if start >= 0 and start + length <= len(sound):
        return sound[start : start + length]
    out = np.zeros(length, dtype=np.float32)
    low, high = max(start, 0), min(start + length, len(sound))
    if high > low:
        out[low - start : high - start] = sound[low:high]
    return out
