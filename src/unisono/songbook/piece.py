"""A piece: what stands in its file, and what the room, the page and the renderer know of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from unisono.songbook.notation import Sung, midi_of, read_part, read_syllables

Line = Annotated[str, Meta(min_length=1, max_length=200)]
Name = Annotated[str, Meta(max_length=200)]

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BEATS_MAX = 4000
_LOWEST_MIDI, _HIGHEST_MIDI = 24, 96


class Note(Struct, frozen=True, kw_only=True):
    """A note to sing: `beat` from the piece's first beat, as written (before any change of key)."""

    beat: float
    beats: float
    midi: int


class Word(Struct, frozen=True, kw_only=True):
    """A word and the beat it begins on; `line` counts from 0."""

    beat: float
    text: str
    line: int


class SungSyllable(Struct, frozen=True, kw_only=True):
    """A syllable and the beat of its first note; `begins` says whether a word begins with it."""

    beat: float
    text: str
    line: int
    begins: bool


class Part(Struct, frozen=True, kw_only=True):
    """One voice of the setting, rests left out."""

    name: str
    notes: tuple[Note, ...]


class Piece(Struct, frozen=True, kw_only=True):
    """A piece as docs/wire.md describes it; of `parts` pages get the names, of `syllables` nothing (`for_page`).

    `key_midi` is the tonic, `first_midi` the melody's first note, both as written. `parts` are all voices, the melody's
    among them. Equal pieces hash alike, so that a rendering can be kept.
    """

    id: str
    title: str
    composer: str
    words_by: str
    language: str
    beats_per_bar: int
    beats: float
    tempo_bpm: int
    key_midi: int
    first_midi: int
    count_in_beats: int
    words: tuple[Word, ...]
    syllables: tuple[SungSyllable, ...]
    melody: tuple[Note, ...]
    melody_part: str
    parts: tuple[Part, ...]

    def for_page(self) -> dict[str, object]:
        """What the page gets: builtins, ready for JSON; of `parts` their names only, and no syllables."""
        whole: dict[str, object] = msgspec.to_builtins(self)
        del whole["melody_part"], whole["syllables"]
        return whole | {"parts": self.voices}

    @property
    def voices(self) -> list[str]:
        """What its parts are called, where there are several: who sings one of them may say which."""
        return [part.name for part in self.parts] if len(self.parts) > 1 else []


class PieceFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece as its file has it; `songs/ode-to-joy.json` is the example, `notation.py` explains notes and words."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    composer: Name
    parts: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=40)], list[str]], Meta(min_length=1, max_length=8)
    ]
    melody: str
    tonic: str
    beats_per_bar: Annotated[int, Meta(ge=1, le=16)]
    tempo_bpm: Annotated[int, Meta(ge=40, le=208)]
    count_in_bars: Annotated[int, Meta(ge=1, le=4)] = 2
    words: Annotated[list[Line], Meta(max_length=400)] = []
    words_by: Name = ""
    language: Annotated[str, Meta(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")] = ""
    rights: Name = ""
    source: Annotated[str, Meta(max_length=500)] = ""


def check_id(piece_id: str) -> str:
    """The id itself, if it is lower-case words joined by hyphens. Raises ValueError."""
    if len(piece_id) > 64 or _ID.fullmatch(piece_id) is None:
        raise ValueError(f"{piece_id!r} is not an id: use a-z, 0-9 and single hyphens, at most 64 characters")
    return piece_id


def build(piece_id: str, file: PieceFile) -> Piece:
    """The piece of a file. Raises ValueError saying what does not fit."""
    check_id(piece_id)
    sung = {name: _part(name, lines, file.beats_per_bar) for name, lines in file.parts.items()}
    if file.melody not in sung:
        raise ValueError(f"melody is {file.melody!r}, but the parts are {', '.join(sung)}")
    beats = _common_length(sung)
    melody = _notes(sung[file.melody])
    if not melody:
        raise ValueError("the melody has no notes")
    syllables = place_syllables(file.words, melody)
    return Piece(
        id=piece_id,
        title=file.title,
        composer=file.composer,
        words_by=file.words_by,
        language=file.language,
        beats_per_bar=file.beats_per_bar,
        beats=beats,
        tempo_bpm=file.tempo_bpm,
        key_midi=midi_of(file.tonic),
        first_midi=melody[0].midi,
        count_in_beats=file.count_in_bars * file.beats_per_bar,
        words=_whole_words(syllables),
        syllables=syllables,
        melody=melody,
        melody_part=file.melody,
        parts=tuple(Part(name=name, notes=_notes(part)) for name, part in sung.items()),
    )


def _part(name: str, lines: Sequence[str], beats_per_bar: int) -> tuple[Sung, ...]:
    try:
        part = read_part(" ".join(lines), beats_per_bar=beats_per_bar)
    except ValueError as error:
        raise ValueError(f"part {name}: {error}") from error
    outside = [note.midi for note in part if note.midi is not None and not _LOWEST_MIDI <= note.midi <= _HIGHEST_MIDI]
    if outside:
        raise ValueError(f"part {name}: nobody sings MIDI note {outside[0]}")
    return part


def _common_length(parts: dict[str, tuple[Sung, ...]]) -> float:
    """Beats of the piece: the same in every part, or ValueError."""
    lengths = {name: sum(note.beats for note in part) for name, part in parts.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {beats:g}" for name, beats in lengths.items())
        raise ValueError(f"the parts differ in length: {told} beats")
    beats = next(iter(lengths.values()))
    if not 0 < beats <= _BEATS_MAX:
        raise ValueError(f"a piece has 1 to {_BEATS_MAX} beats, not {beats:g}")
    return beats


def _notes(part: Sequence[Sung]) -> tuple[Note, ...]:
    return tuple(Note(beat=note.beat, beats=note.beats, midi=note.midi) for note in part if note.midi is not None)


def place_syllables(lines: Sequence[str], melody: Sequence[Note]) -> tuple[SungSyllable, ...]:
    """Give every syllable the beat of its first note.

    A piece without words is fine; words and notes that do not come out even are a slip of the pen: ValueError.
    """
    if not lines:
        return ()
    found: list[SungSyllable] = []
    used = 0
    for number, line in enumerate(lines):
        for syllable in read_syllables(line):
            if used >= len(melody):
                raise ValueError(f"words, line {number + 1}: no note is left for {syllable.text!r}")
            found.append(SungSyllable(beat=melody[used].beat, text=syllable.text, line=number, begins=syllable.begins))
            used += syllable.notes
    if used != len(melody):
        raise ValueError(f"the words take {used} notes, the melody has {len(melody)}")
    return tuple(found)


def _whole_words(syllables: Sequence[SungSyllable]) -> tuple[Word, ...]:
    """Every word with the beat of its first syllable."""
    words: list[Word] = []
    for syllable in syllables:
        if syllable.begins:
            words.append(Word(beat=syllable.beat, text=syllable.text, line=syllable.line))
        else:
            whole = words[-1]
            words[-1] = Word(beat=whole.beat, text=whole.text + syllable.text, line=whole.line)
    return tuple(words)
