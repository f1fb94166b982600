"""Loudness and peaks of sound in memory, after ITU-R BS.1770-4, in chunks, so that an hour needs no more than a minute.

The weighting filter is the standard's table for 48 kHz, the gates are its own; peaks are found by fourfold
oversampling. pyloudnorm, which wants the whole sound in memory several times over, and FFmpeg judge it in the tests.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly, sosfilt

from unisono.units import SAMPLE_RATE, Audio

SILENT_LUFS = -70.0
"""The standard's absolute gate: what lies below it is silence."""

PEAK_BLOCK_SAMPLES = 16

_RELATIVE_GATE_LU = -10.0
_STEP_SAMPLES = SAMPLE_RATE // 10
_STEPS_PER_BLOCK = 4
_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
_CHUNK_STEPS = 64
_OVERSAMPLING = 4
_CHUNK_SAMPLES = 2**18
_EDGE_SAMPLES = 64


def integrated_lufs(sound: Audio) -> float:
    """Gated loudness in LUFS, or -inf for silence; float32, shape (samples,) or (samples, channels).

    The gates leave rests out, so a voice is measured while it sounds. Sound shorter than the standard's 0.4 s block is
    measured as if silence followed it.
    """
    energy = _step_energies(sound[:, np.newaxis] if sound.ndim == 1 else sound)
    blocks = np.convolve(energy, np.ones(_STEPS_PER_BLOCK), "valid") / (_STEPS_PER_BLOCK * _STEP_SAMPLES)
    heard = blocks[blocks > _energy(SILENT_LUFS)]
    if not len(heard):
        return -math.inf
    sounding = heard[heard > np.mean(heard) * 10 ** (_RELATIVE_GATE_LU / 10)]
    return float(-0.691 + 10 * np.log10(np.mean(sounding)))


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _step_energies(sound: Audio) -> NDArray[np.float64]:
    """Weighted energy of each whole tenth of a second, all channels together; float32, shape (samples, channels)."""
    steps = max(_STEPS_PER_BLOCK, len(sound) // _STEP_SAMPLES)
    energies = np.zeros(steps)
    state = np.zeros((len(_WEIGHTING), sound.shape[1], 2))
    for first in range(0, steps, _CHUNK_STEPS):
        last = min(first + _CHUNK_STEPS, steps)
        chunk = sound[first * _STEP_SAMPLES : last * _STEP_SAMPLES].T.astype(np.float64)
        chunk = np.pad(chunk, [(0, 0), (0, (last - first) * _STEP_SAMPLES - chunk.shape[1])])
        weighted, state = sosfilt(_WEIGHTING, chunk, axis=1, zi=state)
        energies[first:last] = np.sum(np.square(weighted).reshape(len(chunk), last - first, -1), axis=(0, 2))
    return energies


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
