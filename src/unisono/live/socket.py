"""Socket: one page's WebSocket on the server, from the upgrade to the last byte.

Handshake and frames are read by aiohttp. But the line is taken over from it at the upgrade: what comes is handed on as
it comes, in the same turn of the event loop, and what goes out is written by whoever has it ready. There is no task,
queue or future per message; that is what lets a hundred singers cost little more than their codec
(docs/decisions/0007-own-line.md, and `python -m bench sockets`).
"""

from __future__ import annotations

import asyncio
import os
import socket as system
import struct
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from unisono.errors import MalformedMessage
from unisono.live.frames import CLOSE, PING, PONG, framed, framed_close

_READ_BYTES = 64 * 1024
_WRITE_BUFFER_BYTES = 8 * 1024
"""So much waits here, and as much again unsent in the system, before a line counts as `stuck`: what waits there cannot
be called back, and is two thirds of a second of what a row hears."""
_NOTSENT_LOWAT: Final[int | None] = getattr(system, "TCP_NOTSENT_LOWAT", None)
_GOODBYE_SECONDS = 5.0


class Reader(Protocol):
    """Who gets what comes."""

    def received(self, payload: bytes | str) -> None:
        """A whole message."""

    def malformed(self, error: MalformedMessage) -> None:
        """These bytes are no WebSocket."""

    def drained(self) -> None:
        """A line that was stuck takes more."""

    def lost(self) -> None:
        """The line is gone, or the page has said goodbye."""


class _Inbox(WebSocketDataQueue):
    """Where aiohttp's reader puts what it has read: nothing waits here, so nothing is counted."""

    def __init__(self, protocol: Any, socket: Socket) -> None:
        super().__init__(protocol, _READ_BYTES, loop=asyncio.get_running_loop())
        self._socket = socket

    def feed_data(self, data: Any, size: int) -> None:  # noqa: ARG002
        """One message, whole and checked. Must not raise: a compiled caller drops exceptions."""
        if data.type >= CLOSE:
            self._socket.control(data.type, data.data)
        elif self._socket.reader is not None:
            self._socket.reader.received(data.data)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002
        """What came is no WebSocket, or too long."""
        self._socket.malformed(exc)


class Socket(asyncio.Protocol):
    """One line. `stuck` while the other end does not read: then what is written waits in memory."""

    def __init__(
        self, transport: asyncio.Transport, *, message_bytes_max: int, heartbeat_seconds: float, stuck_seconds: float
    ) -> None:
        """Whoever is silent for `heartbeat_seconds` and half of it again is gone; so is who is stuck that long."""
        self._transport = transport
        self._before = transport.get_protocol()
        self._loop = asyncio.get_running_loop()
        inbox = _Inbox(self._before, self)
        self._frames = WebSocketReader(inbox, message_bytes_max + 1, compress=False, decode_text=True)
        self._heartbeat, self._stuck_seconds = heartbeat_seconds, stuck_seconds
        self.reader: Reader | None = None
        self._closing = False
        self._silent_beats = 0
        self._beat_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.stuck = False
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done when the line is."""

    @classmethod
    async def upgrade(
        cls, request: web.Request, *, message_bytes_max: int, heartbeat_seconds: float, stuck_seconds: float
    ) -> tuple[Socket, web.WebSocketResponse]:
        """Answer the request for an upgrade and take its line over. Raises HTTPBadRequest.

        The response is what the request's handler returns once the line is gone.
        """
        if request.transport is None:
            raise ConnectionResetError("the page is gone already")
        request.transport.pause_reading()  # what comes from now on is for us
        response = web.WebSocketResponse(compress=False)
        try:
            await response.prepare(request)
        except BaseException:
            request.transport.resume_reading()  # no upgrade: other requests may come on this line
            raise
        socket = cls(
            request.transport,
            message_bytes_max=message_bytes_max,
            heartbeat_seconds=heartbeat_seconds,
            stuck_seconds=stuck_seconds,
        )
        socket._take_over()
        return socket, response

    def _take_over(self) -> None:
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        _keep_little_unsent(self._transport)
        self._transport.resume_reading()
        self._beat_timer = self._loop.call_later(self._heartbeat / 2, self._beat)

    def read_by(self, reader: Reader) -> None:
        """From now on, what comes goes there."""
        self.reader = reader

    # ------------------------------------------------------------------------------------ writing

    def write(self, data: bytes) -> None:
        """Whole frames. Nothing is waited for; see `stuck`."""
        if not self._closing:
            self._transport.write(data)

    def close(self, code: int, reason: str) -> None:
        """Say why, and wait a little for the answer."""
        if self._closing:
            return
        self._transport.write(framed_close(code, reason))
        self._closing = True
        if not self._transport.is_closing():
            self._wait_for(self._stuck_seconds if self.stuck else _GOODBYE_SECONDS)

    def abort(self) -> None:
        """Cut the line without asking."""
        self._transport.abort()

    def hold(self, *, reading: bool) -> None:
        """Read on (`reading`), or leave what comes to the line."""
        if not self._transport.is_closing():
            (self._transport.resume_reading if reading else self._transport.pause_reading)()

    def _wait_for(self, seconds: float) -> None:
        """Cut the line unless something happens within so long."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._transport.abort)

    def pause_writing(self) -> None:
        """The other end does not read."""
        self.stuck = True
        self._wait_for(self._stuck_seconds)

    def resume_writing(self) -> None:
        """It does again."""
        self.stuck = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closing:
            self._wait_for(_GOODBYE_SECONDS)
        elif self.reader is not None:
            self.reader.drained()

    # ------------------------------------------------------------------------------------ reading

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._silent_beats = 0
        if self.reader is not None:
            self._frames.feed_data(data)

    def control(self, opcode: int, payload: Any) -> None:
        """A control frame has been read: the bytes of a ping, the code of a goodbye. It is answered here."""
        if opcode == PING:
            self.write(framed(PONG, bytes(payload)))
        elif opcode == CLOSE:
            if not self._closing:
                self._transport.write(framed(CLOSE, struct.pack("!H", payload) if payload else b""))
                self._closing = True
            self._transport.close()

    def malformed(self, error: BaseException) -> None:
        """What came is no WebSocket: nothing can follow."""
        reader, self.reader = self.reader, None
        if reader is not None:
            reader.malformed(MalformedMessage(reason=str(error)))

    def _beat(self) -> None:
        """Twice in each heartbeat: who has been silent for one is asked, who does not answer is gone."""
        self._beat_timer = self._loop.call_later(self._heartbeat / 2, self._beat)
        self._silent_beats += 1
        if self._silent_beats == 2:
            self.write(framed(PING, b""))
        elif self._silent_beats > 2:
            self._transport.abort()

    def eof_received(self) -> bool:
        """The other end will say no more: the line is closed."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The line is gone: whoever waits is told, and aiohttp, whose line it was."""
        for timer in (self._timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        self._closing = True
        self._before.connection_lost(error)
        if not self.gone.done():
            self.gone.set_result(None)
        if self.reader is not None:
            self.reader.lost()


def _keep_little_unsent(transport: asyncio.BaseTransport) -> None:
    """Have the system take in little more than it can send now: by itself it takes megabytes, minutes of sound."""
    line = transport.get_extra_info("socket")
    if line is None or _NOTSENT_LOWAT is None or line.family not in (system.AF_INET, system.AF_INET6):
        return
    with system.socket(fileno=os.dup(line.fileno())) as again:
        again.setsockopt(system.IPPROTO_TCP, _NOTSENT_LOWAT, _WRITE_BUFFER_BYTES)
