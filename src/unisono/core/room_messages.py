"""Room messages: what the room says to its pages, one struct for each `type` (docs/wire.md, "Server to page").

Add a message here, to `FromRoom`, to `core/messages.py` and to the page on the wire.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from unisono.core.message_parts import (
    AxisPosition,
    EpochNumber,
    Flag,
    FrameCount,
    Identifier,
    Level,
    Message,
    Method,
    Midi,
    Output,
    Role,
    SampleCount,
    SeatNumber,
    Semitones,
    SongState,
    SpanPair,
    Value,
)


class RoomInfo(Value, frozen=True, kw_only=True):
    """The room as one seat sees it; `role` is that seat's."""

    title: str
    place: str
    role: Role


class SeatInfo(Value, frozen=True, kw_only=True):
    """One balcony; `row` is null for listeners and outside songs, `method` and `output` before the sound check.

    `part`: what they say they sing, empty where nobody said.
    """

    seat: SeatNumber
    name: str
    flag: Flag | None
    place: str
    role: Role
    present: bool
    hand: bool = False
    talking: bool = False
    row: int | None = None
    method: Method | None = None
    output: Output | None = None
    part: str = ""


class Backing(Value, frozen=True, kw_only=True):
    """A 16-bit mono WAV at 48 kHz, its first sample at the song's start."""

    url: str
    samples: SampleCount


class Song(Value, frozen=True, kw_only=True):
    """A performance under way: what is sung, where on the axis, and who hears it how far behind."""

    performance: Identifier
    state: SongState
    piece: str | None
    key: Semitones
    tempo_bpm: int
    start: AxisPosition
    stop: AxisPosition | None
    leader: SeatNumber
    delays_samples: tuple[SampleCount, ...]
    listener_delay_samples: SampleCount
    rows: tuple[tuple[SeatNumber, ...], ...]
    backing: Backing | None
    count_in_samples: SampleCount
    frames_a_packet: FrameCount = 1


class Picked(Value, frozen=True, kw_only=True):
    """What was picked and by which seat."""

    piece: str | None
    key: Semitones
    tempo_bpm: int
    by: SeatNumber


class Wrote(Value, frozen=True, kw_only=True):
    """A line that somebody wrote at position `at`."""

    seat: SeatNumber
    text: str
    at: AxisPosition


class Welcome(Message, frozen=True, kw_only=True):
    """The answer to `hello`: everything a page needs to draw the room. `seat` is 0 while watching."""

    room: RoomInfo
    seat: SeatNumber
    key: str | None
    seats: tuple[SeatInfo, ...]
    leader: SeatNumber | None
    piece: Picked | None
    song: Song | None
    written: tuple[Wrote, ...]
    position: AxisPosition
    capacity: int


class SeatChanged(Message, frozen=True, kw_only=True, tag="seat"):
    """Somebody came, came back or changed."""

    seat: SeatInfo


class Left(Message, frozen=True, kw_only=True):
    """Somebody's connection is gone; the balcony stays dark for a while."""

    seat: SeatNumber


class Gone(Message, frozen=True, kw_only=True):
    """A balcony is free."""

    seat: SeatNumber


class SeatWaved(Message, frozen=True, kw_only=True, tag="wave"):
    """Somebody waved."""

    seat: SeatNumber


class SeatHand(Message, frozen=True, kw_only=True, tag="hand"):
    """Somebody raised or lowered a hand."""

    seat: SeatNumber
    up: bool


class SeatWrote(Message, frozen=True, kw_only=True, tag="write"):
    """Somebody wrote a line."""

    seat: SeatNumber
    text: str
    at: AxisPosition


class LeaderChanged(Message, frozen=True, kw_only=True, tag="leader"):
    """Who leads now; null when nobody does."""

    seat: SeatNumber | None


class PiecePicked(Message, frozen=True, kw_only=True, tag="piece"):
    """What is sung next."""

    piece: str | None
    key: Semitones
    tempo_bpm: int
    by: SeatNumber


class NoteSounded(Message, frozen=True, kw_only=True, tag="note"):
    """The starting note, to be sounded by every page."""

    midi: Midi
    by: SeatNumber


class SongChanged(Song, frozen=True, kw_only=True, tag_field="type", tag="song"):
    """Any change of the song: the fields of Song at the top level of the message."""


class Levels(Message, frozen=True, kw_only=True):
    """Who sounds how loud at `position`: light their balconies when it is heard."""

    position: AxisPosition
    levels: dict[int, Level]


class Written(Message, frozen=True, kw_only=True):
    """These positions of the page's own stem are on disk."""

    epoch: EpochNumber
    spans: tuple[SpanPair, ...]


class Missing(Message, frozen=True, kw_only=True):
    """These spans of the page's own stem are asked for again."""

    performance: Identifier
    spans: tuple[SpanPair, ...]


class Late(Message, frozen=True, kw_only=True):
    """The page's voice is recorded, but comes too late to be heard now."""

    late_samples: SampleCount


class Way(Message, frozen=True, kw_only=True):
    """Means of the song's last seconds, in samples: what a page in a row cannot know of the way of sound by itself.

    `arrived`: how long after this page heard a position its own voice of it came. Of what its row hears, behind the
    room's clock: when it `came` from the row before, how long `mixing` took, when it `left`. `late_frames` of its own
    voice were too late for somebody, in this song.
    """

    arrived_samples: float | None
    came_samples: float | None
    mixing_samples: float | None
    left_samples: float | None
    late_frames: SampleCount


class MixProgress(Message, frozen=True, kw_only=True, tag="mix"):
    """How far the mix is, 0..1; ready when `page` is set."""

    performance: Identifier
    share: Annotated[float, Meta(ge=0, le=1)]
    step: str
    page: str | None = None


class Premiere(Message, frozen=True, kw_only=True):
    """Play this file with its first sample at position `start`, at delay 0 in every row."""

    performance: Identifier
    start: AxisPosition
    url: str
    samples: SampleCount


class Film(Message, frozen=True, kw_only=True):
    """How the film of a performance is: its `share` (0..1) while it is made, `url` and its length when it is there.

    `webm`: the same for browsers that do not play `url`, where somebody had it made. An empty `step` says that there is
    none, or none any more.
    """

    performance: Identifier
    share: Annotated[float, Meta(ge=0, le=1)]
    step: str
    seconds_left: float | None = None
    url: str | None = None
    webm: str | None = None
    poster: str | None = None
    words: str | None = None
    samples: SampleCount = 0


class Screening(Message, frozen=True, kw_only=True):
    """Whoever wants to watch the film sees its first frame at position `start` of the room's clock."""

    performance: Identifier
    start: AxisPosition
    url: str
    webm: str | None
    poster: str | None
    words: str | None
    samples: SampleCount
    by: SeatNumber


class Rows(Message, frozen=True, kw_only=True):
    """The seating as it would be now."""

    rows: tuple[tuple[SeatNumber, ...], ...]


class Problem(Message, frozen=True, kw_only=True):
    """Something went wrong; the page translates `code`, `text` is English."""

    code: str
    text: str
    fatal: bool = False


FromRoom = (
    Welcome
    | SeatChanged
    | Left
    | Gone
    | SeatWaved
    | SeatHand
    | SeatWrote
    | LeaderChanged
    | PiecePicked
    | NoteSounded
    | SongChanged
    | Levels
    | Written
    | Missing
    | Late
    | Way
    | MixProgress
    | Premiere
    | Film
    | Screening
    | Rows
    | Problem
)
