"""The backing: count-in clicks, then a piece's four parts on a soft organ with strings in it.

Made by arithmetic alone, so the same piece, key and tempo give the same samples everywhere. Every note is a sum of
sines below `_TOP_HZ` (nothing folds back), with an attack short enough that a recording of it can be placed to a
fraction of a sample, which is how calibration, tests and listeners find out where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unisono.errors import OutOfRange
from unisono.songbook.piece import Note, Piece
from unisono.units import SAMPLE_RATE, Audio

KEYS = (-6, 6)
TEMPOS_BPM = (40, 208)
PEAK_DBFS = -7.0
TAIL_SECONDS = 2.0

_TOP_HZ = 12_000.0
_HARMONICS_MAX = 20
_ATTACK_SAMPLES = 240
_RELEASE_SAMPLES = 9600
_MELODY_GAIN_DB = 3.5
_CLICK_SAMPLES = 2400
_CLICK_HZ = (1760.0, 1174.66)
_CLICK_GAIN_DB = (0.0, -5.0)
_DETUNE_CENTS = 3.0
_CACHE_SIZE = 4


def tempo_of(piece: Piece, tempo_bpm: int) -> int:
    """The tempo meant: 0 is the written one. Raises OutOfRange."""
    tempo = tempo_bpm or piece.tempo_bpm
    low, high = TEMPOS_BPM
    if not low <= tempo <= high:
        raise OutOfRange(what="tempo", value=tempo, low=low, high=high)
    return tempo


def beat_samples(beat: float, tempo_bpm: int) -> int:
    """Samples from a beat-0 to `beat`, rounded as docs/wire.md says."""
    return round(beat * 60 * SAMPLE_RATE / tempo_bpm)


def count_in_samples(piece: Piece, tempo_bpm: int) -> int:
    """How long the count-in lasts; the first beat sounds right after it. Raises OutOfRange."""
    return beat_samples(piece.count_in_beats, tempo_of(piece, tempo_bpm))


def render_backing(piece: Piece, key: int, tempo_bpm: int) -> Audio:
    """Count-in and accompaniment, float32, shape (samples,), peak -7 dBFS, at least 2 s of tail after the last beat.

    key: semitones from the written key, -6..6; tempo_bpm: 0 for the written tempo, else 40..208. The array is shared
    between callers and read-only. Raises OutOfRange.
    """
    low, high = KEYS
    if not low <= key <= high:
        raise OutOfRange(what="key", value=key, low=low, high=high)
    return _rendered(piece, key, tempo_of(piece, tempo_bpm))


@lru_cache(maxsize=_CACHE_SIZE)
def _rendered(piece: Piece, key: int, tempo_bpm: int) -> Audio:
    count_in = beat_samples(piece.count_in_beats, tempo_bpm)
    samples = count_in + beat_samples(piece.beats, tempo_bpm) + int(TAIL_SECONDS * SAMPLE_RATE)
    whole = np.zeros(samples)
    for part in piece.parts:
        gain = 10 ** (_MELODY_GAIN_DB / 20) if part.name == piece.melody_part else 1.0
        _add_part(whole[count_in:], part.notes, key=key, tempo_bpm=tempo_bpm, gain=gain)
    whole *= 0.7 / max(float(np.max(np.abs(whole))), 1e-9)
    _add_clicks(whole, piece.count_in_beats, piece.beats_per_bar, tempo_bpm)
    whole *= 10 ** (PEAK_DBFS / 20) / float(np.max(np.abs(whole)))
    backing = whole.astype(np.float32)
    backing.flags.writeable = False
    return backing


def _add_part(song: NDArray[np.float64], part: Sequence[Note], *, key: int, tempo_bpm: int, gain: float) -> None:
    """Sum one part into `song`, which begins on the first beat and is long enough for every release."""
    for note in part:
        start = beat_samples(note.beat, tempo_bpm)
        held = beat_samples(note.beat + note.beats, tempo_bpm) - start
        sound = _note(note.midi + key, held)
        song[start : start + len(sound)] += gain * sound


@lru_cache(maxsize=256)
def _note(midi: int, held_samples: int) -> NDArray[np.float64]:
    """One note, float64, shape (held_samples + release,), about +-1: bright at first, mellow while it is held."""
    time = np.arange(held_samples + _RELEASE_SAMPLES) / SAMPLE_RATE
    hertz = 440.0 * 2 ** ((midi - 69) / 12)
    sound = np.zeros(len(time))
    for cents, share in ((0.0, 0.7), (_DETUNE_CENTS, 0.3)):
        sound += share * _pipes(hertz * 2 ** (cents / 1200), time)
    return sound * _envelope(len(time), held_samples)


def _pipes(hertz: float, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Harmonics of `hertz`, each a little softer than the one before; the upper ones fade soon after the attack.

    The harmonics are powers of one rotating phasor: one multiplication each instead of one sine.
    """
    turn = np.exp(2j * np.pi * hertz * time)
    harmonic = np.ones_like(turn)
    sound = np.zeros(len(time))
    for number in range(1, min(_HARMONICS_MAX, int(_TOP_HZ / hertz)) + 1):
        harmonic *= turn
        held = np.exp(-0.45 * (number - 1))
        struck = 0.35 / number
        sound += (held + struck * np.exp(-time * (4.0 + 2.0 * number))) * harmonic.imag
    return sound


def _envelope(samples: int, held_samples: int) -> NDArray[np.float64]:
    """A raised-cosine attack of 5 ms, a hold that sinks by a third, a release of 200 ms."""
    envelope = np.ones(samples)
    envelope[:_ATTACK_SAMPLES] = 0.5 - 0.5 * np.cos(np.pi * np.arange(_ATTACK_SAMPLES) / _ATTACK_SAMPLES)
    envelope *= 0.67 + 0.33 * np.exp(-np.arange(samples) / SAMPLE_RATE / 0.8)
    release = samples - held_samples
    envelope[held_samples:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(release) / release)
    return envelope


def _add_clicks(whole: NDArray[np.float64], beats: int, beats_per_bar: int, tempo_bpm: int) -> None:
    """The count-in: one click a beat, the first of every bar higher and louder."""
    for beat in range(beats):
        weak = int(beat % beats_per_bar != 0)
        click = _click(_CLICK_HZ[weak]) * 10 ** (_CLICK_GAIN_DB[weak] / 20)
        start = beat_samples(beat, tempo_bpm)
        whole[start : start + _CLICK_SAMPLES] += click


def _click(hertz: float) -> NDArray[np.float64]:
    """A wood block: two damped partials with an attack of 0.5 ms, float64, shape (2400,), peak about 0.9."""
    time = np.arange(_CLICK_SAMPLES) / SAMPLE_RATE
    body = np.sin(2 * np.pi * hertz * time) * np.exp(-time / 0.012)
    knock = np.sin(2 * np.pi * 2.71 * hertz * time) * np.exp(-time / 0.003)
    fade = np.minimum(1.0, np.arange(_CLICK_SAMPLES) / 24) * np.minimum(1.0, np.arange(_CLICK_SAMPLES)[::-1] / 240)
    click: NDArray[np.float64] = (0.75 * body + 0.4 * knock) * fade
    return click
