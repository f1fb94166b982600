"""What singers of `bench align` sing: parts of songs and of a fugue, as notes on a guide's axis.

The Ode to Joy is the songbook's (public domain). The fugue is three voices on the subject of Bach's C minor fugue from
the first book of the Well-Tempered Clavier (BWV 847, 1722), its countersubject and free voices simplified until they
can be sung. The folk song is "Sur le pont d'Avignon" (15th century), of which every verse is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.degrade import DATA
from unisono.songbook import piece
from unisono.songbook.backing import beat_samples
from unisono.studio.guide import Note
from unisono.units import SAMPLE_RATE

NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_SUBJECT = "r:2 C5 B4 C5:2 G4:2 Ab4:2 C5 B4 C5:2 D5:2 G4:2 C5 B4 C5:2 D5:2 F4 G4 Ab4:4 G4 F4 Eb4:2"
_ANSWER = "r:2 G5 F#5 G5:2 C5:2 Eb5:2 G5 F#5 G5:2 A5:2 D5:2 G5 F#5 G5:2 A5:2 C5 D5 Eb5:4 D5 C5 Bb4:2"
_BASS = "r:2 C4 B3 C4:2 G3:2 Ab3:2 C4 B3 C4:2 D4:2 G3:2 C4 B3 C4:2 D4:2 F3 G3 Ab3:4 G3 F3 Eb3:2"
FUGUE = {
    "alto": f"{_SUBJECT} C5 B4 A4 G4 F4 Eb4 D4:2 Eb5:2 D5:2 C5:2 Bb4:2 A4:2 Bb4:2 C5:2 F#4:2 G4:2 A4:2 F#4:2 G4:4 "
    "r:2 C4:2 D4:2 Eb4:4 D4:2 Eb4:2 F4:2 G4:4 F4:2 Eb4:2 D4:4 G4:4 G4:2 Ab4:2 G4:4 F4:2 Eb4:2 D4:4 C4:2 B3:2 C4:8",
    "soprano": f"r:32 {_ANSWER} Eb5 D5 Eb5:2 G4:2 Ab4:2 F5 Eb5 F5:2 A4:2 Bb4:2 G5 F5 G5:2 B4:2 C5:2 D5 Eb5 F5:4 "
    "Eb5:2 D5:2 C5:2 Bb4:4 Ab4:2 G4:2 F4:2 G4:4 C5:4 B4:2 C5:2 D5:4 C5:8",
    "bass": f"r:96 {_BASS} C4 Bb3 Ab3 G3 F3 Eb3 D3:2 Eb3:2 F3:2 G3:4 G2:4 C3:8",
}
AVIGNON = (
    "G4:2 G4:2 G4:4 A4:2 A4:2 A4:4 B4:2 C5:2 D5:2 G4:2 F#4:2 G4:2 A4:2 D4:2 G4:2 G4:2 G4:4 A4:2 A4:2 A4:4 "
    "B4:2 C5:2 D5:2 G4:2 A4:2 F#4:2 G4:4"
)


def ode(part: str, *, tempo_bpm: int, key: int = 0, begin: int = 0) -> tuple[Note, ...]:
    """A part of the Ode to Joy, from position `begin` on."""
    own = next(each for each in piece("ode-to-joy").parts if each.name == part)
    return tuple(
        Note(
            start=begin + beat_samples(note.beat, tempo_bpm),
            stop=begin + beat_samples(note.beat + note.beats, tempo_bpm),
            pitch=note.midi + key,
        )
        for note in own.notes
    )


def written(text: str, *, sixteenth_samples: float, key: int = 0, begin: int = 0) -> tuple[Note, ...]:
    """Notes as `C5:2` (how many sixteenths), `r:4` a rest."""
    notes, at = [], float(begin)
    for word in text.split():
        name, _, count = word.partition(":")
        stop = at + int(count or 1) * sixteenth_samples
        if name != "r":
            alter = name.count("#") - name[1:].count("b")
            pitch = 12 * (int(name[-1]) + 1) + NAMES[name[0]] + alter + key
            notes.append(Note(start=at, stop=stop, pitch=float(pitch)))
        at = stop
    return tuple(notes)


def verses(notes: Sequence[Note], count: int, gap_samples: int) -> tuple[Note, ...]:
    """The same notes again and again, with a gap between."""
    length = notes[-1].stop - notes[0].start + gap_samples
    return tuple(
        Note(start=note.start + i * length, stop=note.stop + i * length, pitch=note.pitch)
        for i in range(count)
        for note in notes
    )


def annotated(annotator: str) -> tuple[Note, ...]:
    """What the real singer of vocadito sings, as annotator `A1` or `A2` wrote it down, on his recording's axis."""
    rows = np.loadtxt(DATA / f"vocadito/vocadito_1_notes{annotator}.csv", delimiter=",")
    return tuple(
        Note(
            start=start * SAMPLE_RATE, stop=(start + length) * SAMPLE_RATE, pitch=69 + 12 * float(np.log2(hertz / 440))
        )
        for start, hertz, length in rows.tolist()
    )


def moved(notes: Sequence[Note], samples: float, semitones: float = 0.0) -> tuple[Note, ...]:
    """The same notes, later and higher."""
    return tuple(
        Note(start=note.start + samples, stop=note.stop + samples, pitch=note.pitch + semitones) for note in notes
    )
