"""One open socket to a room: what goes out waits its turn, live before repair; what comes in keeps its order.

Simulated weather, if any, holds messages up here and nowhere else, each way on its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from unisono.client.weather import Weather, WeatherSpec

REPAIR_PAUSE_S = 0.02
"""Repair goes one bundle at a time, this far apart, and only while nothing live waits."""

_HEARTBEAT_S = 20.0
_GOODBYE_S = 2.0
_MESSAGE_BYTES_MAX = 4_000_000


def local_ms() -> float:
    """This process's monotonic clock; the room's clock is learnt against it."""
    return time.monotonic() * 1000.0


async def sleep_until(then_ms: float) -> None:
    """Until the clock of `local_ms` shows this."""
    await asyncio.sleep(max(0.0, (then_ms - local_ms()) / 1000.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it came: text or bytes, and when by the local clock."""

    data: str | bytes
    received_ms: float


class Connection:
    """A WebSocket with two lanes out. Make it with `open`; iterate over it to hear; it ends when the socket does."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, weather: WeatherSpec, *, seed: int) -> None:
        self._socket = ws
        self._fair = weather.is_fair
        self._up = Weather(weather, seed=seed)
        self._down = Weather(weather, seed=seed + 1)
        self._live: deque[tuple[float, str | bytes]] = deque()
        self._repair: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._came: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, url: str, *, weather: WeatherSpec, seed: int = 0) -> Connection:
        """Connect. Raises aiohttp.ClientError or OSError."""
        ws = await http.ws_connect(url, heartbeat=_HEARTBEAT_S, max_msg_size=_MESSAGE_BYTES_MAX, compress=0)
        return cls(ws, weather, seed=seed)

    @property
    def close_code(self) -> int | None:
        """Why it ended (docs/wire.md, closing codes); None while open and when nobody said."""
        return self._socket.close_code

    def send(self, data: str | bytes) -> None:
        """Queue a message or a live packet."""
        ready_ms = 0.0 if self._fair else self._up.arrival_ms(local_ms())
        self._live.append((ready_ms, data))
        self._stir()

    def send_repair(self, data: bytes) -> None:
        """Queue a packet for when nothing else waits."""
        self._repair.append(data)
        self._stir()

    async def flush(self) -> None:
        """Wait until all that was queued has left, or the socket is gone."""
        await self._idle.wait()

    async def close(self) -> None:
        """Say goodbye and end."""
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._socket.close()
        await self._end()

    async def abort(self) -> None:
        """End without a goodbye, as a pulled cable does."""
        cable = self._socket.get_extra_info("socket")
        if cable is not None:
            # Of the transport's own socket, uvloop lets nobody have more than its number.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(cable.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._came.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Incoming]:
        while (message := await self._came.get()) is not None:
            wait_ms = message.received_ms - local_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000.0)
            yield message

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    now_ms = local_ms()
                    received_ms = now_ms if self._fair else self._down.arrival_ms(now_ms)
                    self._came.put_nowait(Incoming(data=message.data, received_ms=received_ms))
        finally:
            self._came.put_nowait(None)

    def _stir(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._write_next()
        except (aiohttp.ClientError, ConnectionError):
            return
        finally:
            self._idle.set()

    async def _write_next(self) -> None:
        self._wake.clear()
        if self._live:
            await self._write_live(*self._live.popleft())
        elif self._repair:
            await self._socket.send_bytes(self._repair.popleft())
            await self._pause(REPAIR_PAUSE_S)
        else:
            self._idle.set()
            await self._wake.wait()

    async def _write_live(self, ready_ms: float, data: str | bytes) -> None:
        wait_ms = ready_ms - local_ms()
        if wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000.0)
        if isinstance(data, str):
            await self._socket.send_str(data)
        else:
            await self._socket.send_bytes(data)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when something live comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
