"""Page messages: what a page says to the room, one struct for each `type` (docs/wire.md, "Page to server").

Add a message here, to `FromPage`, to `core/messages.py` and to the page on the wire.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from unisono.core.message_parts import (
    AxisPosition,
    EpochNumber,
    Flag,
    Identifier,
    MeasuredPosition,
    MeasuredSamples,
    Message,
    Method,
    Name,
    Output,
    PlaceName,
    SeatNumber,
    Secret,
    Semitones,
)


class Hello(Message, frozen=True, kw_only=True):
    """Who this socket is; `key` brings somebody back as themselves, `watch` does not take a balcony yet.

    `position`: where the room's clock stands as this arrives, for a page that learnt it before. `spare`: a second line
    of the page with this key, for the same sound once more.
    """

    version: Literal[1]
    token: Secret
    decodes: Literal["opus", "pcm"]
    key: Secret | None = None
    name: Name = ""
    flag: Flag | None = None
    place: PlaceName = ""
    watch: bool = False
    position: MeasuredPosition | None = None
    spare: bool = False


class Who(Message, frozen=True, kw_only=True):
    """How the balcony looks from now on."""

    name: Name
    flag: Flag | None = None
    place: PlaceName = ""


class Part(Message, frozen=True, kw_only=True):
    """What somebody sings (`alto`), empty for nothing in particular; `seat` is for hosts, who may say it of others.

    Any text is taken in: one that cannot be a part's name is answered with a `problem`.
    """

    part: str
    seat: SeatNumber | None = None


class Check(Message, frozen=True, kw_only=True):
    """What the sound check found; the two measures may be null where `method` is `none`."""

    method: Method
    output: Output
    round_trip_samples: MeasuredSamples | None = None
    spread_samples: MeasuredSamples | None = None


class Link(Message, frozen=True, kw_only=True):
    """The page's measure of its own way: ear to packet at the server, and server to playable at the ear."""

    up_samples: MeasuredSamples
    down_samples: MeasuredSamples


class Wave(Message, frozen=True, kw_only=True):
    """A wave from the balcony."""


class Hand(Message, frozen=True, kw_only=True):
    """A hand raised or lowered."""

    up: bool


class Write(Message, frozen=True, kw_only=True):
    """A line for everybody."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]


class Talk(Message, frozen=True, kw_only=True):
    """The microphone opens or closes for talk."""

    on: bool


class Pick(Message, frozen=True, kw_only=True):
    """What is sung next; `piece` null is free singing, `tempo_bpm` 0 is as written."""

    piece: Identifier | None
    key: Semitones = 0
    tempo_bpm: Annotated[int, Meta(ge=0, le=208)] = 0

    def __post_init__(self) -> None:
        if 0 < self.tempo_bpm < 40:
            raise ValueError(f"tempo_bpm {self.tempo_bpm} is neither 0 nor in 40..208")


class Lead(Message, frozen=True, kw_only=True):
    """Who leads from now on."""

    seat: SeatNumber


class Note(Message, frozen=True, kw_only=True):
    """Sound the starting note everywhere."""


class Start(Message, frozen=True, kw_only=True):
    """Begin the song."""


class Stop(Message, frozen=True, kw_only=True):
    """End the song at the position its leader heard when stopping."""

    position: AxisPosition


class Again(Message, frozen=True, kw_only=True):
    """Discard the running performance and start it anew."""


class Sent(Message, frozen=True, kw_only=True):
    """The stem's part in `epoch` is sent, or kept and being sent, over [start, stop)."""

    performance: Identifier
    epoch: EpochNumber
    start: AxisPosition
    stop: AxisPosition

    def __post_init__(self) -> None:
        if self.stop < self.start:
            raise ValueError(f"sent [{self.start}, {self.stop}) ends before it starts")


class Discard(Message, frozen=True, kw_only=True):
    """Delete a performance that is done."""

    performance: Identifier


class Watch(Message, frozen=True, kw_only=True):
    """Watch the film of this performance together, from its beginning or where the others are."""

    performance: Identifier


FromPage = (
    Hello
    | Who
    | Part
    | Check
    | Link
    | Wave
    | Hand
    | Write
    | Talk
    | Pick
    | Lead
    | Note
    | Start
    | Stop
    | Again
    | Sent
    | Discard
    | Watch
)
