"""Socket: one page's WebSocket on the server, from the upgrade to the last byte.

The line is taken over from aiohttp at the upgrade: what comes is handed on as it comes, in the same turn of the event
loop, and what goes out is written by whoever has it ready. There is no task, queue or future per message; that is what
lets a hundred singers cost little more than their codec (docs/decisions/0007-own-websocket.md).
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from unisono.errors import MalformedMessage
from unisono.live.frames import CLOSE, PING, PONG, Assembler, accept_of, framed, framed_close

_WRITE_BUFFER_BYTES = 64 * 1024
_GOODBYE_SECONDS = 5.0


class Reader(Protocol):
    """Who gets what comes."""

    def received(self, opcode: int, payload: bytes) -> None:
        """A whole TEXT or BINARY message."""

    def malformed(self, error: MalformedMessage) -> None:
        """These bytes are no WebSocket."""

    def drained(self) -> None:
        """A line that was stuck takes more."""

    def lost(self) -> None:
        """The line is gone, or the page has said goodbye."""


class Socket(asyncio.Protocol):
    """One line. `stuck` while the other end does not read: then what is written waits in memory."""

    def __init__(
        self, transport: asyncio.Transport, *, message_bytes_max: int, heartbeat_seconds: float, stuck_seconds: float
    ) -> None:
        """Whoever is silent for `heartbeat_seconds` and half of it again is gone; so is who is stuck that long."""
        self._transport = transport
        self._before = transport.get_protocol()
        self._loop = asyncio.get_running_loop()
        self._assembler = Assembler(message_bytes_max=message_bytes_max)
        self._heartbeat, self._stuck_seconds = heartbeat_seconds, stuck_seconds
        self._reader: Reader | None = None
        self._closing = False
        self._silent_beats = 0
        self._beat_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.stuck = False
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done when the line is."""

    @classmethod
    def upgrade(
        cls, request: web.Request, *, message_bytes_max: int, heartbeat_seconds: float, stuck_seconds: float
    ) -> Socket:
        """Answer the request for an upgrade and take its line over. Raises HTTPBadRequest."""
        headers = request.headers
        accept = accept_of(headers.get("Sec-WebSocket-Key", ""))
        if headers.get("Upgrade", "").lower() != "websocket" or accept is None:
            raise web.HTTPBadRequest(reason="this is for WebSockets")
        if headers.get("Sec-WebSocket-Version") != "13":
            raise web.HTTPBadRequest(reason="only version 13 of the WebSocket protocol is spoken here")
        if request.transport is None:
            raise ConnectionResetError("the page is gone already")
        socket = cls(
            request.transport,
            message_bytes_max=message_bytes_max,
            heartbeat_seconds=heartbeat_seconds,
            stuck_seconds=stuck_seconds,
        )
        socket._take_over(accept)
        return socket

    def _take_over(self, accept: str) -> None:
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )
        self._transport.resume_reading()
        self._beat_timer = self._loop.call_later(self._heartbeat / 2, self._beat)

    def read_by(self, reader: Reader) -> None:
        """From now on, what comes goes there."""
        self._reader = reader

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
        elif self._reader is not None:
            self._reader.drained()

    # ------------------------------------------------------------------------------------ reading

    def data_received(self, data: bytes) -> None:
        """Hand on what came; control frames are answered here."""
        self._silent_beats = 0
        reader = self._reader
        if reader is None:
            return
        try:
            messages = self._assembler.feed(data)
        except MalformedMessage as error:
            reader.malformed(error)
            self._reader = None
            return
        for opcode, payload in messages:
            if opcode < CLOSE:
                reader.received(opcode, payload)
            else:
                self._control(opcode, payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(framed(PONG, payload))
        elif opcode == CLOSE:
            if not self._closing:
                self._transport.write(framed(CLOSE, payload[:2]))
                self._closing = True
            self._transport.close()

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
        if self._reader is not None:
            self._reader.lost()
