"""A way to the server on which WebSockets stand still now and then, as TCP does while it sends again what was lost."""

import asyncio
import socket
import threading
import time
from asyncio import StreamReader, StreamWriter

from tests.browser.program import Closing
from tests.browser.serving import free_port

EVERY_S, STALL_S = 4.0, 0.8
_BLOCK_BYTES = 65_536


class StallingWay(Closing):
    """A proxy on `port` in front of the server on another; `lines` counts the WebSockets opened through it."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.lines = 0
        self.stalls = False
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        ready = threading.Event()
        self._loop.call_soon(lambda: asyncio.ensure_future(self._serve(ready), loop=self._loop))
        self._thread.start()
        assert ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _serve(self, ready: threading.Event) -> None:
        await asyncio.start_server(self._come, "127.0.0.1", self.port)
        ready.set()

    async def _come(self, reader: StreamReader, writer: StreamWriter) -> None:
        ahead, behind = await asyncio.open_connection("127.0.0.1", self._server_port)
        for end in (writer, behind):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line: list[int] = []
        await asyncio.gather(self._pass(reader, behind, line, first=True), self._pass(ahead, writer, line, first=False))

    async def _pass(self, reader: StreamReader, writer: StreamWriter, line: list[int], *, first: bool) -> None:
        """Hand on what comes. A connection that asks for /live becomes a line with a number."""
        try:
            while block := await reader.read(_BLOCK_BYTES):
                if first and not line and block.startswith(b"GET /live"):
                    line.append(self.lines)
                    self.lines += 1
                if line:
                    await asyncio.sleep(self._still_s(line[0]))  # the stall itself
                writer.write(block)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _still_s(self, line: int) -> float:
        """How long a line stands still from now: even and odd ones in turn, never two at once."""
        phase_s = (time.monotonic() + line % 2 * EVERY_S / 2) % EVERY_S
        return max(0.0, STALL_S - phase_s) if self.stalls else 0.0

    def close(self) -> None:
        """End it, and what goes through it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
