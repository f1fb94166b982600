"""What a robot without a recording sings: its part of the piece, hummed; in free singing, a song everybody knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from unisono.core.messages import Song
from unisono.robots.hum import Note, hum
from unisono.songbook import read_shelf
from unisono.units import SAMPLE_RATE, Audio, Position

Part = Literal["soprano", "alto", "tenor", "bass"]

_LOW_PARTS = ("tenor", "bass")
_OCTAVE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A note as written: from `beat`, `beats` long, at `midi`."""

    beat: float
    beats: float
    midi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """One part of a piece as written, and how fast."""

    notes: tuple[Beat, ...]
    tempo_bpm: int


def tune_of(piece: dict[str, Any] | None, part: Part) -> Tune:
    """The part of a piece of docs/wire.md, or of our own songbook's first where there is none (free singing).

    The wire has only the melody; where the songbook on this machine has the same piece, its parts are used. Who has no
    part sings the melody, men an octave lower.
    """
    shelf = read_shelf().pieces
    known = next(iter(shelf.values())) if piece is None else shelf.get(piece["id"])
    if known is not None:
        notes = next((voice.notes for voice in known.parts if voice.name == part), None)
        if notes is not None:
            return Tune(
                notes=tuple(_beat(note.beat, note.beats, note.midi) for note in notes), tempo_bpm=known.tempo_bpm
            )
        piece = known.for_page()
    assert piece is not None
    down = _OCTAVE if part in _LOW_PARTS else 0
    melody = tuple(_beat(note["beat"], note["beats"], note["midi"] - down) for note in piece["melody"])
    return Tune(notes=melody, tempo_bpm=int(piece["tempo_bpm"]))


def _beat(beat: float, beats: float, midi: int) -> Beat:
    return Beat(beat=beat, beats=beats, midi=midi)


@lru_cache(maxsize=64)
def hummed(tune: Tune, *, key: int, tempo_bpm: int, seed: int) -> Audio:
    """The tune as one singer hums it: float32 (samples,), sample 0 at its first beat. It takes a while."""
    beat_samples = 60 * SAMPLE_RATE / tempo_bpm
    notes = [
        Note(
            start_samples=round(note.beat * beat_samples),
            samples=round(note.beats * beat_samples * 0.96),
            midi=note.midi + key,
        )
        for note in tune.notes
    ]
    return hum(notes, seed=seed)


def hum_for(song: Song, tune: Tune, *, seed: int) -> tuple[Audio, Position]:
    """The tune in the song's key and tempo, and the position of its first beat, behind the count-in."""
    start = Position(song.start + song.count_in_samples)
    return hummed(tune, key=song.key, tempo_bpm=song.tempo_bpm or tune.tempo_bpm, seed=seed), start
