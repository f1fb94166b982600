"""Songs: the songbook as the live room needs it: facts of pieces, backings as WAV files.

A room sings from a `Shelf`: that of all pieces, or one on which stands only what it sings along to (live/along.py).
"""

from __future__ import annotations

import io
import threading
import wave
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from unisono.core.song import PieceFacts
from unisono.live.pcm import frame_of
from unisono.songbook import Piece, read_shelf, render_backing, tempo_of
from unisono.units import SAMPLE_RATE

_KEPT = 8


class Shelf(Protocol):
    """What a room may sing."""

    @property
    def facts(self) -> dict[str, PieceFacts]:
        """What the room must know of each piece."""

    def title(self, piece: str | None, /) -> str:
        """What a performance of it is called."""

    def backing_wav(self, piece: str, key: int, tempo_bpm: int, /) -> bytes:
        """16-bit mono WAV at 48 kHz, its head WAV_HEAD_BYTES long; takes its time. Raises GuideGone."""

    def backing_samples(self, piece: str, key: int, tempo_bpm: int, /) -> int:
        """How long that backing is; takes its time. Raises GuideGone."""

    def backing_url(self, piece: str, key: int, tempo_bpm: int, /) -> str:
        """Where pages fetch it (docs/wire.md)."""


class Songs:
    """All pieces, and the last few backings that somebody asked for. `backing_wav` may be called from any thread."""

    def __init__(self, extra: Path | None = None) -> None:
        self._pieces = read_shelf(extra).pieces
        self._wavs: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def facts(self) -> dict[str, PieceFacts]:
        """What rooms must know of each piece."""
        return {
            piece.id: PieceFacts(
                id=piece.id,
                beats=piece.beats,
                tempo_bpm=piece.tempo_bpm,
                count_in_beats=piece.count_in_beats,
                first_midi=piece.first_midi,
            )
            for piece in self._pieces.values()
        }

    def pieces(self) -> list[Piece]:
        """All of them, by title."""
        return list(self._pieces.values())

    def piece(self, piece: str) -> Piece | None:
        """One of them."""
        return self._pieces.get(piece)

    def parts(self, piece: str | None) -> list[str]:
        """What its voices are called, where there are several: who sings one of them may say which."""
        found = self._pieces.get(piece) if piece else None
        return found.voices if found else []

    def title(self, piece: str | None) -> str:
        """What a performance of it is called; free singing has no name."""
        found = self._pieces.get(piece) if piece else None
        return found.title if found else ""

    def backing_wav(self, piece: str, key: int, tempo_bpm: int) -> bytes:
        """16-bit mono WAV at 48 kHz. Raises KeyError, OutOfRange. Renders at most one at a time."""
        found = self._pieces[piece]
        wanted = (piece, key, tempo_of(found, tempo_bpm))
        with self._lock:
            if wanted not in self._wavs:
                self._wavs[wanted] = _wav(frame_of(render_backing(found, key, wanted[2])))
                while len(self._wavs) > _KEPT:
                    self._wavs.popitem(last=False)
            self._wavs.move_to_end(wanted)
            return self._wavs[wanted]

    def is_ready(self, piece: str, key: int, tempo_bpm: int) -> bool:
        """Whether that backing lies ready, so that giving it away costs nothing."""
        return (piece, key, tempo_of(self._pieces[piece], tempo_bpm)) in self._wavs

    def backing_samples(self, piece: str, key: int, tempo_bpm: int) -> int:
        """How long that backing is."""
        return (len(self.backing_wav(piece, key, tempo_bpm)) - WAV_HEAD_BYTES) // 2

    def backing_url(self, piece: str, key: int, tempo_bpm: int) -> str:
        """Where pages fetch it (docs/wire.md)."""
        return f"/api/pieces/{piece}/backing.wav?key={key}&tempo_bpm={tempo_bpm}"


WAV_HEAD_BYTES = 44


def _wav(samples: bytes) -> bytes:
    """A WAV file of 16-bit mono samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples)
    return file.getvalue()
