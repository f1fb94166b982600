"""Along: a performance as the one piece of a small room of somebody's own, who sings along to it.

The room is a courtyard like any other: sound check, engine, stems, repair and "again" are those of everybody. Only
what is sung there is given: the performance's mix as it was when the room was opened, with everybody's voice in it,
from the first sample of the count-in on. So what is sung to the guide's sample n is stamped `song.start + n`, and
stands exactly there in the performance. A mix that is made anew later is as long and begins where it began.

    performances/<performance>/along/<version>.wav   the guide: that mix, mono, 16 bit
"""

from __future__ import annotations

import os
import time
import wave
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from unisono.core.song import Fixed, PieceFacts
from unisono.errors import GuideGone, NotReady
from unisono.live.performances import version_of
from unisono.songbook import Piece
from unisono.store.records import Along, PerformanceRecord
from unisono.studio.performance import read_report
from unisono.units import SAMPLE_RATE

PIECE: Final = "along"
"""What the one piece of such a room is called on the wire; the songbook has none of this name."""
FOLDER = "along"
_KEPT_SECONDS = 7 * 24 * 3600.0
"""A guide that nobody has sung to for so long is deleted; who comes back after that sings to the newest mix."""
_MIX_FILE = "mix.wav"
_BLOCK_SAMPLES = 1 << 18
_FREE_TEMPO_BPM = 100


def begin(record: PerformanceRecord, piece: str | None, performances: Path) -> Along:
    """What a new room sings along to: the newest mix, laid down for it. Blocking. Raises GuideGone, NotReady, OSError.

    piece: the songbook's, whose words it has.
    """
    folder = performances / record.performance
    report = read_report(folder)
    if report is None:
        raise GuideGone
    if not (folder / _MIX_FILE).is_file():  # it is being made anew without somebody who withdrew
        raise NotReady
    song = record.song
    along = Along(
        performance=record.performance,
        media_key=record.media_key,
        version=version_of(report),
        samples=report.samples,
        title=record.title,
        piece=piece,
        key=song.key,
        tempo_bpm=song.tempo_bpm,
        count_in_samples=song.count_in_samples,
    )
    laid_down(along, performances)
    return along


def laid_down(along: Along, performances: Path) -> Path:
    """The guide's file, made of the newest mix if it is not there. Blocking. Raises GuideGone, OSError."""
    folder = performances / along.performance
    path = folder / FOLDER / f"{along.version}.wav"
    if path.is_file():
        os.utime(path)
        return path
    if not (folder / _MIX_FILE).is_file():
        raise GuideGone
    path.parent.mkdir(exist_ok=True)
    _delete_old(path.parent)
    part = path.with_name(f"{path.name}.{time.monotonic_ns()}.part")
    try:
        _write_mono(folder / _MIX_FILE, part, along.samples)
        part.replace(path)
    except (wave.Error, EOFError) as error:
        raise GuideGone from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _delete_old(folder: Path) -> None:
    """Guides that nobody sings to any more, and what a stopped server left half written."""
    long_ago = time.time() - _KEPT_SECONDS
    for path in folder.iterdir():
        if path.stat().st_mtime < long_ago:
            path.unlink(missing_ok=True)


def _write_mono(mix: Path, path: Path, samples: int) -> None:
    """The mean of the mix's channels, as 16-bit WAV of exactly `samples` samples from its first on."""
    with wave.open(str(mix)) as stereo, wave.open(str(path), "wb") as mono:
        if (stereo.getsampwidth(), stereo.getframerate()) != (2, SAMPLE_RATE):
            raise wave.Error("a mix is 16 bit at 48 kHz")
        mono.setnchannels(1)
        mono.setsampwidth(2)
        mono.setframerate(SAMPLE_RATE)
        left = samples
        while left > 0:
            block = np.frombuffer(stereo.readframes(min(left, _BLOCK_SAMPLES)), dtype="<i2")
            if block.size == 0:
                mono.writeframes(bytes(2 * left))
                break
            sides = block.reshape(-1, stereo.getnchannels())
            mono.writeframes(np.rint(sides.mean(axis=1)).astype("<i2").tobytes())
            left -= len(sides)


def guide_url(along: Along) -> str:
    """Where pages fetch the guide."""
    return f"/media/{along.media_key}/{FOLDER}/{along.version}.wav"


class AlongShelf:
    """A `Shelf` (live/songs.py) on which only the guide stands. Its key and tempo cannot be chosen: they were sung."""

    def __init__(self, along: Along, piece: Piece | None, performances: Path) -> None:
        """piece: the songbook's, whose words are sung; None when it was free singing, or is there no more."""
        self._along, self._piece, self._performances = along, piece, performances

    @property
    def facts(self) -> dict[str, PieceFacts]:
        """The guide, as long as it is."""
        along, piece = self._along, self._piece
        fixed = Fixed(
            key=along.key,
            tempo_bpm=along.tempo_bpm,
            count_in_samples=along.count_in_samples,
            samples=along.samples,
        )
        return {
            PIECE: PieceFacts(
                id=PIECE,
                beats=piece.beats if piece else 0.0,
                tempo_bpm=along.tempo_bpm,
                count_in_beats=piece.count_in_beats if piece else 0,
                first_midi=piece.first_midi if piece else 60,
                fixed=fixed,
            )
        }

    def for_page(self) -> dict[str, Any]:
        """The piece as docs/wire.md has it: the performance's title, and the words and notes it was sung from."""
        shown: dict[str, Any] = {
            "composer": "",
            "beats_per_bar": 4,
            "beats": 0.0,
            "tempo_bpm": _FREE_TEMPO_BPM,
            "key_midi": 60,
            "first_midi": 60,
            "count_in_beats": 0,
            "words": [],
            "melody": [],
            "parts": [],
        }
        if self._piece is not None:
            shown |= msgspec.to_builtins(self._piece.for_page())
        return shown | {"id": PIECE, "title": self._along.title}

    def title(self, piece: str | None) -> str:
        """As the performance is called."""
        return self._along.title if piece == PIECE else ""

    def backing_wav(self, piece: str, _key: int, _tempo_bpm: int) -> bytes:
        """The guide. Raises GuideGone, KeyError."""
        return self._guide(piece).read_bytes()

    def backing_samples(self, piece: str, _key: int, _tempo_bpm: int) -> int:
        """Its length. Raises GuideGone, KeyError."""
        self._guide(piece)
        return self._along.samples

    def backing_url(self, _piece: str, _key: int, _tempo_bpm: int) -> str:
        """Where it is fetched."""
        return guide_url(self._along)

    def _guide(self, piece: str) -> Path:
        if piece != PIECE:
            raise KeyError(piece)
        return laid_down(self._along, self._performances)
