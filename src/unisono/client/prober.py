"""Prober: asks the room for the time, so that the ways are known, and has the room told of them now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unisono.client.connection import local_ms
from unisono.client.sights import PROBE_MS, TRAIN_MS, TRAIN_PROBES, TRAIN_TELLING
from unisono.client.ways import Ways
from unisono.core.wire import Probe, pack

AT_FIRST = 12
AT_FIRST_PAUSE_S = 0.03
EVERY_S = 1.0
TELL_EVERY = 2


class Prober:
    """Sends probes with `send`, which says whether there was a connection; calls `tell` when there is news."""

    def __init__(
        self, ways: Ways, send: Callable[[bytes], bool], tell: Callable[[], None], *, sings: Callable[[], bool]
    ) -> None:
        self._ways, self._send, self._tell, self._sings = ways, send, tell, sings

    async def run(self, welcome: asyncio.Event) -> None:
        """Often at first, then for as long as the seat lives. `welcome` is set while there is a room to ask."""
        while True:
            await welcome.wait()  # a server that is just waking answers nobody before
            for _ in range(AT_FIRST):
                await self._ask(AT_FIRST_PAUSE_S)
            self._tell()
            asked = 0
            while welcome.is_set():
                await self._ask_again()
                asked += 1
                if asked % TELL_EVERY == 0:
                    self._tell()

    async def _ask_again(self) -> None:
        """Those who sing ask in trains, as close as frames of a song (client/sights.py); others once a second."""
        if not self._sings():
            await self._ask(EVERY_S)
            return
        for place in range(TRAIN_PROBES):
            last = place == TRAIN_PROBES - 1
            pause_ms = TRAIN_MS - (TRAIN_PROBES - 1) * PROBE_MS if last else PROBE_MS
            await self._ask(pause_ms / 1000, telling=place < TRAIN_TELLING)

    async def _ask(self, pause_s: float, *, telling: bool = True) -> None:
        sent_ms = local_ms()
        if self._send(pack(Probe(sent_ms=sent_ms))):
            self._ways.sights.probed(sent_ms, telling=telling)
        await asyncio.sleep(pause_s)
        self._ways.woke(local_ms() - sent_ms - 1000 * pause_s)
