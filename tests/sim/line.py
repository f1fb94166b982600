"""A connection between page and house: a stream each way, or sound as datagrams beside them; and how it is opened."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.sim.air import Air, Path
from tests.sim.tcp import Tcp
from tests.sim.world import World
from unisono.core.wire import Kind

Data = str | bytes

_SOCKET_BYTES = 30
"""Of WebSocket and TLS around each message."""
_OPUS_BYTES = {False: 162, True: 322}
"""A coded frame and its length, mono and stereo: sound travels as PCM here and weighs as Opus, 64 and 128 kbit/s."""
_EXCHANGES = 3
"""TCP, TLS and the upgrade each take a round trip."""
_KNOCK_AGAIN_MS = 1000.0
SYSTEM_BUFFER_BYTES = 32_768
"""What the page's system takes in before the socket's `bufferedAmount` grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The air both ways. With `datagrams`, sound goes as datagrams and all else as a stream."""

    name: str
    up: Air = field(default_factory=Air)
    down: Air = field(default_factory=Air)
    datagrams: bool = False
    moves_ms: tuple[float, ...] = ()
    """When the page's address changes without anybody being told."""

    @classmethod
    def both(cls, name: str, air: Air, *, datagrams: bool = False, moves_ms: tuple[float, ...] = ()) -> Weather:
        """The same both ways."""
        return cls(name=name, up=air, down=air, datagrams=datagrams, moves_ms=moves_ms)


@dataclass(slots=True)
class Place:
    """Where a page is on the network. Moving away cuts what was opened before, silently."""

    weather: Weather
    chance: random.Random
    up: Path = field(init=False)
    down: Path = field(init=False)

    def __post_init__(self) -> None:
        self._arrive()

    def move(self) -> None:
        """Another address."""
        self.up.cut = self.down.cut = True
        self._arrive()

    def _arrive(self) -> None:
        self.up = Path(self.weather.up, random.Random(self.chance.random()))
        self.down = Path(self.weather.down, random.Random(self.chance.random()))


class Line:
    """One open connection. Each end sets its `to_...` and sends the other way."""

    def __init__(self, world: World, place: Place, number: int) -> None:
        self.number = number
        self.to_page: Callable[[Data], None] = _nowhere
        self.to_house: Callable[[Data], None] = _nowhere
        self._world, self._place = world, place
        self._up_path, self._down_path = place.up, place.down
        self.up: Tcp[Data] = Tcp(world, place.up, place.down, lambda data: self.to_house(data))
        self.down: Tcp[Data] = Tcp(world, place.down, place.up, lambda data: self.to_page(data))
        self.closed_by: int | None = None

    @property
    def buffered_bytes(self) -> int:
        """As the page's `bufferedAmount`."""
        return max(0, self.up.unacknowledged_bytes - SYSTEM_BUFFER_BYTES)

    def send_up(self, data: Data, *, stream: bool = False) -> None:
        """From the page."""
        if self._place.weather.datagrams and isinstance(data, bytes) and not stream:
            self._throw(data, self._up_path, lambda got: self.to_house(got))
        else:
            self.up.send(data, size_on_air(data))

    def send_down(self, data: Data) -> None:
        """From the house."""
        if self._place.weather.datagrams and isinstance(data, bytes):
            self._throw(data, self._down_path, lambda got: self.to_page(got))
        else:
            self.down.send(data, size_on_air(data))

    def _throw(self, data: bytes, path: Path, deliver: Callable[[Data], None]) -> None:
        for at_ms in path.arrivals(self._world.now_ms, size_on_air(data)):
            self._world.at(at_ms, lambda: None if self.up.closed else deliver(data))

    def close(self) -> None:
        """At the page's end; the house is not told."""
        self.up.close()
        self.down.close()


def open_line(world: World, place: Place, then: Callable[[], None]) -> Callable[[], None]:
    """Knock until there is a connection, then go on with `then`; what is returned gives up."""
    state = {"round": 0, "over": 0}

    def knock(wait_ms: float) -> None:
        turn = state["round"]
        for heard_ms in place.up.arrivals(world.now_ms, 200)[:1]:
            world.at(heard_ms, lambda: answer(turn))
        world.at(world.now_ms + wait_ms, lambda: again(turn, wait_ms))

    def answer(turn: int) -> None:
        for heard_ms in place.down.arrivals(world.now_ms, 1000)[:1]:
            world.at(heard_ms, lambda: heard(turn))

    def again(turn: int, wait_ms: float) -> None:
        if not state["over"] and state["round"] == turn:
            knock(2 * wait_ms)

    def heard(turn: int) -> None:
        if state["over"] or state["round"] != turn:
            return
        state["round"] += 1
        if state["round"] < _EXCHANGES:
            knock(_KNOCK_AGAIN_MS)
            return
        state["over"] = 1
        then()

    def give_up() -> None:
        state["over"] = 1

    knock(_KNOCK_AGAIN_MS)
    return give_up


def size_on_air(data: Data) -> int:
    """What a message weighs: PCM frames as if they were Opus."""
    if isinstance(data, str):
        return _SOCKET_BYTES + len(data)
    if data[0] >= Kind.PROBE:
        return _SOCKET_BYTES + len(data)
    return _SOCKET_BYTES + 16 + data[7] * _OPUS_BYTES[bool(data[1] & 2)]


def _nowhere(_: Data) -> None:
    """Nobody is at this end yet."""
