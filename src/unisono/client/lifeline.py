"""A connection that comes back: opens a socket, opens it again whenever it breaks, until told to stop or sent away."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from unisono.client.connection import Connection, Incoming, local_ms
from unisono.client.weather import WeatherSpec

RETRY_S = (0.2, *(0.3,) * 10, 0.5, 1.0, 2.0, 4.0)
"""Pauses between attempts to come back, give or take a third; the last one repeats."""

FINAL_CODES = frozenset({4400, 4401, 4403, 4408, 4409, 4413, 4429})
"""Closing codes after which coming back is no use (docs/wire.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What happens when: a socket opened, a message came, the socket broke (with its closing code, if it had one)."""

    opened: Callable[[], None]
    came: Callable[[Incoming], None]
    lost: Callable[[int | None], None]


class Lifeline:
    """Sends on whatever socket is open. What is sent while none is, is lost: whoever minds keeps it."""

    def __init__(self, url: str, *, weather: WeatherSpec, seed: int, callbacks: Callbacks) -> None:
        self._url = url
        self._weather = weather
        self._seed = seed
        self._random = random.Random(seed)
        self._callbacks = callbacks
        self._connection: Connection | None = None
        self._away_until_ms = 0.0
        self._closed = False

    async def run(self, http: aiohttp.ClientSession) -> int | None:
        """Stay connected; the closing code that ended it for good, or None if it was closed from here.

        Raises only if the very first attempt fails.
        """
        await self._open(http)
        while True:
            code = await self._listen()
            if self._closed:
                return None
            self._callbacks.lost(code)
            if code in FINAL_CODES:
                return code
            await self._come_back(http)

    def send(self, data: str | bytes) -> bool:
        """Send now, in order; whether there was a socket to send on."""
        if self._connection is None:
            return False
        self._connection.send(data)
        return True

    def send_repair(self, data: bytes) -> bool:
        """Send when nothing else waits; whether there was a socket to send on."""
        if self._connection is None:
            return False
        self._connection.send_repair(data)
        return True

    async def drop(self, *, away_ms: float) -> None:
        """Break the socket without a goodbye and stay away that long."""
        self._away_until_ms = local_ms() + away_ms
        if self._connection is not None:
            await self._connection.abort()

    async def close(self, *, flush_s: float) -> None:
        """Send what is queued, for at most `flush_s`, then close."""
        self._closed = True
        if self._connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(flush_s):
                    await self._connection.flush()
            await self._connection.close()
            self._connection = None

    async def _open(self, http: aiohttp.ClientSession) -> None:
        self._connection = await Connection.open(http, self._url, weather=self._weather, seed=self._seed)
        self._callbacks.opened()

    async def _listen(self) -> int | None:
        assert self._connection is not None
        connection = self._connection
        async for incoming in connection:
            self._callbacks.came(incoming)
        self._connection = None
        await connection.close()
        return connection.close_code

    async def _come_back(self, http: aiohttp.ClientSession) -> None:
        await asyncio.sleep(max(0.0, (self._away_until_ms - local_ms()) / 1000.0))
        attempt = 0
        while self._connection is None:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._open(http)
                return
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)] * self._random.uniform(0.7, 1.3))
            attempt += 1
