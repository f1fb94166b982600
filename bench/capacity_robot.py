"""One robot of the load: a non-blocking socket, a seat, and the arithmetic of when it sings and what it hears in time.

A frame it gets is late when it came after the card's block in which it must be played; that is a whole block earlier
than its position is heard.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.capacity_voices import SAMPLES_PER_NS, Score, client_frame, first_stamp, lap_index
from unisono.client.device import BLOCK_FRAMES
from unisono.core.wire import Codec, Kind, Packet, pack
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, Position, samples_of_ms

if TYPE_CHECKING:
    from bench.capacity_room import LoadRoom

UP_MARGIN_SAMPLES = samples_of_ms(15)
DOWN_MARGIN_SAMPLES = samples_of_ms(28)
"""What the page allows for itself: engine/link.worker.js."""
FRAME_NS = 20_000_000
_PROBE_NS = 1_000_000_000
_RECEIVE_BYTES = 262_144
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_NOISE = (b'{"type":"levels"', b'{"type":"seat"', b'{"type":"rows"')
_MASK = b"\x5a\x17\xc3\x88"


class Robot:
    """A seat. `number` counts through everybody in the room; the first one leads, `sings` or else only listens."""

    def __init__(self, room: LoadRoom, *, number: int, token: str, score: Score | None, latency_samples: int) -> None:
        self.room, self.number, self.token, self.score = room, number, token, score
        self.latency_samples = latency_samples
        self.seat = 0
        self.row: int | None = None
        self.due_ns = 0
        self.stamp = 0
        self.offset = 0
        self.sung = False
        self.complained: list[str] = []
        self.frames_a_packet = 1
        self.delay_samples = 0
        self.hop_samples: int | None = None
        self.counts = dict.fromkeys(("heard", "late", "missing", "told_late", "asked"), 0)
        self.late_samples_max = 0
        self.slack_samples_min = 1 << 40
        self._next: dict[int, int] = {}
        self._rest = b""
        self._trips_ns: list[int] = []
        self._probed_ns = 0
        self._socket: socket.socket | None = None

    @property
    def descriptor(self) -> int:
        """Its socket."""
        assert self._socket is not None
        return self._socket.fileno()

    # ------------------------------------------------------------------------------------ coming

    def connect(self) -> None:
        """Open the WebSocket and say hello."""
        where = urlsplit(self.room.server)
        assert where.hostname is not None
        line = socket.create_connection((where.hostname, where.port), timeout=20)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET /live HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = line.recv(4096)
            if not more:
                raise SystemExit(f"the server refused the socket: {answer[:200]!r}")
            answer += more
        head, _, self._rest = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise SystemExit(f"the server refused the socket: {head[:200]!r}")
        line.setblocking(False)
        self._socket = line
        self.say(
            type="hello",
            version=1,
            token=self.token,
            key=None,
            name=f"Robot {self.number}",
            flag=None,
            place="",
            decodes="opus",
            watch=False,
        )

    def say(self, **message: Any) -> None:
        """A JSON message."""
        self._send(client_frame(1, json.dumps(message).encode(), _MASK))

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        sent = self._socket.send(data)
        while sent < len(data):  # the server does not read: wait, and be late
            time.sleep(0.001)
            with contextlib.suppress(BlockingIOError):
                sent += self._socket.send(data[sent:])

    # ------------------------------------------------------------------------------------ the way

    def probe(self) -> None:
        """Ask for the room's position."""
        self._probed_ns = time.monotonic_ns()
        self._send(client_frame(2, struct.pack("<B7xd", Kind.PROBE, self._probed_ns / 1e6), _MASK))

    def probe_if_due(self) -> None:
        """As pages do, about every second."""
        if time.monotonic_ns() - self._probed_ns > _PROBE_NS:
            self.probe()

    def say_links(self) -> None:
        """The sound check's result and the measured way, as a page says them."""
        trips = sorted(self._trips_ns)
        one_way = round((trips[0] / 2 + trips[(len(trips) - 1) * 95 // 100] - trips[0]) * SAMPLES_PER_NS)
        if self.score is not None:
            self.say(
                type="check",
                method="acoustic",
                output="headphones",
                round_trip_samples=self.latency_samples,
                spread_samples=5,
            )
        up = self.latency_samples + FRAME_SAMPLES + OPUS_LOOKAHEAD_SAMPLES + one_way + UP_MARGIN_SAMPLES
        self.say(type="link", up_samples=up, down_samples=one_way + DOWN_MARGIN_SAMPLES)

    # ------------------------------------------------------------------------------------ singing

    def take_place(self, *, row: int | None, delays: list[int], listener_delay: int, frames_a_packet: int) -> None:
        """The song begins: from now on frames are due, and what is heard is judged."""
        self.row = row
        self.frames_a_packet = frames_a_packet
        self.delay_samples = listener_delay if row is None else delays[row]
        self.hop_samples = delays[row] - delays[row - 1] if row else None
        self.stamp = first_stamp(self.room.start_position)
        self.due_ns = self._due_ns()

    def _due_ns(self) -> int:
        """When the frames from `stamp` on are recorded whole and encoded: a card's round trip after they were heard."""
        whole = OPUS_LOOKAHEAD_SAMPLES + self.frames_a_packet * FRAME_SAMPLES
        recorded = self.stamp + whole + self.delay_samples + self.latency_samples
        return self.room.ns_at(recorded)

    def sing(self) -> bool:
        """Send the frames that are due; False when all were sent."""
        assert self.score is not None
        stop = self.room.stop_position
        if stop is not None and self.stamp >= stop:
            self.sung = True
            return False
        index = lap_index(self.stamp, self.room.start_position, self.offset)
        self._send(self.score.packet(index, self.stamp, self.frames_a_packet))
        self.stamp += FRAME_SAMPLES * self.frames_a_packet
        self.due_ns += FRAME_NS * self.frames_a_packet
        return True

    def say_sent(self) -> None:
        """All of the stem is on its way."""
        start = first_stamp(self.room.start_position)
        self.say(type="sent", performance=self.room.performance, epoch=0, start=start, stop=self.stamp)

    def _repair(self, spans: list[list[int]]) -> None:
        """Send again what is asked for."""
        assert self.score is not None
        first = first_stamp(self.room.start_position)
        for start, stop in spans:
            self.counts["asked"] += 1
            for stamp in range(first + (start - first) // FRAME_SAMPLES * FRAME_SAMPLES, stop, FRAME_SAMPLES):
                index = lap_index(stamp, self.room.start_position, self.offset)
                packet = Packet(
                    kind=Kind.VOICE,
                    seat=0,
                    epoch=0,
                    position=Position(stamp),
                    codec=Codec.OPUS,
                    frames=(self.score.frames[index],),
                    level=self.score.levels[index],
                    repair=True,
                )
                self._send(client_frame(2, pack(packet), _MASK))

    # ------------------------------------------------------------------------------------ hearing

    def take(self) -> None:
        """Read what came."""
        assert self._socket is not None
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise SystemExit(f"the server closed robot {self.number}: {self.complained}")
        now_ns = time.monotonic_ns()
        data = self._rest + data if self._rest else data
        at, size = 0, len(data)
        while size - at >= 2:
            length, head = data[at + 1], at + 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if head + length > size:
                break
            if data[at] == _BINARY:
                self._hear(data, head, now_ns)
            else:
                self._control(data[at], data[head : head + length])
            at = head + length
        self._rest = data[at:]

    def _hear(self, data: bytes, at: int, now_ns: int) -> None:
        kind = data[at]
        if kind == Kind.ECHO:
            sent_ms, position = struct.unpack_from("<dd", data, at + 8)
            trip_ns = round(now_ns - sent_ms * 1e6)
            self._trips_ns.append(trip_ns)
            self.room.clock(trip_ns, now_ns - trip_ns // 2, position)
            return
        frames = data[at + 7]
        position = int.from_bytes(data[at + 8 : at + 16], "little")
        expected = self._next.get(kind)
        self._next[kind] = position + frames * FRAME_SAMPLES
        if not self.room.counting:
            return
        counts = self.counts
        counts["heard"] += frames
        if expected is not None and position > expected:
            counts["missing"] += (position - expected) // FRAME_SAMPLES
        slack = position + self.delay_samples - BLOCK_FRAMES - self.room.position_at(now_ns)
        if slack < self.slack_samples_min:
            self.slack_samples_min = int(slack)
        if slack < 0:
            counts["late"] += frames
            self.late_samples_max = max(self.late_samples_max, int(-slack))
        if self.hop_samples is not None:
            self.room.hops_samples.append(self.hop_samples + (-slack if slack < 0 else 0))

    def _control(self, first: int, payload: bytes) -> None:
        if first == _TEXT:
            if not payload.startswith(_NOISE):
                self._told(payload)
        elif first == _PING:
            self._send(client_frame(0xA, payload, _MASK))
        elif first == _CLOSE:
            raise SystemExit(f"the server closed robot {self.number}: {payload!r} {self.complained}")

    def _told(self, payload: bytes) -> None:
        message = json.loads(payload)
        match message["type"]:
            case "welcome":
                self.seat = message["seat"]
            case "song":
                self.room.told(message)
            case "late" if self.room.counting:
                self.counts["told_late"] += 1
                self.late_samples_max = max(self.late_samples_max, message["late_samples"])
            case "missing":
                self._repair(message["spans"])
            case "problem":
                self.complained.append(message["code"])
