"""Who joins, and how; and the ways a seat can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from unisono.client.weather import WeatherSpec
from unisono.core.messages import Flag, FromRoom
from unisono.errors import LinkNotValid, SeatTakenOver, UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """How a seat is taken. Raises MalformedMessage on joining if a name or place is too long."""

    name: str = ""
    flag: Flag | None = None
    place: str = ""
    watch: bool = False
    """Do not take a balcony yet."""
    key: str | None = None
    """The seat's secret of an earlier visit, to come back as oneself."""
    first_epoch: int = 0
    """Where the seat's epochs go on; whoever comes back with a `key` in a song starts above those used before."""
    store: Path | None = None
    """A folder for the seat's key and what it sang: whoever comes again with it is the same person, and sends
    what is still owed. One folder for each seat, one process at a time."""
    decodes: Literal["opus", "pcm"] = "opus"
    sings: Literal["opus", "pcm"] = "opus"
    hears: bool = True
    """Whether packets are decoded onto tapes; a robot that only sings saves the work."""
    weather: WeatherSpec = field(default_factory=WeatherSpec)
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection broke; the client is trying to come back."""

    close_code: int | None


Event = FromRoom | Lost


@dataclass(eq=False, kw_only=True)
class SeatLost(UserError):
    """The server closed this seat for good."""

    code: ClassVar[str] = "seat_lost"
    says: ClassVar[str] = "the courtyard closed this seat ({close})"
    close: int


def seat_lost(close_code: int) -> UserError:
    """The error for a final closing code of docs/wire.md."""
    match close_code:
        case 4401:
            return LinkNotValid()
        case 4409:
            return SeatTakenOver()
        case _:
            return SeatLost(close=close_code)
