"""A hummed voice out of arithmetic, for robots that were given no recording.

Harmonics shaped by the formants of a closed "oo", a vibrato that comes in on long notes, a glide from note to note, a
little breath. Nobody takes it for a person; it is in tune, in time, and tells soprano from bass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from unisono.units import SAMPLE_RATE, Audio

_TABLE = 4096
_FORMANTS_HZ = ((320.0, 1.0, 90.0), (870.0, 0.35, 140.0), (2240.0, 0.06, 220.0), (2900.0, 0.03, 300.0))
"""Centre, gain and half width of the formants of "oo" (Peterson & Barney 1952, averaged over speakers)."""

_GLIDE_SAMPLES = SAMPLE_RATE * 45 // 1000
_ATTACK_SAMPLES = SAMPLE_RATE * 35 // 1000
_RELEASE_SAMPLES = SAMPLE_RATE * 70 // 1000
_VIBRATO_HZ = 5.4
_VIBRATO_CENTS = 22.0
_VIBRATO_AFTER_SAMPLES = SAMPLE_RATE * 3 // 10
_BREATH = 0.004
_LEVEL = 0.22


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note to sing: from `start_samples` after the song's start, `samples` long, at `midi` (60 is middle C)."""

    start_samples: int
    samples: int
    midi: float


def hum(notes: Sequence[Note], *, seed: int) -> Audio:
    """The notes sung one after the other: float32 (samples,), sample 0 at the song's start, peak below 0.5.

    The same seed is the same singer: up to 6 cents off, with a vibrato and a breath of their own. Notes may touch but
    not overlap.
    """
    if not notes:
        return np.zeros(0, dtype=np.float32)
    random = np.random.default_rng(seed)
    total = max(note.start_samples + note.samples for note in notes) + _RELEASE_SAMPLES
    hertz = _pitch_hz(notes, total, random)
    phase = np.cumsum(hertz / SAMPLE_RATE) + random.random()
    sound = np.zeros(total)
    for note in notes:
        _sing(note, phase, sound)
    breath = uniform_filter1d(random.standard_normal(total), 5) * _BREATH
    sung = uniform_filter1d((np.abs(sound) > 0).astype(np.float64), _ATTACK_SAMPLES)
    voice: Audio = np.clip(sound + breath * sung, -0.5, 0.5).astype(np.float32)
    return voice


def _pitch_hz(notes: Sequence[Note], total: int, random: np.random.Generator) -> NDArray[np.float64]:
    """The pitch at every sample, gliding from note to note, with vibrato; float64 (total,)."""
    midi = np.full(total, notes[0].midi)
    held = np.zeros(total)
    for note in notes:
        midi[note.start_samples :] = note.midi
        held[note.start_samples : note.start_samples + note.samples] = np.arange(note.samples)
    midi = uniform_filter1d(midi, _GLIDE_SAMPLES, mode="nearest") + random.uniform(-0.06, 0.06)
    depth = np.clip((held - _VIBRATO_AFTER_SAMPLES) / _VIBRATO_AFTER_SAMPLES, 0.0, 1.0) * _VIBRATO_CENTS / 100.0
    beat = 2 * np.pi * _VIBRATO_HZ * random.uniform(0.92, 1.08) * np.arange(total) / SAMPLE_RATE
    hertz: NDArray[np.float64] = 440.0 * 2.0 ** ((midi + depth * np.sin(beat) - 69.0) / 12.0)
    return hertz


def _sing(note: Note, phase: NDArray[np.float64], sound: NDArray[np.float64]) -> None:
    """Add one note to `sound`, reading its wave at the phases it has there."""
    start, stop = note.start_samples, min(sound.size, note.start_samples + note.samples + _RELEASE_SAMPLES)
    at = (phase[start:stop] % 1.0) * _TABLE
    wave = _wave(note.midi)
    index = at.astype(np.int64)
    between = at - index
    value = wave[index] * (1.0 - between) + wave[index + 1] * between
    sound[start:stop] += value * _envelope(note.samples, stop - start) * _LEVEL


@lru_cache(maxsize=256)
def _wave(midi: float) -> NDArray[np.float64]:
    """One period of "oo" at this pitch, RMS about 0.5; float64 (_TABLE + 1,), the last sample repeating the first."""
    pitch_hz = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    harmonic = np.arange(1, max(2, int(6000.0 / pitch_hz)) + 1)
    hertz = harmonic * pitch_hz
    gain = sum(peak / (1.0 + ((hertz - centre) / width) ** 2) for centre, peak, width in _FORMANTS_HZ) + 0.25 / harmonic
    angle = 2 * np.pi * np.arange(_TABLE + 1)[:, None] / _TABLE * harmonic + 0.7 * harmonic**2
    wave: NDArray[np.float64] = (np.sin(angle) * gain).sum(axis=1)
    wave *= 0.5 / np.sqrt(np.mean(wave**2))
    wave.flags.writeable = False
    return wave


def _envelope(samples: int, length: int) -> NDArray[np.float64]:
    """Loudness of a note over its own length and its release, 0..1; float64 (length,)."""
    at = np.arange(length)
    attack = np.clip(at / _ATTACK_SAMPLES, 0.0, 1.0)
    release = np.clip((samples + _RELEASE_SAMPLES - at) / _RELEASE_SAMPLES, 0.0, 1.0)
    envelope: NDArray[np.float64] = np.sin(attack * np.pi / 2) ** 2 * np.sin(release * np.pi / 2) ** 2
    return envelope
