"""Singers out of arithmetic, who sing as people do: early and late, a bit out of tune, with consonants and breaths.

A note's written time is when its vowel begins, give or take what this singer does: a habit for the whole take, and a
scatter from note to note that leans on the note before. What is known of real singers sets the sizes: 20 to 40 ms of
scatter between singers who follow one beat, vibrato of 5 to 7 Hz, scoops of up to a semitone. All of it is zero on
average, so the truth stays where the notes stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from unisono.studio.guide import Note
from unisono.units import SAMPLE_RATE, Audio

RATE = 24_000
STEP = 240
TOP_HZ = 7_000.0
VOWELS_HZ = (
    (700.0, 1150.0, 2500.0, 3400.0),
    (480.0, 1900.0, 2600.0, 3500.0),
    (320.0, 2200.0, 2900.0, 3500.0),
    (480.0, 850.0, 2500.0, 3400.0),
    (330.0, 800.0, 2400.0, 3300.0),
)
"""Formants of a, e, i, o, u (Peterson & Barney 1952, rounded)."""
FORMANT_GAINS = (1.0, 0.55, 0.28, 0.18)
HALF_WIDTHS_HZ = (70.0, 100.0, 140.0, 200.0)

Floats = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Singer:
    """How somebody sings. Cents and milliseconds; habit_ms is how late all of the take is, scatter_ms one note."""

    habit_ms: float
    scatter_ms: float
    tuning_cents: float
    note_cents: float
    vibrato_cents: float
    vibrato_hz: float
    scoop_cents: float
    slips: float
    size: float

    @classmethod
    def some(cls, rng: Random) -> Singer:
        """Somebody."""
        return cls(
            habit_ms=float(rng.normal(0, 8)),
            scatter_ms=float(rng.uniform(15, 40)),
            tuning_cents=float(rng.normal(0, 18)),
            note_cents=float(rng.uniform(8, 30)),
            vibrato_cents=float(rng.choice([0, 1]) * rng.uniform(15, 70)),
            vibrato_hz=float(rng.uniform(4.8, 6.8)),
            scoop_cents=float(rng.uniform(0, 120)),
            slips=float(rng.choice([0.0, 0.02, 0.05])),
            size=float(rng.uniform(0.9, 1.15)),
        )


def sung(notes: Sequence[Note], singer: Singer, samples: int, rng: Random) -> Audio:
    """Somebody singing notes: float32, (samples,), at units.SAMPLE_RATE; sample 0 is position 0 of the notes."""
    spans = _spans(notes, singer, rng)
    frames = samples * RATE // SAMPLE_RATE // STEP + 2
    pitch, loud, noise = (np.zeros(frames) for _ in range(3))
    formants = np.zeros((frames, 4))
    for start, stop, midi in spans:
        _lay(start, stop, midi, singer, rng, pitch, loud, noise, formants)
    _glide(pitch, spans, singer)
    tone = _harmonics(pitch, loud, formants)
    hiss = rng.normal(0, 1, len(tone)) * _upward(noise, len(tone))
    hiss = signal.sosfilt(signal.butter(2, 2500, "highpass", fs=RATE, output="sos"), hiss)
    sound = soxr.resample(tone + hiss, RATE, SAMPLE_RATE)
    sound = np.pad(sound, (0, max(0, samples - len(sound))))[:samples]
    return np.asarray(0.2 * sound / max(float(np.abs(sound).max()), 1e-9) * 2, dtype=np.float32)


def _spans(notes: Sequence[Note], singer: Singer, rng: Random) -> list[tuple[float, float, float]]:
    """(start, stop, MIDI number) of each note as this singer does it, in seconds; breaths taken from long notes."""
    starts, lean = [], 0.0
    for note in notes:
        lean = 0.5 * lean + float(rng.normal(0, singer.scatter_ms * np.sqrt(0.75)))
        starts.append(note.start / SAMPLE_RATE + (singer.habit_ms + lean) / 1000)
    spans = []
    for i, note in enumerate(notes):
        start, length = starts[i], (note.stop - note.start) / SAMPLE_RATE
        joined = i + 1 < len(notes) and notes[i + 1].start - note.stop < SAMPLE_RATE // 100
        stop = starts[i + 1] if joined else start + length * float(rng.uniform(0.85, 1.0))
        if length > 0.9 and rng.random() < 0.8:
            stop -= float(rng.uniform(0.12, 0.35))
        slip = float(rng.choice([-2, -1, 1, 2])) if rng.random() < singer.slips else 0.0
        off = singer.tuning_cents + float(rng.normal(0, singer.note_cents))
        spans.append((start, max(stop, start + 0.06), note.pitch + slip + off / 100))
    return spans


def _lay(
    start: float,
    stop: float,
    midi: float,
    singer: Singer,
    rng: Random,
    pitch: Floats,
    loud: Floats,
    noise: Floats,
    formants: Floats,
) -> None:
    """One note into the tracks: an unvoiced, a soft or no consonant ahead of it, its vowel, its vibrato."""
    per = RATE / STEP
    low, high = max(0, round(start * per)), min(len(pitch), round(stop * per))
    if high - low < 3:
        return
    kind = rng.random()
    gap = min(int(rng.uniform(3, 9)), low)
    if kind < 0.4:
        loud[low - gap : low] = 0.0
        noise[low - gap : low] = float(rng.uniform(0.01, 0.08))
    elif kind < 0.75:
        loud[low - gap : low] *= float(rng.uniform(0.25, 0.6))
    held = np.arange(high - low) / per
    swell = np.minimum(1, (held + 0.01) / float(rng.uniform(0.02, 0.06))) * (1 - 0.25 * held / max(held[-1], 0.1))
    loud[low:high] = swell * float(rng.uniform(0.6, 1.0))
    tail = min(high + int(rng.uniform(4, 12)), len(pitch))
    loud[high:tail] = loud[high - 1] * np.linspace(1, 0, tail - high)
    depth = singer.vibrato_cents / 100 * np.clip((held - 0.2) / 0.3, 0, 1)
    wander = 0.06 * np.sin(2 * np.pi * float(rng.uniform(0.3, 1.2)) * held + float(rng.uniform(0, 6)))
    vibrato = depth * np.sin(2 * np.pi * singer.vibrato_hz * held + float(rng.uniform(0, 6)))
    pitch[low:high] = midi + vibrato + wander
    pitch[high:tail] = midi
    vowel = np.array(VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]) * singer.size
    formants[low:tail] = vowel


def _glide(pitch: Floats, spans: list[tuple[float, float, float]], singer: Singer) -> None:
    """Scoops from below into notes, glides between them, in place."""
    per = RATE / STEP
    if singer.scoop_cents:
        for start, stop, _ in spans:
            low, high = max(0, round(start * per)), min(len(pitch), round(stop * per))
            pitch[low:high] -= singer.scoop_cents / 100 * np.exp(-np.arange(max(0, high - low)) / per / 0.035)
    sounding = pitch > 0
    filled = np.interp(np.arange(len(pitch)), np.flatnonzero(sounding), pitch[sounding]) if sounding.any() else pitch
    pitch[:] = signal.convolve(np.pad(filled, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _harmonics(pitch: Floats, loud: Floats, formants: Floats) -> Floats:
    """Harmonics at a pitch, shaped by formants; (frames * STEP,) at RATE."""
    samples = len(pitch) * STEP
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    turn = np.exp(2j * np.pi * np.cumsum(_upward(hertz, samples)) / RATE)
    harmonic = np.ones(samples, dtype=np.complex128)
    sound = np.zeros(samples)
    most = int(TOP_HZ / max(float(hertz[loud > 0].min(initial=1000.0)), 60.0))
    for number in range(1, min(most, 45) + 1):
        harmonic *= turn
        at = hertz * number
        gain = sum(
            peak / (1 + ((at[:, None] - formants[:, i : i + 1]) / width) ** 2)[:, 0]
            for i, (peak, width) in enumerate(zip(FORMANT_GAINS, HALF_WIDTHS_HZ, strict=True))
        )
        gain = (gain + 0.03) * loud * number**-0.7 * (at < TOP_HZ)
        sound += _upward(gain, samples) * harmonic.imag
    return sound


def _upward(track: Floats, samples: int) -> Floats:
    """A track of frames as samples, straight lines between."""
    return np.interp(np.arange(samples), np.arange(len(track)) * STEP, track)
