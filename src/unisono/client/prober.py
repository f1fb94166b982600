"""Prober: asks the room for the time, so that the ways are known, and has the room told of them now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unisono.client.connection import local_ms
from unisono.client.sights import AT_FIRST, Probing
from unisono.client.ways import Ways
from unisono.core.wire import Probe, pack

AT_FIRST_MS = 30.0
TELL_MS = 4_000.0


class Prober:
    """Sends probes with `send`, which says whether there was a connection; calls `tell` when there is news."""

    def __init__(
        self, ways: Ways, send: Callable[[bytes], bool], tell: Callable[[], None], *, sings: Callable[[], bool]
    ) -> None:
        self._ways, self._send, self._tell, self._sings = ways, send, tell, sings

    async def run(self, welcome: asyncio.Event) -> None:
        """For as long as the seat lives. `welcome` is set while there is a room to ask."""
        while True:
            await welcome.wait()  # a server that is just waking answers nobody before
            probing, sent, told_ms = Probing(at_first_ms=AT_FIRST_MS), 0, local_ms()
            while welcome.is_set():
                await self._ask(probing, at_first=sent < AT_FIRST)
                sent += 1
                if sent == AT_FIRST + 1 or local_ms() - told_ms > TELL_MS:
                    told_ms = local_ms()
                    self._tell()

    async def _ask(self, probing: Probing, *, at_first: bool) -> None:
        """One probe. Nothing is loaded here as in a page: the first ones tell as much as others."""
        telling, wait_ms = probing.next(sings=self._sings(), rough=self._ways.sights.rough)
        sent_ms = local_ms()
        if self._send(pack(Probe(sent_ms=sent_ms))):
            self._ways.sights.probed(sent_ms, telling=telling or at_first)
        await asyncio.sleep(wait_ms / 1000)
        self._ways.woke(local_ms() - sent_ms - wait_ms)
