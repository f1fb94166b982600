"""Leak: how loud the guide is in a take, against what else is in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from unisono.studio.whiten import RATE, Sound, cut

FRAME = 2048
SMOOTH_BINS = 9
SOUNDING_DB = 40.0
LEAST_DB, MOST_DB = -80.0, 60.0


def leak_db(take: Sound, guide: Sound, starts: NDArray[np.int64], lags: NDArray[np.int64], length: int) -> float | None:
    """The guide's level in a take against the rest of the take, in dB, None when the guide cannot be told in it.

    take, guide: at whiten.RATE. starts, lags: windows of the take, `length` samples each, and by how much each lags the
    guide. Both levels are of where they sound (within SOUNDING_DB of their loudest). The guide comes through one
    filter, by weighted least squares for each frequency: cells that are loud with something else weigh less. What
    chance alone would add to the filter's power is known, and taken off.
    """
    cross, power, energy, rest = 0.0, 0.0, [], []
    for start, lag in _apart(starts, lags, length):
        ours = _spectra(take[start : start + length])
        theirs = _spectra(cut(guide, start - lag, length))
        heard = np.square(np.abs(ours))
        weight = 1 / (ndimage.uniform_filter1d(heard, SMOOTH_BINS, axis=0) + 1e-20)
        cross = cross + (weight * ours * theirs.conj()).sum(axis=1)
        power = power + (weight * np.square(np.abs(theirs))).sum(axis=1)
        energy.append(np.square(np.abs(theirs)))
        rest.append(heard.sum(axis=0))
    power = np.maximum(power, 1e-20)
    gain = np.maximum(np.square(np.abs(cross / power)) - 1 / power, 0)
    leaked = _sounding(gain @ np.concatenate(energy, axis=1))
    if leaked <= 0:
        return None
    own = max(_sounding(np.concatenate(rest)) - leaked, leaked * 10 ** (-MOST_DB / 10))
    return float(np.clip(10 * np.log10(leaked / own), LEAST_DB, MOST_DB))


def _apart(starts: NDArray[np.int64], lags: NDArray[np.int64], length: int) -> Iterator[tuple[int, int]]:
    """Windows that do not overlap: half of them tell as much as all."""
    free = 0
    for start, lag in zip(starts.tolist(), lags.tolist(), strict=True):
        if start >= free:
            free = start + length
            yield start, lag


def _spectra(sound: Sound) -> NDArray[np.complex64]:
    """Short spectra, shape (frequencies, frames)."""
    window = min(FRAME, len(sound))
    return np.asarray(signal.stft(sound, RATE, nperseg=window, noverlap=window // 2)[2])


def _sounding(powers: NDArray[np.float64]) -> float:
    """The mean of the powers that are within SOUNDING_DB of the loudest."""
    loud = powers[powers >= powers.max(initial=0.0) * 10 ** (-SOUNDING_DB / 10)]
    return float(loud.mean()) if len(loud) else 0.0
