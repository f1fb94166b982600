"""Messages: the JSON half of docs/wire.md, one struct for each `type`.

`decode_from_page` takes what a page sent, `decode_from_room` what the server sent (for the client library); both raise
MalformedMessage and nothing else. Unknown fields are ignored, so that pages and servers may grow apart by one version.
The file is long because it is a list: two, one for each direction.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from unisono.errors import MalformedMessage
from unisono.units import POSITION_END

PROTOCOL_VERSION: Final = 1

MESSAGE_BYTES_MAX: Final = 16_384
"""The longest JSON text a page may send; the longest honest one, a `sent` or a `write`, is far below."""

Method = Literal["acoustic", "tapped", "none"]
Output = Literal["headphones", "bluetooth", "loudspeakers"]
Role = Literal["host", "performer", "listener"]
SongState = Literal["count_in", "singing", "ending", "mixing", "premiere", "done", "discarded"]

PlaceName = Annotated[str, Meta(max_length=60)]
Name = Annotated[str, Meta(max_length=40)]
Secret = Annotated[str, Meta(max_length=100)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64)]
SeatNumber = Annotated[int, Meta(ge=0, le=65_535)]
EpochNumber = Annotated[int, Meta(ge=0, le=65_534)]
AxisPosition = Annotated[int, Meta(ge=0, lt=POSITION_END)]
SampleCount = Annotated[int, Meta(ge=0, lt=POSITION_END)]
SpanPair = tuple[AxisPosition, AxisPosition]
Level = Annotated[int, Meta(ge=0, le=127)]
Semitones = Annotated[int, Meta(ge=-6, le=6)]
Midi = Annotated[int, Meta(ge=0, le=127)]
MeasuredSamples = Annotated[float, Meta(ge=-(2**31), le=2**31)]
"""A page's own measure; may carry a fraction. Wide, because a wrong measure is no crime: `core/rows.py` limits it."""
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$")]
Colours = Annotated[tuple[Colour, ...], Meta(min_length=2, max_length=4)]


class _Value(Struct, frozen=True, kw_only=True):
    """A part of messages."""


class _Message(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    """A message of its own; its `type` is the class's name in lower case unless it says otherwise."""


class Flag(_Value, frozen=True, kw_only=True, omit_defaults=True):
    """A country's flag, or two to four colours side by side (`upright`) or one above the other."""

    country: Annotated[str, Meta(pattern=r"^[a-z]{2}$")] | None = None
    colours: Colours | None = None
    upright: bool = False

    def __post_init__(self) -> None:
        if (self.country is None) == (self.colours is None):
            raise ValueError("a flag is a country's or has colours of its own, and not both")


# ---------------------------------------------------------------------------------------------------------------------
# Page to server


class Hello(_Message, frozen=True, kw_only=True):
    """Who this socket is; `key` brings somebody back as themselves, `watch` does not take a balcony yet."""

    version: Literal[1]
    token: Secret
    decodes: Literal["opus", "pcm"]
    key: Secret | None = None
    name: Name = ""
    flag: Flag | None = None
    place: PlaceName = ""
    watch: bool = False


class Who(_Message, frozen=True, kw_only=True):
    """How the balcony looks from now on."""

    name: Name
    flag: Flag | None = None
    place: PlaceName = ""


class Check(_Message, frozen=True, kw_only=True):
    """What the sound check found; the two measures may be null where `method` is `none`."""

    method: Method
    output: Output
    round_trip_samples: MeasuredSamples | None = None
    spread_samples: MeasuredSamples | None = None


class Link(_Message, frozen=True, kw_only=True):
    """The page's measure of its own way: ear to written packet, and server to playable at the ear (p95)."""

    up_samples: MeasuredSamples
    down_samples: MeasuredSamples


class Wave(_Message, frozen=True, kw_only=True):
    """A wave from the balcony."""


class Hand(_Message, frozen=True, kw_only=True):
    """A hand raised or lowered."""

    up: bool


class Write(_Message, frozen=True, kw_only=True):
    """A line for everybody."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]


class Talk(_Message, frozen=True, kw_only=True):
    """The microphone opens or closes for talk."""

    on: bool


class Pick(_Message, frozen=True, kw_only=True):
    """What is sung next; `piece` null is free singing, `tempo_bpm` 0 is as written."""

    piece: Identifier | None
    key: Semitones = 0
    tempo_bpm: Annotated[int, Meta(ge=0, le=208)] = 0

    def __post_init__(self) -> None:
        if 0 < self.tempo_bpm < 40:
            raise ValueError(f"tempo_bpm {self.tempo_bpm} is neither 0 nor in 40..208")


class Lead(_Message, frozen=True, kw_only=True):
    """Who leads from now on."""

    seat: SeatNumber


class Note(_Message, frozen=True, kw_only=True):
    """Sound the starting note everywhere."""


class Start(_Message, frozen=True, kw_only=True):
    """Begin the song."""


class Stop(_Message, frozen=True, kw_only=True):
    """End the song at the position its leader heard when stopping."""

    position: AxisPosition


class Again(_Message, frozen=True, kw_only=True):
    """Discard the running performance and start it anew."""


class Sent(_Message, frozen=True, kw_only=True):
    """The stem's part in `epoch` is sent, or kept and being sent, over [start, stop)."""

    performance: Identifier
    epoch: EpochNumber
    start: AxisPosition
    stop: AxisPosition

    def __post_init__(self) -> None:
        if self.stop < self.start:
            raise ValueError(f"sent [{self.start}, {self.stop}) ends before it starts")


class Discard(_Message, frozen=True, kw_only=True):
    """Delete a performance that is done."""

    performance: Identifier


FromPage = (
    Hello | Who | Check | Link | Wave | Hand | Write | Talk | Pick | Lead | Note | Start | Stop | Again | Sent | Discard
)


# ---------------------------------------------------------------------------------------------------------------------
# Server to page


class RoomInfo(_Value, frozen=True, kw_only=True):
    """The room as one seat sees it; `role` is that seat's."""

    title: str
    place: str
    role: Role


class SeatInfo(_Value, frozen=True, kw_only=True):
    """One balcony; `row` is null for listeners and outside songs, `method` and `output` before the sound check."""

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


class Backing(_Value, frozen=True, kw_only=True):
    """A 16-bit mono WAV at 48 kHz, its first sample at the song's start."""

    url: str
    samples: SampleCount


class Song(_Value, frozen=True, kw_only=True):
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


class Picked(_Value, frozen=True, kw_only=True):
    """What was picked and by which seat."""

    piece: str | None
    key: Semitones
    tempo_bpm: int
    by: SeatNumber


class Wrote(_Value, frozen=True, kw_only=True):
    """A line that somebody wrote at position `at`."""

    seat: SeatNumber
    text: str
    at: AxisPosition


class Welcome(_Message, frozen=True, kw_only=True):
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


class SeatChanged(_Message, frozen=True, kw_only=True, tag="seat"):
    """Somebody came, came back or changed."""

    seat: SeatInfo


class Left(_Message, frozen=True, kw_only=True):
    """Somebody's connection is gone; the balcony stays dark for a while."""

    seat: SeatNumber


class Gone(_Message, frozen=True, kw_only=True):
    """A balcony is free."""

    seat: SeatNumber


class SeatWaved(_Message, frozen=True, kw_only=True, tag="wave"):
    """Somebody waved."""

    seat: SeatNumber


class SeatHand(_Message, frozen=True, kw_only=True, tag="hand"):
    """Somebody raised or lowered a hand."""

    seat: SeatNumber
    up: bool


class SeatWrote(_Message, frozen=True, kw_only=True, tag="write"):
    """Somebody wrote a line."""

    seat: SeatNumber
    text: str
    at: AxisPosition


class LeaderChanged(_Message, frozen=True, kw_only=True, tag="leader"):
    """Who leads now; null when nobody does."""

    seat: SeatNumber | None


class PiecePicked(_Message, frozen=True, kw_only=True, tag="piece"):
    """What is sung next."""

    piece: str | None
    key: Semitones
    tempo_bpm: int
    by: SeatNumber


class NoteSounded(_Message, frozen=True, kw_only=True, tag="note"):
    """The starting note, to be sounded by every page."""

    midi: Midi
    by: SeatNumber


class SongChanged(Song, frozen=True, kw_only=True, tag_field="type", tag="song"):
    """Any change of the song: the fields of Song at the top level of the message."""


class Levels(_Message, frozen=True, kw_only=True):
    """Who sounds how loud at `position`: light their balconies when it is heard."""

    position: AxisPosition
    levels: dict[int, Level]


class Written(_Message, frozen=True, kw_only=True):
    """These positions of the page's own stem are on disk."""

    epoch: EpochNumber
    spans: tuple[SpanPair, ...]


class Missing(_Message, frozen=True, kw_only=True):
    """These spans of the page's own stem are asked for again."""

    performance: Identifier
    spans: tuple[SpanPair, ...]


class Late(_Message, frozen=True, kw_only=True):
    """The page's voice is recorded, but comes too late to be heard now."""

    late_samples: SampleCount


class MixProgress(_Message, frozen=True, kw_only=True, tag="mix"):
    """How far the mix is, 0..1; ready when `page` is set."""

    performance: Identifier
    share: Annotated[float, Meta(ge=0, le=1)]
    step: str
    page: str | None = None


class Premiere(_Message, frozen=True, kw_only=True):
    """Play this file with its first sample at position `start`, at delay 0 in every row."""

    performance: Identifier
    start: AxisPosition
    url: str
    samples: SampleCount


class Rows(_Message, frozen=True, kw_only=True):
    """The seating as it would be now."""

    rows: tuple[tuple[SeatNumber, ...], ...]


class Problem(_Message, frozen=True, kw_only=True):
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
    | MixProgress
    | Premiere
    | Rows
    | Problem
)

_from_page: Final[msgspec.json.Decoder[FromPage]] = msgspec.json.Decoder(FromPage)
_from_room: Final[msgspec.json.Decoder[FromRoom]] = msgspec.json.Decoder(FromRoom)
_encoder: Final = msgspec.json.Encoder()


def decode_from_page(text: bytes | str) -> FromPage:
    """The message a page sent."""
    if len(text) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(reason=f"{len(text)} characters are too many")
    return _decode(_from_page, text)


def decode_from_room(text: bytes | str) -> FromRoom:
    """The message a room sent."""
    return _decode(_from_room, text)


_AnyMessage = TypeVar("_AnyMessage")


def _decode(decoder: msgspec.json.Decoder[_AnyMessage], text: bytes | str) -> _AnyMessage:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedMessage(reason=str(error)) from None


def encode(message: FromPage | FromRoom) -> str:
    """The JSON text of a message."""
    return _encoder.encode(message).decode()
