"""Session: one page's socket as the room sees it. It hands on what the page sends, within limits, and keeps what the
room says until it is written.

What waits for a page is written in one piece, at the room's next tick or the event loop's next turn. When a line
stands still, sound that cannot be heard in time any more is dropped, never a message; when even messages pile up, the
line is closed. Whatever goes wrong here ends this socket and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from unisono.core.limits import Bucket
from unisono.core.messages import MESSAGE_BYTES_MAX, FromPage, Hello, Problem, decode_from_page, encode
from unisono.core.twice import Twice
from unisono.core.wire import PACKET_BYTES_MAX, Echo, Packet, Probe, is_repair, pack, unpack_from_page
from unisono.errors import Flood, MalformedMessage, NoHello, NotAllowed, UnisonoError
from unisono.live.frames import framed_packet, framed_text, is_packet
from unisono.live.pulse import Pulse
from unisono.live.socket import Socket
from unisono.units import POSITION_END, SAMPLE_RATE, Position

HELLO_SECONDS: Final = 10.0
SOUND_BYTES_MAX: Final = 192 * 1024
"""About six seconds of everything a listener gets; older sound than that is of no use to anybody."""
MESSAGES_MAX: Final = 2000
_SEND_SECONDS_MAX: Final = 30.0
_BYTES_PER_SECOND, _BYTES_BURST = 600_000, 6_000_000
_PACKETS_PER_SECOND, _PACKETS_BURST = 400, 4000
_MESSAGES_PER_SECOND, _MESSAGES_BURST = 20, 120
_COUNTED_PACKETS = 16
"""Limits are looked after once for so many packets."""
_REPAIR_PAUSE_SECONDS = 0.05
_CAME_MAX = 64
"""More messages than these wait on the line until somebody takes them."""
HEARTBEAT_SECONDS: Final = 20.0
"""A page that answers no ping within half of this is gone, though its line still seems open."""
_log = logging.getLogger(__name__)


class Session:
    """One page's socket, after the upgrade."""

    def __init__(self, socket: Socket, *, number: int) -> None:
        self.number = number
        self.decodes = "opus"
        self.listens = False
        """Whether it is in no row: what it gets may take a moment longer. Set by whoever knows the rows."""
        self.post: Callable[[Session], None] = self._post_soon
        """Called when something begins to wait here; sees to it that `flush` is."""
        self.spare: Session | None = None
        """A second line of the same page, on which all sound goes once more."""
        self.twice: Twice | None = None
        """What has come by either line; None while there never was a second one."""
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._until: list[int] = []
        """Of each of these, until when the page can hear it."""
        self._pulse: Pulse | None = None
        self._came: deque[bytes | str] = deque()
        self._wake = asyncio.Event()
        self._handle: Callable[[bytes | str], None] | None = None
        self._error: Exception | None = None
        self._over = False
        self._closing = False
        self._bytes = Bucket(per_second=_BYTES_PER_SECOND, burst=_BYTES_BURST)
        self._packets = Bucket(per_second=_PACKETS_PER_SECOND, burst=_PACKETS_BURST)
        self._messages = Bucket(per_second=_MESSAGES_PER_SECOND, burst=_MESSAGES_BURST)
        self._packets_uncounted = self._bytes_uncounted = 0
        socket.read_by(self)

    # ------------------------------------------------------------------------------------ writing

    def send(self, frame: bytes, until: int = POSITION_END) -> None:
        """A message that is framed already (live/frames.py): the same bytes may go to many. See `send_text`.

        Sound is heard at position `until` of the room's clock at the latest: if it still waits then, it is dropped.
        """
        if self._closing:
            return
        if self.spare is not None and until != POSITION_END:
            self.spare.listens = self.listens
            self.spare.send(frame, until)
        out = self._out
        if not out:
            self.post(self)
        out.append(frame)
        self._until.append(until)
        if self._socket.stuck and len(out) % 16 == 0:
            self._make_room()

    def send_text(self, text: str) -> None:
        """A message; never dropped, unlike packets, of which the oldest go when too much waits."""
        self.send(framed_text(text))

    def flush(self) -> None:
        """Write what waits, in one piece; what a stuck line does not take goes on waiting."""
        if self._out and not self._socket.stuck:
            self._socket.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()
            self._until.clear()
        if self.spare is not None:
            self.spare.flush()

    def take_spare(self, spare: Session) -> None:
        """The page has a second line now; one that it had before is closed. Both have one limit.

        Raises NotAllowed when this one is being closed.
        """
        if self._closing:
            raise NotAllowed(what="a second line beside none")
        if self.spare is not None:
            self.spare.close(1000, "spare_again")
        spare.post = self.post
        spare._packets, spare._bytes = self._packets, self._bytes
        self.spare = spare
        self.twice = self.twice or Twice()

    def _post_soon(self, _: Session) -> None:
        self._loop.call_soon(self.flush)

    def _make_room(self) -> None:
        """The page does not read: drop sound that is over, then the oldest, or give the page up."""
        self._drop_what_is_over()
        sound_bytes = sum(len(frame) for frame in self._out if is_packet(frame))
        if sound_bytes > SOUND_BYTES_MAX:
            over = sound_bytes - SOUND_BYTES_MAX // 2
            kept = []
            for waiting in zip(self._out, self._until, strict=True):
                if over > 0 and is_packet(waiting[0]):
                    over -= len(waiting[0])
                else:
                    kept.append(waiting)
            self._keep(kept)
        if sum(1 for frame in self._out if not is_packet(frame)) > MESSAGES_MAX:
            self.close(4429, "too_slow")

    def _drop_what_is_over(self) -> None:
        """Live goes first: sound that cannot be heard any more would only hold up what can."""
        now = self._pulse.now() if self._pulse is not None else 0
        self._keep([waiting for waiting in zip(self._out, self._until, strict=True) if waiting[1] > now])

    def _keep(self, waiting: list[tuple[bytes, int]]) -> None:
        self._out = [frame for frame, _ in waiting]
        self._until = [until for _, until in waiting]

    def close(self, close_code: int, code: str, text: str = "") -> None:
        """Say why, then close; what waits before is still sent, if the page reads it."""
        if self._closing:
            return
        if close_code != 4400:
            problem = Problem(code=code, text=text or code.replace("_", " "), fatal=True)
            self._out.append(framed_text(encode(problem)))
        self._closing = True
        self._socket.write(b"".join(self._out))
        self._keep([])
        self._socket.close(close_code, code)
        self._end(None)
        if self.spare is not None:
            self.spare.close(1000, "bye")

    # ------------------------------------------------------------------------------------ reading

    def received(self, payload: bytes | str) -> None:
        """The socket has a message."""
        if self._over:
            return
        if self._handle is not None and not self._came:
            self._guarded(payload)
            return
        self._came.append(payload)
        self._wake.set()
        if len(self._came) > _CAME_MAX:
            self._socket.hold(reading=False)

    def malformed(self, error: MalformedMessage) -> None:
        """The socket has nonsense."""
        self._end(error)

    def drained(self) -> None:
        """The socket takes more."""
        self._drop_what_is_over()
        self.flush()

    def lost(self) -> None:
        """The page is gone."""
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if not self._over:
            self._over, self._error = True, error
            self._wake.set()

    def _guarded(self, payload: bytes | str) -> None:
        assert self._handle is not None
        try:
            self._handle(payload)
        except Exception as error:
            self._end(error)

    async def hello(self) -> Hello:
        """The first message. Raises NoHello, MalformedMessage."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                while not self._came and not self._over:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            raise NoHello from None
        if self._error is not None:
            raise self._error
        if not self._came or isinstance(self._came[0], bytes):
            raise NoHello
        message = decode_from_page(self._came.popleft())
        if not isinstance(message, Hello):
            raise MalformedMessage(reason="hello comes first")
        self.decodes = message.decodes
        return message

    async def read(
        self,
        pulse: Pulse,
        on_message: Callable[[FromPage], None],
        on_packet: Callable[[Packet, bytes], None],
    ) -> None:
        """Hand on what the page sends until it goes. Raises UnisonoError for what ends the socket."""
        self._pulse = pulse

        def handle(payload: bytes | str) -> None:
            if isinstance(payload, str):
                self._spend(self._messages, pulse.now(), 1, "messages")
                on_message(decode_from_page(payload))
                return
            packet = unpack_from_page(payload)
            self._count(payload, pulse)
            if isinstance(packet, Probe):
                self.send(framed_packet(pack(Echo(sent_ms=packet.sent_ms, position=pulse.exactly()))))
                self.flush()
            else:
                on_packet(packet, payload)

        self._handle = handle
        self._socket.hold(reading=True)
        self._go_on()
        while not self._over:
            self._wake.clear()
            await self._wake.wait()
        if self._error is not None:
            raise self._error

    def _count(self, data: bytes, pulse: Pulse) -> None:
        """Sound faster than anybody sings is a flood, unless it is repair: then it is read no faster than allowed."""
        self._packets_uncounted += 1
        self._bytes_uncounted += len(data)
        if self._packets_uncounted < _COUNTED_PACKETS:
            return
        packets, size = self._packets_uncounted, self._bytes_uncounted
        self._packets_uncounted = self._bytes_uncounted = 0
        now = pulse.now()
        wait_samples = max(self._packets.samples_until(now, packets), self._bytes.samples_until(now, size))
        if wait_samples and is_repair(data):
            seconds = wait_samples / SAMPLE_RATE + _REPAIR_PAUSE_SECONDS
            self._pause(seconds)
            now = Position(now + round(seconds * SAMPLE_RATE))
        self._spend(self._packets, now, packets, "packets")
        self._spend(self._bytes, now, size, "bytes")

    def _pause(self, seconds: float) -> None:
        """Read no more for a while."""
        handle, self._handle = self._handle, None
        self._socket.hold(reading=False)

        def read_on() -> None:
            self._handle = handle
            self._socket.hold(reading=True)
            self._go_on()

        self._loop.call_later(seconds, read_on)

    def _go_on(self) -> None:
        """What came meanwhile, until it is paused again."""
        while self._came and self._handle is not None and not self._over:
            self._guarded(self._came.popleft())

    @staticmethod
    def _spend(bucket: Bucket, now: int, amount: float, what: str) -> None:
        if not bucket.take(now, amount):
            raise Flood(what=what)


async def serve_socket(
    request: web.Request, *, number: int, attend: Callable[[Session], Awaitable[None]]
) -> web.StreamResponse:
    """Upgrade, let `attend` do the rest, and close with the code that fits whatever it raises."""
    socket, response = await Socket.upgrade(
        request,
        message_bytes_max=max(PACKET_BYTES_MAX, MESSAGE_BYTES_MAX) + 1,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        stuck_seconds=_SEND_SECONDS_MAX,
    )
    session = Session(socket, number=number)
    try:
        await attend(session)
    except UnisonoError as error:
        session.close(error.close_code or 4400, error.code, str(error))
    except ConnectionError:
        pass
    except Exception:
        _log.exception("a session ended by our own mistake; the room goes on")
        session.close(1011, "server_error")
    finally:
        session.close(1000, "bye")
        await socket.gone
    return response
