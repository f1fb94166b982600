"""Chroma: which of the twelve pitches sound in a mix, frame by frame, in whatever octave."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import ndimage, signal

from unisono.studio.pitch import mono
from unisono.units import SAMPLE_RATE, Audio

RATE = 12_000
WINDOW = 2048
LOW_HZ, HIGH_HZ = 110.0, 2200.0
WIDTH_SEMITONES = 0.3


def chroma(sound: Audio, frame_samples: int) -> NDArray[np.float32]:
    """(frames, 12), C first, each frame's highest 1: frame i is around sample i * frame_samples; 0 where it is silent.

    frame_samples: a multiple of 4, at units.SAMPLE_RATE.
    """
    low = soxr.resample(mono(sound), SAMPLE_RATE, RATE)
    hop = frame_samples * RATE // SAMPLE_RATE
    low = np.pad(low, (0, max(0, WINDOW - len(low))))
    hertz, _, short = signal.stft(low, RATE, nperseg=WINDOW, noverlap=WINDOW - hop, boundary="even", padded=True)
    loud = np.log1p(100 * np.abs(short) / max(float(np.abs(short).max()), 1e-12))
    peaks = loud * (loud == ndimage.maximum_filter1d(loud, 5, axis=0))
    used = (hertz >= LOW_HZ) & (hertz <= HIGH_HZ)
    midi = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    apart = (midi[:, None] - np.arange(12)[None] + 6) % 12 - 6
    fold = np.exp(-0.5 * np.square(apart / WIDTH_SEMITONES)) * used[:, None]
    sums = peaks.T @ fold
    highest = sums.max(axis=1, keepdims=True)
    return np.asarray(np.where(highest > 0.05 * highest.max(initial=0), sums / (highest + 1e-9), 0), dtype=np.float32)
