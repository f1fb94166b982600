"""A room on a clock of the imagination, and the sockets of those who come to it: no sleep, no network."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from unisono.core import events as ev
from unisono.core.messages import (
    Backing,
    Check,
    Flag,
    FromPage,
    FromRoom,
    Hello,
    Link,
    Pick,
    Role,
    Sent,
    SongChanged,
    Start,
    Stop,
    Welcome,
)
from unisono.core.room import Joining, Room, RoomLimits
from unisono.core.song import PieceFacts, SongRun
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, Span, samples_of_ms

ODE = PieceFacts(id="ode", beats=16.0, tempo_bpm=120, count_in_beats=4, first_midi=64)
LINKS: dict[Role, int] = {"host": 1, "performer": 2, "listener": 3}
STEP_SAMPLES = FRAME_SAMPLES
OPENED = Position(48_000)
M = TypeVar("M")


@dataclass
class Courtyard:
    """The room, its time, and everything it ever said."""

    limits: RoomLimits = field(default_factory=RoomLimits)
    now: Position = field(default=OPENED)
    inboxes: dict[int, list[FromRoom]] = field(default_factory=lambda: defaultdict(list))
    closed: dict[int, int] = field(default_factory=dict)
    done: list[ev.Event] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    renders: bool = True

    def __post_init__(self) -> None:
        self._ids = (f"p{number}" for number in itertools.count(1))
        self._numbers = itertools.count(1)
        self.room = Room(
            title="Via Roma",
            place="Siena",
            pieces={ODE.id: ODE},
            fresh_id=lambda: next(self._ids),
            limits=self.limits,
        )

    # ------------------------------------------------------------------------------------ people

    def come(
        self,
        role: Role = "performer",
        name: str = "",
        *,
        key: str | None = None,
        watch: bool = False,
        decodes: Literal["opus", "pcm"] = "opus",
    ) -> int:
        """A socket with a good link; its number. Raises what the room raises."""
        number = next(self._numbers)
        hello = Hello(version=1, token="t", decodes=decodes, key=key, name=name, watch=watch, flag=Flag(country="it"))
        self.connections.add(number)
        fresh = f"key{number}"
        joining = Joining(
            hello=hello,
            role=role,
            link=LINKS[role],
            key_hash=f"hash of {key}" if key else None,
            fresh_key=fresh,
            fresh_key_hash=f"hash of {fresh}",
        )
        self.room.join(number, joining, self.now)
        self.settle()
        return number

    def sing_in(self, role: Role = "performer", name: str = "", *, up_ms: float = 60, down_ms: float = 40) -> int:
        """Somebody who came and did the sound check."""
        number = self.come(role, name)
        self.say(number, Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5))
        self.say(number, Link(up_samples=samples_of_ms(up_ms), down_samples=samples_of_ms(down_ms)))
        return number

    def go(self, number: int) -> None:
        """The socket is gone."""
        self.connections.discard(number)
        self.room.leave(number, self.now)
        self.settle()

    def say(self, number: int, message: FromPage) -> None:
        """One message of a page."""
        self.room.message(number, message, self.now)
        self.settle()

    def sing(self, number: int, position: int, *, epoch: int = 0, level: int = 20, repair: bool = False) -> None:
        """One frame of a page's voice."""
        self.room.packet(number, voice(position, epoch=epoch, level=level, repair=repair), self.now)
        self.settle()

    def seat(self, number: int) -> int:
        """The seat of a socket, as it was welcomed."""
        return self.heard(number, Welcome)[-1].seat

    def way_up(self, number: int) -> float | None:
        """What the room knows of a socket's way up; None when nothing."""
        seat = self.room.seats.find(self.seat(number))
        return None if seat is None else seat.up_samples

    # ------------------------------------------------------------------------------------ time and what it brings

    def wait(self, seconds: float) -> None:
        """Let time pass, 20 ms at a time, as the live layer does."""
        until = self.now + round(seconds * SAMPLE_RATE)
        while self.now < until:
            self.now = Position(min(until, self.now + STEP_SAMPLES))
            self.room.tick(self.now)
            self.settle()

    def settle(self) -> None:
        """Do what the room wants; a backing is rendered at once, if at all."""
        for event in self.room.events():
            self.done.append(event)
            match event:
                case ev.Send():
                    self.inboxes[event.connection].append(event.message)
                case ev.SendAll():
                    for number in self.connections - {event.apart_from}:
                        self.inboxes[number].extend(event.messages)
                case ev.Close():
                    self.closed[event.connection] = event.close_code
                    self.connections.discard(event.connection)
                case ev.PrepareBacking() if self.renders:
                    self.backing_ready()
                case _:
                    pass

    def backing_ready(self) -> None:
        """The picked piece's backing is rendered."""
        picked = self.room.singing.picked
        assert picked is not None
        assert picked.piece is not None
        self.room.singing.backing_ready(
            piece=picked.piece,
            key=picked.key,
            tempo_bpm=picked.tempo_bpm,
            backing=Backing(url="/backing", samples=1),
            now=self.now,
        )
        self.settle()

    def wrote(self, seat: int, *spans: tuple[int, int], epoch: int = 0) -> None:
        """The recorder has these on disk."""
        assert self.song is not None
        given = [Span(start=Position(start), stop=Position(stop)) for start, stop in spans]
        self.room.wrote(seat, self.song.performance, epoch, given)
        self.settle()

    # ------------------------------------------------------------------------------------ what came of it

    def heard(self, number: int, kind: type[M]) -> list[M]:
        """The messages of a kind that a socket got."""
        return [message for message in self.inboxes[number] if type(message) is kind]

    def events(self, kind: type[M]) -> list[M]:
        """The events of a kind so far."""
        return [event for event in self.done if isinstance(event, kind)]

    @property
    def song(self) -> SongRun:
        """The song."""
        song = self.room.singing.song
        assert song is not None
        return song

    @property
    def state(self) -> str:
        """How far the song is."""
        return self.song.state


def voice(position: int, *, epoch: int = 0, level: int = 20, repair: bool = False, kind: Kind = Kind.VOICE) -> Packet:
    """One frame of silence, as PCM."""
    return Packet(
        kind=kind,
        seat=0,
        epoch=epoch,
        position=Position(position),
        frames=(bytes(2 * FRAME_SAMPLES),),
        level=level,
        codec=Codec.PCM,
        repair=repair,
    )


def singing(courtyard: Courtyard, *, voices: int = 2, piece: str | None = None) -> list[int]:
    """A host and others who have just begun a song; their sockets."""
    numbers = [courtyard.sing_in("host", "Ada")]
    numbers += [courtyard.sing_in("performer", f"Voice {index}") for index in range(1, voices)]
    if piece:
        courtyard.say(numbers[0], Pick(piece=piece))
    courtyard.say(numbers[0], Start())
    return numbers


def states(courtyard: Courtyard, number: int) -> list[str]:
    """The states of songs as a socket was told, each once."""
    told = [song.state for song in courtyard.heard(number, SongChanged)]
    return [state for index, state in enumerate(told) if index == 0 or told[index - 1] != state]


def whole(courtyard: Courtyard) -> tuple[int, int]:
    """The span of a stem with nothing missing: the song and the encoder's look-ahead around it."""
    assert courtyard.song.stop is not None
    return courtyard.song.start - 312, courtyard.song.stop + 312


def send_all(courtyard: Courtyard, number: int, epoch: int = 0) -> None:
    """A page says that all of its stem is sent."""
    start, stop = whole(courtyard)
    courtyard.say(number, Sent(performance=courtyard.song.performance, epoch=epoch, start=start, stop=stop))


def ended(courtyard: Courtyard, numbers: list[int], seconds: float = 6.0) -> None:
    """The song is stopped, and everybody has heard its end."""
    courtyard.wait(seconds)
    courtyard.say(numbers[0], Stop(position=courtyard.now))
    assert courtyard.song.heard_at is not None
    courtyard.wait((courtyard.song.heard_at - courtyard.now) / SAMPLE_RATE + 0.6)


def mixing(courtyard: Courtyard) -> list[int]:
    """Two have sung and nobody sent a stem; their sockets."""
    numbers = singing(courtyard)
    ended(courtyard, numbers)
    courtyard.wait(25)
    assert courtyard.state == "mixing"
    return numbers
