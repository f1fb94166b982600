"""What tests of clips share: a guide, and singers who sang to it elsewhere, made by arithmetic."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from unisono.studio import files
from unisono.units import SAMPLE_RATE, Audio

SECONDS = 8


@cache
def backing(seconds: float = SECONDS) -> Audio:
    """A band that never plays the same twice: plucked notes and strokes, float32, shape (samples,), peak 0.4."""
    chance = np.random.default_rng(99)
    samples = round(seconds * SAMPLE_RATE)
    sound = np.zeros(samples + 2 * SAMPLE_RATE)
    long = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for start in range(0, samples, SAMPLE_RATE // 6):
        hertz = 110 * 2 ** (chance.choice([0, 2, 3, 5, 7, 8, 10, 12, 15, 19, 24]) / 12)
        at = start + int(chance.integers(0, 1500))
        sound[at : at + len(long)] += sum(
            np.sin(2 * np.pi * n * hertz * long + n) / n * np.exp(-long * (3 + n)) for n in range(1, 12)
        )
        sound[at : at + 4800] += chance.uniform(0, 1) * chance.normal(0, 1, 4800) * np.exp(-long[:4800] * 60)
    band: Audio = (0.4 * sound[:samples] / np.max(np.abs(sound))).astype(np.float32)
    return band


def voice(seed: int, samples: int) -> Audio:
    """A sung vowel on a wandering pitch in phrases, float32, shape (samples,), about -20 dBFS."""
    chance = np.random.default_rng(seed)
    time = np.arange(samples) / SAMPLE_RATE
    notes = np.repeat(chance.choice([0, 2, 4, 5, 7], samples // 24_000 + 1), 24_000)[:samples]
    hertz = 150 * (1 + 0.13 * (seed % 5)) * 2 ** ((notes + 0.2 * np.sin(2 * np.pi * 5.3 * time)) / 12)
    turn = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    sound = sum(np.sin(n * turn + seed * n) / n**1.3 for n in range(1, 9))
    phrases = np.clip(3 * np.sin(2 * np.pi * time / 3.7 + seed), 0, 1)
    sung: Audio = (0.12 * sound * phrases + chance.normal(0, 3e-4, samples)).astype(np.float32)
    return sung


def sung_to(guide: Audio, *, seed: int, late_samples: int, bleed_db: float = -20.0, samples: int = 0) -> Audio:
    """A clip, float32, shape (samples,): its sample 0 stands at guide position `late_samples` (may be negative)."""
    wanted = samples or len(guide) - max(late_samples, 0)
    played = np.zeros(wanted, dtype=np.float32)
    first = max(0, -late_samples)
    part = guide[max(late_samples, 0) :][: wanted - first]
    played[first : first + len(part)] = part
    sung = voice(seed, wanted)
    loud = np.sqrt(np.mean(sung**2) / np.mean(guide**2)) * 10 ** (bleed_db / 20)
    clip: Audio = (sung + loud * played).astype(np.float32)
    return clip


def write_guide(folder: Path, seconds: float = SECONDS) -> Path:
    """The guide as a file."""
    path = folder / "guide.flac"
    files.write(path, backing(seconds)[:, np.newaxis], files.FLAC)
    return path


def write_clip(path: Path, sound: Audio) -> Path:
    """A clip as a phone would make it, by its name's ending."""
    form = {".m4a": files.M4A, ".opus": files.OPUS, ".wav": files.WAV, ".flac": files.FLAC}[path.suffix]
    files.write(path, sound[:, np.newaxis], form)
    return path
