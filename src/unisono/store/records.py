"""What the ledger hands out: plain values, free of any database session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from unisono.core.memory import Memory
from unisono.core.messages import Flag, Role
from unisono.core.song import SongRun
from unisono.units import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where a room's zero lies, on both clocks of one boot of one machine (live/pulse.py)."""

    boot_id: str
    monotonic_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens a room, as it is shown to its host. `recovery` is known only when the room is opened."""

    host: str
    singers: str
    listeners: str
    recovery: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a good link opens."""

    room: int
    link: int
    role: Role
    title: str
    place: str


class Along(Struct, frozen=True, kw_only=True):
    """What a room sings along to: a performance's mix as it was when the room was opened.

    version: of that mix (live/performances.py). samples: its length. The rest is the performance's own: `piece` is the
    songbook's, or None; `media_key` opens its files.
    """

    performance: str
    media_key: str
    version: str
    samples: int
    title: str
    piece: str | None
    key: int
    tempo_bpm: int
    count_in_samples: int


class SungAlong(Struct, frozen=True, kw_only=True):
    """Where a take was sung along: by which seat of which room, in which performance there, over [start, stop).

    Positions are those of that room's axis: `start` is the first sample of what was sung to. instead_of: the takes
    that were set aside for it, which stand again should it fail.
    """

    room: int
    performance: str
    seat: int
    start: int
    stop: int
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRecord:
    """A room as it is loaded. `along`: what it was opened to sing along to, if it was."""

    room: int
    title: str
    place: str
    anchor: Anchor
    reached: Position
    memory: Memory
    along: Along | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StemRecord:
    """Whose voice a stem is; `part` is what they said they sing, or empty."""

    seat: int
    name: str
    place: str
    flag: Flag | None
    row: int | None
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceRecord:
    """A performance; `state` is the song's, or `failed` when its mix could not be made."""

    performance: str
    room: int
    title: str
    place: str
    sung_at: datetime
    state: str
    song: SongRun
    token: str
    media_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRecord:
    """A clip somebody added to a performance. `seat` is its number in the mix; `part` what they say they sang.

    state: `uploading`, then `waiting` for the studio, then `placed`, `unsure` (a person must place it), `failed` or
    `stopped` (somebody cancelled). code: why it failed. offset_samples: where a person placed its sample 0, or None.
    picture: whether it may be seen in a film. hidden: the host keeps it out. sung: in which courtyard, if in one.
    aside: its person has put another of their takes in its place; it is kept, to go back to.
    """

    take: str
    performance: str
    seat: int
    name: str
    place: str
    flag: Flag | None
    part: str
    picture: bool
    state: str
    code: str
    original: str
    size_bytes: int
    offset_samples: float | None
    hidden: bool
    created_at: datetime
    key_hash: str
    sung: SungAlong | None = None
    aside: bool = False
