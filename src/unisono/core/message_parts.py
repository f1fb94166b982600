"""Message parts: what the messages of both directions are made of.

Constrained types refuse what nobody honest sends; `Flag` is the one value that pages and server both say.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from unisono.units import POSITION_END

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
FrameCount = Annotated[int, Meta(ge=1, le=10)]
SpanPair = tuple[AxisPosition, AxisPosition]
Level = Annotated[int, Meta(ge=0, le=127)]
Semitones = Annotated[int, Meta(ge=-6, le=6)]
Midi = Annotated[int, Meta(ge=0, le=127)]
MeasuredSamples = Annotated[float, Meta(ge=-(2**31), le=2**31)]
"""A page's own measure; may carry a fraction. Wide, because a wrong measure is no crime: `core/rows.py` limits it."""
MeasuredPosition = Annotated[float, Meta(ge=0, lt=POSITION_END)]
"""A position by a page's own clock; may carry a fraction."""
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$")]
Colours = Annotated[tuple[Colour, ...], Meta(min_length=2, max_length=4)]


class Value(Struct, frozen=True, kw_only=True):
    """A part of messages."""


class Message(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    """A message of its own; its `type` is the class's name in lower case unless it says otherwise."""


class Flag(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A country's flag, or two to four colours side by side (`upright`) or one above the other."""

    country: Annotated[str, Meta(pattern=r"^[a-z]{2}$")] | None = None
    colours: Colours | None = None
    upright: bool = False

    def __post_init__(self) -> None:
        if (self.country is None) == (self.colours is None):
            raise ValueError("a flag is a country's or has colours of its own, and not both")
