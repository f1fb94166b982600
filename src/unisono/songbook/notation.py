"""Notes and syllables as people write them in a piece's file, read strictly.

A part is a row of notes: `B4` lasts one beat, `A4:1.5` one and a half, `F#4` and `Bb3` are altered, `r:2` is a rest and
`|` a bar line, checked. Words are syllables sung one a note: `Göt-ter-fun-ken,`; `den_` holds its syllable
for one note more. Raises ValueError with the offending text; whoever read the file says where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NOTE = re.compile(r"(?:(?P<letter>[A-G])(?P<sharp>#|b)?(?P<octave>[0-8])|(?P<rest>r))(?::(?P<beats>\d+(?:\.\d+)?))?")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_BEATS_MAX = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sung:
    """One note or rest of a part: `midi` is None for a rest; `beat` counts from the piece's first beat."""

    beat: float
    beats: float
    midi: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Syllable:
    """A piece of a word, how many notes carry it, and whether it begins the word."""

    text: str
    notes: int
    begins: bool


def midi_of(name: str) -> int:
    """The MIDI number of a name such as `C4` (60), `F#3` (54) or `Bb4` (70)."""
    midi, _ = _read_note(name)
    if midi is None:
        raise ValueError(f"{name!r} is not a note")
    return midi


def _read_note(text: str) -> tuple[int | None, float]:
    """(MIDI number or None for a rest, beats)."""
    found = _NOTE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a note: write B4, F#4:1.5 or r:2")
    beats = float(found["beats"] or 1)
    if not 0 < beats <= _BEATS_MAX:
        raise ValueError(f"{text!r} must last more than 0 and at most {_BEATS_MAX:g} beats")
    if found["rest"]:
        return None, beats
    alter = {"#": 1, "b": -1, None: 0}[found["sharp"]]
    return 12 * (int(found["octave"]) + 1) + _SEMITONES[found["letter"]] + alter, beats


def read_part(text: str, *, beats_per_bar: int) -> tuple[Sung, ...]:
    """The notes and rests of one part in order. Every bar must be full; the first and the last may be short."""
    notes: list[Sung] = []
    bar_starts = [0.0]
    beat = 0.0
    for written in text.split():
        if written == "|":
            bar_starts.append(beat)
            continue
        midi, beats = _read_note(written)
        notes.append(Sung(beat=beat, beats=beats, midi=midi))
        beat += beats
    _check_bars([*bar_starts, beat], beats_per_bar)
    return tuple(notes)


def _check_bars(edges: Sequence[float], beats_per_bar: int) -> None:
    lengths = [stop - start for start, stop in pairwise(edges)]
    for number, length in enumerate(lengths, start=1):
        short_is_fine = number in (1, len(lengths))
        if length > beats_per_bar or (length < beats_per_bar and not short_is_fine):
            raise ValueError(f"bar {number} has {length:g} beats, not {beats_per_bar}")


def read_syllables(line: str) -> Iterator[Syllable]:
    """The syllables of one line of words."""
    for word in line.split():
        for index, piece in enumerate(word.split("-")):
            text = piece.rstrip("_")
            if not text:
                raise ValueError(f"{word!r} has an empty syllable")
            yield Syllable(text=text, notes=1 + len(piece) - len(text), begins=index == 0)
