"""A server of `bench sockets`: `python -m bench.sockets_server KIND LOOP` says its port and answers every message."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from aiohttp import web

from unisono.cli import event_loop
from unisono.core.wire import PACKET_BYTES_MAX
from unisono.errors import MalformedMessage
from unisono.live.frames import framed_packet
from unisono.live.session import HEARTBEAT_SECONDS
from unisono.live.socket import Socket

ANSWER: Final = bytes(330)
"""As long as a row's mix."""
ANSWER_FRAME: Final = framed_packet(ANSWER)


class Answering:
    """Writes an answer to whatever comes."""

    def __init__(self, line: Socket) -> None:
        self._line = line
        line.read_by(self)

    def received(self, payload: bytes | str) -> None:
        """A message."""
        assert isinstance(payload, bytes)
        self._line.write(ANSWER_FRAME)

    def malformed(self, error: MalformedMessage) -> None:
        """Nobody here sends any."""
        raise error

    def drained(self) -> None:
        """Nothing waits here."""

    def lost(self) -> None:
        """The bench is over."""


async def line(request: web.Request) -> web.StreamResponse:
    """As a session has it."""
    socket, response = await Socket.upgrade(
        request, message_bytes_max=PACKET_BYTES_MAX, heartbeat_seconds=HEARTBEAT_SECONDS, stuck_seconds=30.0
    )
    Answering(socket)
    await socket.gone
    return response


async def aiohttp(request: web.Request) -> web.StreamResponse:
    """As aiohttp's documentation has it."""
    ws = web.WebSocketResponse(compress=False, heartbeat=HEARTBEAT_SECONDS, max_msg_size=PACKET_BYTES_MAX + 1)
    await ws.prepare(request)
    async for _ in ws:
        await ws.send_bytes(ANSWER)
    return ws


async def serve(kind: str) -> None:
    """Until killed."""
    app = web.Application()
    app.router.add_get("/live", {"line": line, "aiohttp": aiohttp}[kind])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=event_loop() if sys.argv[2] == "uvloop" else None) as loop:
        loop.run(serve(sys.argv[1]))
