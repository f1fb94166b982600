"""Events: what a room wants done, drained after each thing it was fed. The live layer does it, and only it.

A connection is a number that the live layer gave one socket; a seat is a place in the room, which outlives sockets.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from unisono.core.messages import FromRoom
from unisono.core.wire import Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """To one socket."""

    connection: int
    message: FromRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAll:
    """To every socket in the room, those who only watch included, `apart_from` one: one or more at a time."""

    messages: tuple[FromRoom, ...]
    apart_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """End this socket; the room has forgotten it already."""

    connection: int
    close_code: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keep this seat in the ledger, so that its key still works after a restart."""

    seat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Nobody will come back to this seat; its number may be given away."""

    seat: int


class Sang(Struct, frozen=True, kw_only=True, gc=False):
    """A performer's packet of the song under way: store it; and, unless it is repair, let others hear it."""

    performance: str
    seat: int
    packet: Packet
    audible: bool
    """Whether it may be heard now: not repair, and not from somebody who is only recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked:
    """A packet of talk: for everyone else, now, and never stored."""

    seat: int
    packet: Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOpened:
    """This seat's microphone opened (`on`) or closed for talk."""

    seat: int
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareBacking:
    """Have this backing rendered, and tell the room its length (`Room.backing_ready`)."""

    piece: str
    key: int
    tempo_bpm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SongChangedShape:
    """The song began, or somebody joined it: `room.song` says what to mix for whom. Keep it in the ledger."""

    performance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SongStateChanged:
    """The song's stop or state is another: keep it in the ledger."""

    performance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SongHeard:
    """Everybody has heard the song to its end: the live mix can be put away."""

    performance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SongComplete:
    """The stems are as complete as they will be: mix them."""

    performance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """The performance was discarded: delete its stems and files."""

    performance: str


Event = (
    Send
    | SendAll
    | Close
    | Remember
    | Forget
    | Sang
    | Talked
    | TalkOpened
    | PrepareBacking
    | SongChangedShape
    | SongStateChanged
    | SongHeard
    | SongComplete
    | Delete
)


class Outbox:
    """Events in the order they happened, until somebody drains them."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: list[Event] = []

    def put(self, event: Event) -> None:
        """One more."""
        self._events.append(event)

    def send(self, connection: int | None, message: FromRoom) -> None:
        """To one socket; to nobody if it is None."""
        if connection is not None:
            self._events.append(Send(connection=connection, message=message))

    def send_all(self, *messages: FromRoom, apart_from: int | None = None) -> None:
        """To every socket in the room."""
        self._events.append(SendAll(messages=messages, apart_from=apart_from))

    def drain(self) -> list[Event]:
        """All of them; none is left."""
        events, self._events = self._events, []
        return events
