"""Guides: what people sang to, read from wherever it is: a sound file, a performance's folder, or the songbook.

Its sound is kept in the work folder, where every worker reads it; what is known of its notes goes along as facts. In
each case sample 0 of the guide is position 0 of the axis that takes are placed on.
"""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from unisono.errors import GuideNotFound, MixFailed, UnisonoError
from unisono.songbook import Piece, count_in_samples, piece, read_shelf, render_backing, tempo_of
from unisono.songbook.backing import beat_samples
from unisono.studio import files
from unisono.studio.decoded import decoded
from unisono.studio.guide import Guide, Note
from unisono.studio.performance import PERFORMANCE_FILE, read_performance
from unisono.studio.shares import OnShare, paced, untold, weighed
from unisono.studio.steps import Work, content_hash, fingerprint
from unisono.units import Audio

GUIDE_FILE = "guide.wav"
"""In a performance's folder: what its takes are aligned to. It stays what it was when takes have joined the mix."""

MIX_FILE = "mix.wav"

_FILE_WEIGHTS = (1.0, 8.0, 1.0)
_KEPT_WEIGHTS = (1.0, 1.0, 1.0)
"""How long looking at a guide's content, reading and keeping it take against each other: any file, our own."""


class PartNotes(Struct, frozen=True, kw_only=True):
    """One part of the piece on the guide's axis: (start, stop, MIDI pitch) of each note, in samples."""

    name: str
    notes: tuple[tuple[int, int, float], ...]


class Syllable(Struct, frozen=True, kw_only=True):
    """A syllable on the guide's axis: where its first note begins, its line, and whether a word begins with it."""

    start: int
    text: str
    line: int
    begins: bool = True


class SungText(Struct, frozen=True, kw_only=True):
    """The words of a guide, and who made words and music."""

    syllables: tuple[Syllable, ...] = ()
    authors: tuple[str, ...] = ()


class GuideFacts(Struct, frozen=True, kw_only=True):
    """What is known of a guide. `name` is that of its sound in the work folder, and hashes everything that is here.

    count_in_samples: so much of it is for the singers only. clicks: positions of its count-in's clicks. text: what is
    sung to it.
    """

    name: str
    source: Literal["file", "performance", "piece"]
    title: str
    samples: int
    count_in_samples: int = 0
    parts: tuple[PartNotes, ...] = ()
    clicks: tuple[int, ...] = ()
    text: SungText = SungText()

    def part(self, wanted: str) -> PartNotes | None:
        """The part of this name, whatever its capitals."""
        return next((part for part in self.parts if part.name.casefold() == wanted.casefold()), None)


class _Sung(Struct, frozen=True):
    """What a performance's facts say of the piece."""

    piece: str | None = None
    key: int = 0
    tempo_bpm: int = 0


def read_guide(
    guide: Path | str,
    work: Work,
    *,
    key: int = 0,
    tempo_bpm: int = 0,
    songbook: Path | None = None,
    on_share: OnShare = untold,
) -> GuideFacts:
    """The guide: a file, a folder, or a piece's id; its sound is kept in `work`.

    key, tempo_bpm: of a piece of the songbook. on_share: hears how far it is read, and 1 only if it was not kept
    from before. Raises UserError for what is no guide, OperatorError.
    """
    path = Path(guide)
    if path.is_dir():
        return performance_guide(path, work, songbook=songbook, on_share=on_share)
    if path.is_file():
        return _file_guide(path, work, on_share)
    known = read_shelf(songbook).pieces
    if str(guide) in known:
        return _piece_guide(known[str(guide)], key, tempo_bpm, work, on_share)
    raise GuideNotFound(guide=str(guide), pieces=", ".join(known))


def guide_sound(facts: GuideFacts, work: Work) -> Audio:
    """float32, shape (samples, channels), read-only."""
    path = work.path(facts.name, "npy")
    found = path.stat()
    return _mapped(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _mapped(path: Path, _changed_ns: int, _bytes: int) -> Audio:
    """The same object for every take, so that what was made of it is known again."""
    sound: Audio = np.load(path, mmap_mode="r")
    return sound


def guide_for(facts: GuideFacts, work: Work, part: str) -> Guide:
    """The guide as it is for whoever sings `part`; without one, or of an unknown one, no notes are known."""
    own = facts.part(part)
    notes = [Note(start=start, stop=stop, pitch=pitch) for start, stop, pitch in own.notes] if own else []
    return Guide(sound=guide_sound(facts, work), notes=tuple(notes), claps=tuple(float(at) for at in facts.clicks))


def _file_guide(path: Path, work: Work, on_share: OnShare) -> GuideFacts:
    looked, reading, keeping = weighed(on_share, *_FILE_WEIGHTS)
    name = fingerprint("decode", "guide", content_hash(path))
    looked(1.0)
    sound = work.sound(name)
    if sound is None:
        sound = decoded(path, work, on_progress=paced(reading)).sound
        if not len(sound):
            raise GuideNotFound(guide=path.name, pieces="")
        keeping(0.0)
        work.keep_sound(name, sound)
        on_share(1.0)
    return GuideFacts(name=name, source="file", title=path.stem, samples=len(sound))


def _piece_guide(known: Piece, key: int, tempo_bpm: int, work: Work, on_share: OnShare) -> GuideFacts:
    tempo = tempo_of(known, tempo_bpm)
    name = fingerprint("decode", "piece", msgspec.to_builtins(known), key, tempo)
    sound = work.sound(name)
    if sound is None:
        sound = render_backing(known, key, tempo)[:, np.newaxis]
        work.keep_sound(name, sound)
        on_share(1.0)
    return GuideFacts(
        name=name,
        source="piece",
        title=known.title,
        samples=len(sound),
        count_in_samples=count_in_samples(known, tempo),
        parts=_parts(known, key, tempo),
        clicks=_clicks(known, tempo),
        text=_text(known, tempo),
    )


def performance_guide(
    folder: Path, work: Work, *, songbook: Path | None = None, on_share: OnShare = untold
) -> GuideFacts:
    """The guide of a performance: its mix as it was when the first take came, else its backing."""
    if not (folder / PERFORMANCE_FILE).is_file():
        raise GuideNotFound(guide=str(folder), pieces="")
    performance = read_performance(folder)
    looked, reading, _ = weighed(on_share, *_KEPT_WEIGHTS)
    path = _performance_sound(folder, performance.backing)
    known, key, tempo = _piece_of(folder, songbook)
    count_in = performance.count_in_samples
    parts = _parts(known, key, tempo) if known else ()
    name = fingerprint("decode", "performance", content_hash(path), msgspec.to_builtins(parts), count_in)
    looked(1.0)
    sound = work.sound(name)
    if sound is None:
        sound = files.read_back(path)
        reading(1.0)
        work.keep_sound(name, sound)
        on_share(1.0)
    return GuideFacts(
        name=name,
        source="performance",
        title=performance.title,
        samples=performance.span.samples,
        count_in_samples=count_in,
        parts=parts,
        clicks=_clicks(known, tempo) if known else (),
        text=_text(known, tempo) if known else SungText(),
    )


def sung_text(folder: Path, *, songbook: Path | None = None) -> SungText:
    """What was sung in a performance, on its own axis; nothing where its piece has no words or is known no more."""
    known, _, tempo = _piece_of(folder, songbook)
    return _text(known, tempo) if known else SungText()


def _performance_sound(folder: Path, backing: str | None) -> Path:
    """Where the sound of a performance's guide is; its mix is set aside the first time, before takes change it."""
    kept, mix = folder / GUIDE_FILE, folder / MIX_FILE
    if not kept.is_file() and mix.is_file():
        try:
            os.link(mix, kept)  # a new mix takes the name, and leaves this file as it is
        except OSError:
            part = folder / f"{GUIDE_FILE}.part"
            shutil.copyfile(mix, part)
            part.replace(kept)
    if kept.is_file():
        return kept
    if backing is not None and (folder / backing).is_file():
        return folder / backing
    raise MixFailed(reason="there is neither a mix nor a backing to sing to")


def _piece_of(folder: Path, songbook: Path | None) -> tuple[Piece | None, int, int]:
    """The piece that was sung, its key and its tempo; None where nobody knows it any more."""
    try:
        sung = msgspec.json.decode((folder / PERFORMANCE_FILE).read_bytes(), type=_Sung)
        if sung.piece is None:
            return None, 0, 0
        known = piece(sung.piece, songbook)
        return known, sung.key, tempo_of(known, sung.tempo_bpm)
    except (OSError, msgspec.DecodeError, UnisonoError):
        return None, 0, 0


def _parts(known: Piece, key: int, tempo_bpm: int) -> tuple[PartNotes, ...]:
    begin = count_in_samples(known, tempo_bpm)
    return tuple(
        PartNotes(
            name=part.name,
            notes=tuple(
                (
                    begin + beat_samples(note.beat, tempo_bpm),
                    begin + beat_samples(note.beat + note.beats, tempo_bpm),
                    float(note.midi + key),
                )
                for note in part.notes
            ),
        )
        for part in known.parts
    )


def _text(known: Piece, tempo_bpm: int) -> SungText:
    begin = count_in_samples(known, tempo_bpm)
    syllables = tuple(
        Syllable(start=begin + beat_samples(each.beat, tempo_bpm), text=each.text, line=each.line, begins=each.begins)
        for each in known.syllables
    )
    authors = dict.fromkeys(name for name in (known.composer, known.words_by) if name)
    return SungText(syllables=syllables, authors=tuple(authors))


def _clicks(known: Piece, tempo_bpm: int) -> tuple[int, ...]:
    return tuple(beat_samples(beat, tempo_bpm) for beat in range(known.count_in_beats))
