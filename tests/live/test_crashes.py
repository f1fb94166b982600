"""A real server killed in mid-song, its disk full, its database read-only, a browser closed: what was sung is there."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from sqlalchemy import text

from tests.live.house import open_house, wait_until
from tests.live.serving import Served, serve
from unisono.client import CardSpec, Courtyard, Link, Links, messages, open_courtyard
from unisono.core import messages as m
from unisono.core.messages import Song
from unisono.core.repair import SpanSet
from unisono.store.stems import read_packets, stem_path, stem_seats
from unisono.studio.stem import Stem, decode_stem
from unisono.units import SAMPLE_RATE, span

PATIENCE_S = 40.0
BACK_S = 5.0
"""Half of what a song waits for a page that knows the time."""
VOICE = (0.1 * np.random.default_rng(3).standard_normal(30 * SAMPLE_RATE)).astype(np.float32)
CARD = CardSpec(latency_ms=40.0, drift_ppm=30.0)


class Stage:
    """One server that is killed and started again, and people who come to it."""

    def __init__(self, folder: Path, server: Served, links: Links) -> None:
        self.folder = folder
        self.server = server
        self.links = links

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def come(self, name: str, link: Link) -> Courtyard:
        """Somebody with a device of their own, their sound check done."""
        page = Courtyard.join(link, name=name, store=self.folder / name)
        await page.__aenter__()
        await page.check(CARD)
        return page

    async def start_again(self) -> None:
        self.server = await serve(self.data, port=self.server.port)

    async def kill(self) -> None:
        await self.server.kill()
        await self.start_again()

    def stem(self, song: Song, page: Courtyard) -> Stem:
        """What of the song is on the server's disk."""
        assert page.view.song is not None
        assert page.view.song.stop is not None
        path = stem_path(self.data / "performances" / song.performance, page.view.seat)
        return decode_stem(read_packets(path), span(song.start, page.view.song.stop))


async def open_stage(folder: Path) -> Stage:
    server = await serve(folder / "data")
    async with aiohttp.ClientSession() as http:
        return Stage(folder, server, await open_courtyard(http, server.url, title="Crash"))


async def soon(page: Courtyard, state: str) -> None:
    """Until the song has come so far."""
    async with asyncio.timeout(PATIENCE_S):
        await page.until(lambda: page.view.song is not None and page.view.song.state == state)


async def start(leader: Courtyard, *others: Courtyard) -> tuple[Song, list[asyncio.Task[None]]]:
    """The song that is picked, everybody singing."""
    leader.start()
    for page in (leader, *others):
        await soon(page, "count_in")
    assert leader.view.song is not None
    return leader.view.song, [asyncio.create_task(page.sing(VOICE)) for page in (leader, *others)]


async def stop(leader: Courtyard) -> None:
    """Press stop until it is heard."""
    position = int(leader.heard_position)
    while leader.view.song is None or leader.view.song.state in ("count_in", "singing"):
        leader.send(messages.Stop(position=position))
        await asyncio.sleep(0.2)


async def whole(page: Courtyard) -> None:
    async with asyncio.timeout(PATIENCE_S):
        assert await page.until_written() or not len(page.keep)


async def events(page: Courtyard, code: str) -> messages.Problem:
    """The next problem of this code."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in page:
            if isinstance(event, messages.Problem) and event.code == code:
                return event
    raise AssertionError(code)


async def end(stage: Stage, song: Song, singing: list[asyncio.Task[None]], pages: list[Courtyard]) -> None:
    """The first page stops the song; every stem arrives whole and without a mark, and all go home."""
    await stop(pages[0])
    await asyncio.gather(*singing)
    await asyncio.gather(*(whole(page) for page in pages))
    await soon(pages[-1], "mixing")
    for page in pages:
        stem = stage.stem(song, page)
        assert (stem.gaps, stem.marks) == ((), ())
        await page.leave()


async def test_a_song_goes_on_through_three_kills_in_a_row(tmp_path: Path) -> None:
    """In the count-in, in the middle, and again while pages are on their way back: no gap, no jump."""
    stage = await open_stage(tmp_path)
    try:
        ada, bea = await stage.come("Ada", stage.links.host), await stage.come("Bea", stage.links.singers)
        song, singing = await start(ada, bea)
        seats = (ada.view.seat, bea.view.seat)
        for seconds in (0.3, 2.0, 0.0):
            await asyncio.sleep(seconds)
            await stage.kill()
        async with asyncio.timeout(PATIENCE_S):
            await bea.until(lambda: all(bea.view.seats[seat].present for seat in seats if seat in bea.view.seats))
        await asyncio.sleep(1.0)
        assert (ada.view.seat, bea.view.seat) == seats
        assert bea.view.leader == ada.view.seat
        assert {seat.name for seat in bea.view.seats.values()} == {"Ada", "Bea"}
        await end(stage, song, singing, [ada, bea])
    finally:
        await stage.server.kill()


@pytest.mark.parametrize(
    ("piece", "after_s"), [(None, 3.0), (None, 0.2), ("ode-to-joy", 5.0)],
    ids=["sung freely", "in the moments before its start", "a piece, whose end is known"],
)
async def test_after_a_reboot_the_pages_say_where_the_song_stands(
    tmp_path: Path, piece: str | None, after_s: float
) -> None:
    """Another boot, and a wall clock that is an hour wrong: no stem jumps, and nobody waits for a clock in vain."""
    stage = await open_stage(tmp_path)
    try:
        ada, bea = await stage.come("Ada", stage.links.host), await stage.come("Bea", stage.links.singers)
        ada.send(messages.Pick(piece=piece))
        song, singing = await start(ada, bea)
        await asyncio.sleep(after_s)
        stood = ada.heard_position - SAMPLE_RATE * asyncio.get_running_loop().time()
        await stage.server.kill()
        with closing(sqlite3.connect(stage.data / "unisono.db")) as ledger, ledger:
            ledger.execute("UPDATE rooms SET boot_id = 'before', wall_ns = wall_ns - 3600000000000")
        await stage.start_again()
        await asyncio.sleep(2.0)  # long enough for what nobody takes to pile up
        async with asyncio.timeout(BACK_S):
            await ada.until(lambda: len(ada.keep) < 25)
        await asyncio.sleep(0.5)
        assert abs(ada.heard_position - SAMPLE_RATE * asyncio.get_running_loop().time() - stood) < 0.01 * SAMPLE_RATE
        await end(stage, song, singing, [ada, bea])
    finally:
        await stage.server.kill()


async def test_a_full_disk_in_mid_song_costs_nothing_once_there_is_room(tmp_path: Path) -> None:
    """The system refuses every write of the server's process for a while."""
    stage = await open_stage(tmp_path)
    try:
        ada = await stage.come("Ada", stage.links.host)
        song, singing = await start(ada)
        await asyncio.sleep(2.5)
        pid, no_limit = stage.server.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, no_limit))
        await events(ada, "disk_full")
        await asyncio.sleep(1.0)
        assert len(ada.keep) > 40, "nothing is acknowledged that is not written"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (no_limit, no_limit))
        await asyncio.sleep(0.5)
        await end(stage, song, singing, [ada])
    finally:
        await stage.server.kill()


@pytest.mark.parametrize("comes_back", ["in mid-song", "when all is over"])
async def test_a_closed_browser_delivers_the_rest_when_its_person_comes_back(tmp_path: Path, comes_back: str) -> None:
    stage = await open_stage(tmp_path)
    try:
        ada, bea = await stage.come("Ada", stage.links.host), await stage.come("Bea", stage.links.singers)
        song, (leading, singing) = await start(ada, bea)
        await asyncio.sleep(2.5)
        seat = bea.view.seat
        await stage.server.kill()  # so that there is something left to deliver
        await asyncio.sleep(1.0)
        singing.cancel()
        bea.keep.close()
        owed, sung = len(bea.keep), dict(bea.keep.sung)
        await bea.leave()
        await stage.start_again()
        if comes_back == "in mid-song":
            bea = await stage.come("Bea", stage.links.singers)
            singing = asyncio.create_task(bea.sing(VOICE))
            await asyncio.sleep(1.5)
        await stop(ada)
        await leading
        await asyncio.gather(whole(ada), *([singing] if comes_back == "in mid-song" else []))
        await soon(ada, "mixing")
        if comes_back == "when all is over":
            bea = await stage.come("Bea", stage.links.singers)
        assert owed > 40
        assert bea.view.seat == seat
        async with asyncio.timeout(PATIENCE_S):
            await bea.until(lambda: len(bea.keep) == 0)
        path = stem_path(stage.data / "performances" / song.performance, seat)
        there = SpanSet(packet.span for packet in read_packets(path) if packet.epoch == 0)
        assert there.holes(sung[0]) == []
        await ada.leave()
        await bea.leave()
    finally:
        await stage.server.kill()


async def test_a_kill_while_the_mix_is_made_costs_neither_mix_nor_premiere(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    try:
        ada = await stage.come("Ada", stage.links.host)
        song, singing = await start(ada)
        await asyncio.sleep(2.0)
        await stop(ada)
        await asyncio.gather(*singing)
        await soon(ada, "mixing")
        await stage.kill()
        await soon(ada, "premiere")
        assert ada.view.song is not None
        assert ada.view.song.performance == song.performance
        await soon(ada, "done")
        await ada.leave()
    finally:
        await stage.server.kill()


async def test_a_database_that_takes_nothing_is_told_and_catches_up(tmp_path: Path) -> None:
    """The song goes on meanwhile; what happened is in the ledger once it can be written again."""
    async with open_house(tmp_path) as house:
        links = await house.open()
        ada = await house.sing_in(links["host"], "Ada")
        ledger = house.rooms.services.ledger

        def only_read(on: int) -> None:
            with ledger._session() as session:
                session.execute(text(f"PRAGMA query_only={on}"))

        await house.rooms.services.ask(only_read, 1)
        await ada.say(m.Start())
        song = await ada.get(m.SongChanged)
        assert await ada.problem() == "ledger_trouble"
        await wait_until(song.start + 4800, ada)
        await ada.sing(song.start, song.start + 4800)
        await ada.get(m.Written)
        assert await house.rooms.services.ask(ledger.performance, performance=song.performance) is None
        await house.rooms.services.ask(only_read, 0)
        assert await ada.problem() == "disk_well"
        kept = await house.rooms.services.ask(ledger.performance, performance=song.performance)
        assert kept is not None
        assert kept.song.start == song.start
        assert stem_seats(tmp_path / "performances" / song.performance) == [ada.seat]
