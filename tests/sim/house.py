"""The server in the simulation: the real room, desk and leader's forwarding, on a simulated clock and simulated lines.

Modelled: the event loop (what comes is done at once, ticks every 20 ms), the sockets' queues (live/session.py), the
recorder (written 0.2 s later), and the desk's encoder, which is silent: pages get the mix as PCM.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

from tests.sim.line import Data, Line
from tests.sim.world import World
from unisono.core import events as ev
from unisono.core.messages import FromRoom, Hello, Role, decode_from_page, encode
from unisono.core.room import Joining, Room
from unisono.core.twice import Twice
from unisono.core.wire import Echo, Packet, Probe, pack, restamped, stop_of, unpack_from_page
from unisono.live.desk import LISTENERS, Desk
from unisono.live.leading import Leading
from unisono.units import POSITION_END, SAMPLE_RATE, Position, Span

TICK_MS = 20.0
WRITTEN_AFTER_MS = 200.0
SOCKET_BYTES = 16 * 1024
"""So much is in the system's hands unsent before a socket's own queue grows (live/socket.py)."""
_LINKS: dict[Role, int] = {"host": 1, "performer": 2, "listener": 3}


@dataclass(slots=True)
class Session:
    """One socket's queue: sound that nobody hears in time any more goes, never a message (live/session.py)."""

    line: Line
    role: Role
    queue: deque[tuple[Data, int]] = field(default_factory=deque)
    joined: bool = False
    spare: Session | None = None
    twice: Twice | None = None

    def send(self, data: Data, *, now: int, until: int = POSITION_END) -> None:
        """One more, and out with what there is room for. Sound is heard at `until` at the latest."""
        if self.spare is not None and until != POSITION_END:
            self.spare.send(data, now=now, until=until)
        self.queue.append((data, until))
        self.flush(now)

    def flush(self, now: int) -> None:
        """Hand the system what it takes and what is still worth it."""
        while self.queue and self.line.down.unsent_bytes < SOCKET_BYTES:
            data, until = self.queue.popleft()
            if until > now:
                self.line.send_down(data)
        if self.spare is not None:
            self.spare.flush(now)


class House:
    """One room and its sockets. `stems` has what is on disk, by seat, in the order in which it came."""

    def __init__(self, world: World) -> None:
        self._world = world
        ids = (f"p{number}" for number in itertools.count(1))
        self.room = Room(title="Via Roma", place="Siena", pieces={}, fresh_id=lambda: next(ids))
        self.stems: dict[int, list[Packet]] = {}
        self.completed: list[str] = []
        self.late_said = 0
        self._sessions: dict[int, Session] = {}
        self._desk: Desk | None = None
        self._leading: Leading | None = None
        self._wire = b""
        self._batch: list[tuple[str, int, Packet]] = []
        world.every(TICK_MS, self._tick)
        world.every(WRITTEN_AFTER_MS, self._write)

    @property
    def now(self) -> Position:
        """The room's clock: it began a second before the world."""
        return Position(int(self._exactly))

    @property
    def _exactly(self) -> float:
        return (self._world.now_ms + 1000.0) * SAMPLE_RATE / 1000

    def welcome(self, role: Role) -> object:
        """What attends lines by a link of this role."""

        def attend(line: Line) -> None:
            session = self._sessions[line.number] = Session(line, role)
            line.to_house = lambda data: self._receive(session, data)

        return attend

    # ------------------------------------------------------------------------------------ in

    def _receive(self, session: Session, data: Data) -> None:
        number, now = session.line.number, self.now
        if number not in self._sessions:
            return
        if isinstance(data, str):
            message = decode_from_page(data)
            if isinstance(message, Hello) and message.spare:
                self._join_spare(session, message)
            elif isinstance(message, Hello):
                self._join(session, message)
            else:
                self.room.message(number, message, now)
        else:
            packet = unpack_from_page(data)
            if isinstance(packet, Probe):
                session.send(pack(Echo(sent_ms=packet.sent_ms, position=self._exactly)), now=now)
            elif session.joined:
                self._sound(session, packet, data)
        self._settle()

    def _sound(self, session: Session, packet: Packet, data: bytes) -> None:
        if session.twice is None or not session.twice.again(packet):
            self._wire = data
            self.room.packet(session.line.number, packet, self.now)

    def _join_spare(self, spare: Session, hello: Hello) -> None:
        """A second line of somebody who is there (live/runner.py)."""
        seat = self.room.seats.with_key(f"hash of {hello.key}")
        session = self._sessions.get(seat.connection) if seat is not None and seat.connection is not None else None
        if session is None:
            return
        session.spare, session.twice = spare, session.twice or Twice()

        def receive(data: Data) -> None:
            packet = unpack_from_page(data) if isinstance(data, bytes) else None
            if isinstance(packet, Probe):
                spare.send(pack(Echo(sent_ms=packet.sent_ms, position=self._exactly)), now=self.now)
            elif isinstance(packet, Packet) and isinstance(data, bytes) and session.line.number in self._sessions:
                self._sound(session, packet, data)
                self._settle()

        spare.line.to_house = receive

    def _join(self, session: Session, hello: Hello) -> None:
        fresh = f"key{session.line.number}"
        session.joined = True
        joining = Joining(
            hello=hello,
            role=session.role,
            link=_LINKS[session.role],
            key_hash=f"hash of {hello.key}" if hello.key else None,
            fresh_key=fresh,
            fresh_key_hash=f"hash of {fresh}",
        )
        self.room.join(session.line.number, joining, self.now)

    # ------------------------------------------------------------------------------------ time

    def _tick(self) -> None:
        now = self.now
        self.room.tick(now)
        self._settle()
        if self._desk is not None:
            self._mix(self._desk, now)
        for session in self._sessions.values():
            session.flush(now)

    def _mix(self, desk: Desk, now: Position) -> None:
        song = self.room.singing.song
        assert song is not None
        desk.pcm_rows = frozenset({LISTENERS, *range(len(song.seating.rows))})
        with patch("unisono.live.desk.encode_many", _silence):
            outgoing, late = desk.tick(now)
        for sound in outgoing:
            assert sound.pcm is not None
            self._send_row(sound.row, sound.pcm)
        for voice in late:
            self.late_said += 1
            self.room.came_late(voice.seat, voice.late_samples, now)
        self._settle()

    def _send_row(self, row: int, wire: bytes) -> None:
        song = self.room.singing.song
        assert song is not None
        delays = song.seating.delays_samples
        delay = delays[row] if 0 <= row < len(delays) else song.seating.listener_delay_samples
        for session in self._in_row(row):
            session.send(wire, now=self.now, until=stop_of(wire) + delay)

    def _in_row(self, row: int) -> list[Session]:
        found = []
        for seat in self.room.seats.present():
            session = self._sessions.get(seat.connection or 0)
            at = self.room.singing.row_of(seat.number)
            if session is not None and (LISTENERS if at is None else at) == row:
                found.append(session)
        return found

    def _write(self) -> None:
        batch, self._batch = self._batch, []
        for performance, seat, packet in batch:
            self.stems.setdefault(seat, []).append(packet)
            self.room.wrote(seat, performance, packet.epoch, _joined(packet.span))
        self._settle()

    # ------------------------------------------------------------------------------------ out

    def _settle(self) -> None:
        for event in self.room.events():
            self._do(event)

    def _send_all(self, event: ev.SendAll) -> None:
        for number, session in self._sessions.items():
            for message in event.messages if session.joined and number != event.apart_from else ():
                session.send(encode(message), now=self.now)

    def _do(self, event: ev.Event) -> None:
        match event:
            case ev.Send():
                self._tell(event.connection, event.message)
            case ev.SendAll():
                self._send_all(event)
            case ev.Close():
                self._sessions.pop(event.connection, None)
            case ev.Sang():
                self._sang(event)
            case ev.SongChangedShape():
                self._shape()
            case ev.SongStateChanged():
                song = self.room.singing.song
                if self._desk is not None and song is not None:
                    self._desk.reshape(song)
                    self._flush_leader()
            case ev.SongHeard():
                self._close_desk()
            case ev.SongComplete():
                self.completed.append(event.performance)
            case _:
                pass

    def _tell(self, connection: int, message: FromRoom) -> None:
        session = self._sessions.get(connection)
        if session is not None:
            session.send(encode(message), now=self.now)

    def _shape(self) -> None:
        song = self.room.singing.song
        assert song is not None
        if self._desk is None:
            self.stems = {}
            self._desk, self._leading = Desk(song), Leading(song.leader)
        else:
            self._desk.reshape(song)

    def _close_desk(self) -> None:
        self._flush_leader()
        self._desk = self._leading = None

    def _flush_leader(self) -> None:
        if self._leading is not None:
            for led in self._leading.flush():
                self._send_row(LISTENERS, led.opus)

    def _sang(self, event: ev.Sang) -> None:
        self._batch.append((event.performance, event.seat, event.packet))
        song = self.room.singing.song
        if not event.audible or song is None:
            return
        if event.seat == song.leader and self._leading is not None:
            wire = restamped(self._wire, kind=event.packet.kind, seat=event.seat)
            now, bundles = self._leading.forward(event.packet, wire, pcm_wanted=False, stop=song.stop)
            for row in range(1, len(song.seating.rows)):
                self._send_row(row, now.opus)
            for led in bundles:
                self._send_row(LISTENERS, led.opus)
        elif self._desk is not None:
            self._desk.feed(event.seat, event.packet)


def _silence(jobs: Sequence[object], pool: object = None, *, threads: int = 1) -> list[bytes]:
    return [b"\0"] * len(jobs)


def _joined(span: Span) -> list[Span]:
    return [span]
