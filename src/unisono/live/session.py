"""Session: one socket. It reads what a page sends, within limits, and writes what the room says, waiting for nobody.

Each session has a queue of its own. When a page reads too slowly, its oldest live sound is dropped, never a message;
when even the messages pile up, the socket is closed. Whatever goes wrong here ends this socket and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import WSMsgType, web

from unisono.core.limits import Bucket
from unisono.core.messages import MESSAGE_BYTES_MAX, FromPage, Hello, Problem, decode_from_page, encode
from unisono.core.wire import PACKET_BYTES_MAX, Echo, Packet, Probe, is_repair, pack, unpack_from_page
from unisono.errors import Flood, MalformedMessage, NoHello, UnisonoError
from unisono.live.pulse import Pulse
from unisono.units import SAMPLE_RATE

HELLO_SECONDS: Final = 10.0
SOUND_BYTES_MAX: Final = 192 * 1024
"""About six seconds of everything a listener gets; older sound than that is of no use to anybody."""
MESSAGES_MAX: Final = 2000
_SEND_SECONDS_MAX: Final = 30.0
_BYTES_PER_SECOND, _BYTES_BURST = 600_000, 6_000_000
_PACKETS_PER_SECOND, _PACKETS_BURST = 400, 4000
_MESSAGES_PER_SECOND, _MESSAGES_BURST = 20, 120
_REPAIR_PAUSE_SECONDS = 0.05
HEARTBEAT_SECONDS: Final = 20.0
"""A page that answers no ping within half of this is gone, though its line still seems open."""
_log = logging.getLogger(__name__)


class Session:
    """One page's socket, after the upgrade."""

    def __init__(self, socket: web.WebSocketResponse, *, number: int) -> None:
        self.number = number
        self.decodes = "opus"
        self._socket = socket
        self._queue: deque[str | bytes] = deque()
        self._sound_bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._bytes = Bucket(per_second=_BYTES_PER_SECOND, burst=_BYTES_BURST)
        self._packets = Bucket(per_second=_PACKETS_PER_SECOND, burst=_PACKETS_BURST)
        self._messages = Bucket(per_second=_MESSAGES_PER_SECOND, burst=_MESSAGES_BURST)

    # ------------------------------------------------------------------------------------ writing

    def send_text(self, text: str) -> None:
        """A message; never dropped."""
        if self._closing is None:
            self._queue.append(text)
            if len(self._queue) > MESSAGES_MAX:
                self.close(4429, "too_slow")
            self._wake.set()

    def send_sound(self, data: bytes) -> None:
        """Live sound; the oldest goes when too much waits."""
        if self._closing is None:
            self._queue.append(data)
            self._sound_bytes += len(data)
            if self._sound_bytes > SOUND_BYTES_MAX:
                self._drop_oldest_sound()
            self._wake.set()

    def _drop_oldest_sound(self) -> None:
        kept: deque[str | bytes] = deque()
        over = self._sound_bytes - SOUND_BYTES_MAX // 2
        for item in self._queue:
            if isinstance(item, bytes) and over > 0:
                over -= len(item)
                self._sound_bytes -= len(item)
            else:
                kept.append(item)
        self._queue = kept

    def close(self, close_code: int, code: str, text: str = "") -> None:
        """Say why, then close; what waits before is still sent."""
        if self._closing is None:
            if close_code != 4400:
                self._queue.append(encode(Problem(code=code, text=text or code.replace("_", " "), fatal=True)))
            self._closing = (close_code, code)
            self._wake.set()

    async def write(self) -> None:
        """Send what is queued until the session closes; runs as a task beside `read`."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._flush()
                if self._closing is not None:
                    code, reason = self._closing
                    await self._socket.close(code=code, message=reason.encode())
                    return
        except (TimeoutError, ConnectionError, RuntimeError):
            await self._give_up()

    async def _flush(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            async with asyncio.timeout(_SEND_SECONDS_MAX):
                if isinstance(item, bytes):
                    self._sound_bytes -= len(item)
                    await self._socket.send_bytes(item)
                else:
                    await self._socket.send_str(item)

    async def _give_up(self) -> None:
        """The other end does not read: cut the line without asking."""
        self._closing = self._closing or (4429, "too_slow")
        transport = self._socket._req.transport if self._socket._req else None
        if transport is not None:
            transport.abort()

    # ------------------------------------------------------------------------------------ reading

    async def hello(self) -> Hello:
        """The first message. Raises NoHello, MalformedMessage."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                received = await self._socket.receive()
        except TimeoutError:
            raise NoHello from None
        if received.type is not WSMsgType.TEXT:
            raise NoHello
        message = decode_from_page(received.data)
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
        async for received in self._socket:
            now = pulse.now()
            if received.type is WSMsgType.BINARY:
                await self._spend_on_packet(received.data, pulse)
                packet = unpack_from_page(received.data)
                if isinstance(packet, Probe):
                    self.send_sound(pack(Echo(sent_ms=packet.sent_ms, position=pulse.exactly())))
                else:
                    on_packet(packet, received.data)
            elif received.type is WSMsgType.TEXT:
                self._spend(self._messages, now, 1, "messages")
                on_message(decode_from_page(received.data))
            else:
                return

    async def _spend_on_packet(self, data: bytes, pulse: Pulse) -> None:
        """Sound faster than anybody sings is a flood, unless it is repair: then it is read no faster than allowed."""
        now = pulse.now()
        wait_samples = max(self._packets.samples_until(now), self._bytes.samples_until(now, len(data)))
        if wait_samples and is_repair(data):
            await asyncio.sleep(wait_samples / SAMPLE_RATE + _REPAIR_PAUSE_SECONDS)
        self._spend(self._packets, pulse.now(), 1, "packets")
        self._spend(self._bytes, pulse.now(), len(data), "bytes")

    @staticmethod
    def _spend(bucket: Bucket, now: int, amount: float, what: str) -> None:
        if not bucket.take(now, amount):
            raise Flood(what=what)


async def serve_socket(
    request: web.Request, *, number: int, attend: Callable[[Session], Awaitable[None]]
) -> web.WebSocketResponse:
    """Upgrade, let `attend` do the rest, and close with the code that fits whatever it raises."""
    socket = web.WebSocketResponse(
        max_msg_size=max(PACKET_BYTES_MAX, MESSAGE_BYTES_MAX) + 1,
        heartbeat=HEARTBEAT_SECONDS,
        compress=False,
        timeout=5.0,
    )
    await socket.prepare(request)
    session = Session(socket, number=number)
    writer = asyncio.create_task(session.write())
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
        try:
            async with asyncio.timeout(5.0):
                await writer
        except TimeoutError:
            writer.cancel()
    return socket
