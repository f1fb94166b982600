"""Song: one performance under way, as a value that survives a restart; and what pieces the room needs to know of.

A song's life: `count_in`, `singing`, `ending` (its stop is known; rows still sing up to it, then stems are repaired),
`mixing`, `premiere`, `done`; or `discarded`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from unisono.core.messages import Backing, Premiere, SongChanged, SongState
from unisono.core.messages import Song as SongMessage
from unisono.core.rows import Seating
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, Span

START_AHEAD_SAMPLES: Final = SAMPLE_RATE * 3 // 2
"""A song starts this much after `start`, so that pages can fetch the backing and prepare."""
TAIL_SAMPLES: Final = SAMPLE_RATE
"""How long a piece goes on after its last beat, for the last note to ring."""
RUNNING: Final = frozenset[SongState]({"count_in", "singing", "ending"})
"""States in which performers sing and stems are written."""
_SPAN_MARGIN_SAMPLES: Final = 2 * FRAME_SAMPLES
"""A stem's first frame begins before the song by the encoder's look-ahead, its last one ends behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A piece that was sung already, and is sung along to: as it was then. `tempo_bpm` is 0 if it was sung freely."""

    key: int
    tempo_bpm: int
    count_in_samples: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFacts:
    """What a room must know of a piece. One that is `fixed` has neither another key nor another tempo."""

    id: str
    beats: float
    tempo_bpm: int
    count_in_beats: int
    first_midi: int
    fixed: Fixed | None = None

    def key(self, key: int) -> int:
        """The key meant, in semitones from the written one."""
        return key if self.fixed is None else self.fixed.key

    def tempo(self, tempo_bpm: int) -> int:
        """The tempo meant: 0 is as written."""
        return tempo_bpm or self.tempo_bpm if self.fixed is None else self.fixed.tempo_bpm

    def count_in_samples(self, tempo_bpm: int) -> int:
        """How long the count-in lasts."""
        return beat_samples(self.count_in_beats, tempo_bpm) if self.fixed is None else self.fixed.count_in_samples

    def samples(self, tempo_bpm: int) -> int:
        """From the start of the count-in to the end, the last note's ring included."""
        if self.fixed is not None:
            return self.fixed.samples
        return self.count_in_samples(tempo_bpm) + beat_samples(self.beats, tempo_bpm) + TAIL_SAMPLES


def beat_samples(beats: float, tempo_bpm: int) -> int:
    """How long so many beats last."""
    return round(beats * 60 * SAMPLE_RATE / tempo_bpm)


@dataclass(slots=True, kw_only=True)
class SongRun:
    """A performance from `start` on. Only `state`, `stop`, `seating`, `pans`, `parts` and `premiere` ever change."""

    performance: str
    piece: str | None
    key: int
    tempo_bpm: int
    start: Position
    count_in_samples: int
    leader: int
    seating: Seating
    backing: Backing | None
    stop: Position | None = None
    state: SongState = "count_in"
    pans: dict[int, float] = field(default_factory=dict)
    """Where each seat is heard, -1 (left) to 1: as the balconies stand."""
    parts: dict[int, str] = field(default_factory=dict)
    """What seats sang that have said another part since the song ended; all others sang what they say now."""
    premiere: Premiere | None = None
    """When everybody hears the finished song; kept, so that a restart in the middle of it changes nothing."""

    @property
    def running(self) -> bool:
        """Whether performers are, or may still be, singing it."""
        return self.state in RUNNING

    @property
    def counted(self) -> Position:
        """What the room's clock had surely counted when the song came to be as it is now.

        A song's start lies ahead when it begins, and so does a piece's stop until it is ending.
        """
        match self.state:
            case "count_in" | "discarded":
                return Position(self.start - START_AHEAD_SAMPLES)
            case "singing":
                return Position(self.start + self.count_in_samples)
            case _:
                return self.start if self.stop is None else self.stop

    @property
    def heard_at(self) -> Position | None:
        """When the last listener has heard the end; None while that is not known."""
        if self.stop is None:
            return None
        delay = max(self.seating.listener_delay_samples, *self.seating.delays_samples)
        return Position(self.stop + delay)

    def takes(self, voice_start: int, voice_stop: int, now: Position) -> bool:
        """Whether a voice over [voice_start, voice_stop) belongs to this performance."""
        stop = now if self.stop is None else self.stop
        return voice_stop > self.start - _SPAN_MARGIN_SAMPLES and voice_start < stop + _SPAN_MARGIN_SAMPLES

    def share_of(self, span: Span) -> Span:
        """The part of `span` that belongs to this performance, give or take a frame; perhaps empty.

        A page may have sung on until it was told of the stop: that is neither taken nor asked for.
        """
        stop = span.stop if self.stop is None else min(span.stop, self.stop + FRAME_SAMPLES)
        start = min(stop, max(span.start, self.start - FRAME_SAMPLES))
        return Span(start=Position(start), stop=Position(max(start, stop)))

    def row_of(self, seat: int) -> int | None:
        """The seat's row; None outside the rows and when nobody sings any more."""
        return self.seating.row_of(seat) if self.running else None

    def message(self) -> SongChanged:
        """As pages are told."""
        return SongChanged(**self._fields())

    def snapshot(self) -> SongMessage:
        """As a newcomer's `welcome` has it."""
        return SongMessage(**self._fields())

    def _fields(self) -> dict[str, Any]:
        return {
            "performance": self.performance,
            "state": self.state,
            "piece": self.piece,
            "key": self.key,
            "tempo_bpm": self.tempo_bpm,
            "start": self.start,
            "stop": self.stop,
            "leader": self.leader,
            "delays_samples": self.seating.delays_samples,
            "listener_delay_samples": self.seating.listener_delay_samples,
            "rows": self.seating.rows,
            "frames_a_packet": self.seating.frames_a_packet,
            "backing": self.backing,
            "count_in_samples": self.count_in_samples,
        }
