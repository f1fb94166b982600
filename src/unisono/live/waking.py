"""Waking: a room as its stopped server left it: seats, song, clock, leader, what was picked, mixes that were not made.

Where the song stands is exact while the machine has not been started anew (live/pulse.py). After a reboot the pages
know it better: those that come back within `PATIENCE_S` say so in their `hello`, and nobody is welcomed before it is
settled. Then the song goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from unisono.core.memory import recall
from unisono.core.past import REMEMBERED_MAX
from unisono.core.relearn import Report, agreed_zero_ns, believable
from unisono.core.repair import SpanSet
from unisono.core.room import Room
from unisono.live.publishing import Publishing
from unisono.live.pulse import Pulse, again_from, anchor_at, is_sure
from unisono.live.services import Services
from unisono.store.records import PerformanceRecord, RoomRecord
from unisono.store.stems import read_packets, stem_path, stem_seats
from unisono.units import Position

PATIENCE_S = 10.0
"""So long a song waits for a page that knows the time, before the wall clock must do."""
GATHER_S = 0.5
"""So long after the first such page, others are listened to."""
_UNMIXED = ("mixing", "premiere")


class Waking:
    """One room's return. Made with the room, over when its clock is known."""

    def __init__(self, record: RoomRecord, services: Services, room: Room) -> None:
        self._record = record
        self._services = services
        self._room = room
        self._reached = int(record.reached)
        self._reports: list[Report] = []
        self._heard, self._settled = asyncio.Event(), asyncio.Event()
        self.anchor = again_from(record.anchor, reached=record.reached)
        self.pulse = Pulse(self.anchor)

    async def bring_back(self, publishing: Publishing, settled: Callable[[], None]) -> None:
        """Seats, songs and mixes, as the ledger and the stems have them. The room waits for `clock` before it ticks."""
        ask, ledger = self._services.ask, self._services.ledger
        for seat in await ask(ledger.seats, self._record.room):
            self._room.seats.put_back(seat)
        records = await ask(ledger.performances, self._record.room)
        for record in records:
            if record.song.running and not self._room.singing.running:
                await self._go_on_with(record)
            elif record.state in _UNMIXED:
                publishing.publish(record.song, settled)
        if self._room.singing.song is None and records and records[0].state in _UNMIXED:
            self._room.singing.restore(records[0].song, {})
        for record in reversed(records[:REMEMBERED_MAX]):
            if record.song.stop is not None and not record.song.running:
                folder = self._services.settings.performances / record.performance
                self._room.singing.past.remember(record.song, await self._services.on_files(stem_seats, folder))

    async def _go_on_with(self, record: PerformanceRecord) -> None:
        """A song that a stopped server left: its pages still sing it, or keep what they sang."""
        folder = self._services.settings.performances / record.performance
        written = await self._services.on_files(_written, folder)
        ends = [span.stop for epochs in written.values() for spans in epochs.values() for span in spans]
        self._reached = max([self._reached, *ends])
        self._room.singing.restore(record.song, written)

    async def clock(self) -> None:
        """Until the room's clock is known; then the room remembers who led it, and its pages are welcomed."""
        if not is_sure(self._record.anchor):
            self.anchor = again_from(self._record.anchor, reached=Position(self._reached))
            if self._room.singing.running:
                await self._listen()
            self.pulse.correct(self.anchor)
        recall(self._room, self._record.memory, self.pulse.now())
        self.keep_anchor()
        self._settled.set()

    def keep_anchor(self) -> None:
        """The ledger keeps where zero lies, and how far the room has counted."""
        self._services.keep(self._services.ledger.keep_anchor, self._record.room, self.anchor, self.pulse.now())

    async def _listen(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._heard.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_S)
        self.anchor = anchor_at(agreed_zero_ns(self._reports, guess_ns=self.anchor.monotonic_ns))

    async def settled(self, position: float | None, heard_ns: int, *, known: bool) -> None:
        """Wait until the clock is known. A page whose seat is `known` said at `heard_ns` where it stands, if it can."""
        if position is not None and known and believable(position, reached=self._reached):
            self._reports.append(Report(position=position, heard_ns=heard_ns))
            self._heard.set()
        await self._settled.wait()


def _written(folder: Path) -> dict[int, dict[int, SpanSet]]:
    """What the stems in a performance's folder hold, by seat and epoch."""
    written: dict[int, dict[int, SpanSet]] = {}
    for seat in stem_seats(folder):
        epochs = written.setdefault(seat, {})
        for packet in read_packets(stem_path(folder, seat)):
            epochs.setdefault(packet.epoch, SpanSet()).add(packet.span)
    return written
