"""Loudness and peaks of sound in memory, after ITU-R BS.1770-4, in chunks, so that an hour needs no more than a minute.

The weighting filter is the standard's table for 48 kHz, the gates are its own; peaks are found by fourfold
oversampling. pyloudnorm, which wants the whole sound in memory several times over, and FFmpeg judge it in the tests.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly, sosfilt

from unisono.studio.shares import OnShare, untold
from unisono.units import SAMPLE_RATE, Audio

SILENT_LUFS = -70.0
"""The standard's absolute gate: what lies below it is silence."""

PEAK_BLOCK_SAMPLES = 16

STEP_SAMPLES = SAMPLE_RATE // 10
"""Loudness is counted in tenths of a second."""

_RELATIVE_GATE_LU = -10.0
_STEPS_PER_BLOCK = 4
_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
_LOUD_BLOCKS = 30
_SUNG_RANGE_LU = 12.0
_SHOUT_LU = 6.0
_CHUNK_STEPS = 64
_OVERSAMPLING = 4
_CHUNK_SAMPLES = 2**18
_EDGE_SAMPLES = 64


def integrated_lufs(sound: Audio) -> float:
    """Gated loudness in LUFS, or -inf for silence; float32, shape (samples,) or (samples, channels).

    The gates leave rests out, so a voice is measured while it sounds. Sound shorter than the standard's 0.4 s block is
    measured as if silence followed it.
    """
    return steps_lufs(step_energies(sound))


def steps_lufs(steps: NDArray[np.float64]) -> float:
    """The same for `step_energies`."""
    heard = _heard_blocks(steps)
    if not len(heard):
        return -math.inf
    sounding = heard[heard > np.mean(heard) * 10 ** (_RELATIVE_GATE_LU / 10)]
    return float(-0.691 + 10 * np.log10(np.mean(sounding)))


def sung_lufs(steps: NDArray[np.float64]) -> float:
    """Loudness of a voice while it sings, in LUFS, or -inf for silence; `steps` are its `step_energies`.

    The standard's gate hangs on the mean of everything, so a guide that leaks through long rests would pass it and make
    its singer too loud. Here it hangs on the voice's loudest three seconds, by their median, and what is far above them
    counts as no more: neither a leak, nor a cough, nor how long somebody rests makes a difference.
    """
    heard = np.sort(_heard_blocks(steps))
    if not len(heard):
        return -math.inf
    loud = float(np.median(heard[-max(1, min(_LOUD_BLOCKS, len(heard) // 2)) :]))
    sung = heard[heard > loud * 10 ** (-_SUNG_RANGE_LU / 10)]
    return float(-0.691 + 10 * np.log10(np.mean(np.minimum(sung, loud * 10 ** (_SHOUT_LU / 10)))))


def _heard_blocks(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean weighted power of the standard's blocks, 0.4 s long and 0.1 s apart, that are above its absolute gate."""
    blocks = np.convolve(steps, np.ones(_STEPS_PER_BLOCK), "valid") / (_STEPS_PER_BLOCK * STEP_SAMPLES)
    return blocks[blocks > _energy(SILENT_LUFS)]


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def step_energies(sound: Audio, *, on_share: OnShare = untold) -> NDArray[np.float64]:
    """Weighted energy of each whole tenth of a second, all channels together, at least four; input as above.

    Sounds that have nothing to do with each other add up in it.
    """
    if sound.ndim == 1:
        sound = sound[:, np.newaxis]
    steps = max(_STEPS_PER_BLOCK, len(sound) // STEP_SAMPLES)
    energies = np.zeros(steps)
    state = np.zeros((len(_WEIGHTING), sound.shape[1], 2))
    for first in range(0, steps, _CHUNK_STEPS):
        last = min(first + _CHUNK_STEPS, steps)
        chunk = sound[first * STEP_SAMPLES : last * STEP_SAMPLES].T.astype(np.float64)
        chunk = np.pad(chunk, [(0, 0), (0, (last - first) * STEP_SAMPLES - chunk.shape[1])])
        weighted, state = sosfilt(_WEIGHTING, chunk, axis=1, zi=state)
        energies[first:last] = np.sum(np.square(weighted).reshape(len(chunk), last - first, -1), axis=(0, 2))
        on_share(last / steps)
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
