"""A singer for tests: a real recording where the recordings are at hand, else a made voice.

Where they lie is a setting, UNISONO_TEST_DATA; without it they are looked for in `shared/data` beside the work tree.
"""

import io
import os
from pathlib import Path

import av
import numpy as np

from tests.browser.cards import Audio
from unisono.robots.hum import Note, hum
from unisono.units import SAMPLE_RATE

DATA = Path(os.environ.get("UNISONO_TEST_DATA") or Path(__file__).parents[3] / "shared/data")
RECORDING = "vocadito/vocadito_1.flac"
MADE_S = 30
SYLLABLE_SAMPLES = SAMPLE_RATE // 25


def read_sound(file: bytes | Path) -> tuple[Audio, int]:
    """First channel of a sound file, float32 (samples,) with full scale 1, and its rate in Hz."""
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file), "r") as opened:
        stream = opened.streams.audio[0]
        to_floats = av.AudioResampler(format="fltp")
        blocks = [block.to_ndarray()[0] for frame in opened.decode(stream) for block in to_floats.resample(frame)]
        return np.concatenate(blocks).astype(np.float32), int(stream.rate)


def a_singer(peak: float, folder: Path = DATA) -> tuple[Audio, int]:
    """Float32 (samples,), at least 20 s, its largest sample at `peak`, and its rate in Hz."""
    recording = folder / RECORDING
    sound, rate_hz = read_sound(recording) if recording.is_file() else (made_voice(), SAMPLE_RATE)
    return np.asarray(peak * sound / np.abs(sound).max(), np.float32), rate_hz


def made_voice() -> Audio:
    """Notes that never come back in the same order, each begun with a consonant: no two stretches are alike."""
    chance = np.random.default_rng(12)
    notes, at = [], SAMPLE_RATE // 5
    while at < MADE_S * SAMPLE_RATE:
        samples = int(SAMPLE_RATE * chance.uniform(0.25, 0.7))
        notes.append(Note(start_samples=at, samples=samples, midi=float(chance.integers(52, 68))))
        at += samples + int(SAMPLE_RATE * chance.uniform(0.0, 0.1))
    sound = hum(notes, seed=3)
    for note in notes:
        burst = sound[note.start_samples:note.start_samples + SYLLABLE_SAMPLES]
        burst += (0.1 * chance.standard_normal(len(burst)) * np.hanning(len(burst))).astype(np.float32)
    return sound
