"""Who sings what, over real sockets: from a word on a balcony to parts that are balanced in the mix."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.live.clips import open_stage
from tests.live.house import PATIENCE_SECONDS, House, Page, open_house, sine, wait_until
from tests.live.test_along import keep, open_along, write_mix
from unisono.client import parse_link
from unisono.core import messages as m
from unisono.core.wire import Kind, Packet
from unisono.opus import Encoder
from unisono.robots.choir import make_robots
from unisono.robots.plan import ChoirSpec
from unisono.studio.performance import read_performance, read_report
from unisono.studio.takes import read_take, take_folder
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

SECONDS = 2
TWO_AGAINST_ONE_DB = 3.0
"""Two voices of one loudness are so much louder than one."""


async def sung(page: Page, song: m.SongChanged, hertz: float) -> None:
    """All of the song at once, after it was heard: it is recorded all the same."""
    encoder = Encoder(1, 64_000)
    for start in range(song.start, song.start + SECONDS * SAMPLE_RATE, FRAME_SAMPLES):
        coded = encoder.encode(sine(start, FRAME_SAMPLES, hertz))
        position = Position(start - encoder.lookahead_samples)
        await page.send(Packet(kind=Kind.VOICE, seat=0, epoch=0, position=position, frames=(coded,), level=15))


async def say_sent(page: Page, song: m.SongChanged) -> None:
    first = song.start - Encoder(1, 64_000).lookahead_samples
    stop = first + SECONDS * SAMPLE_RATE
    await page.say(m.Sent(performance=song.performance, epoch=0, start=first, stop=stop))


async def test_parts_that_seats_say_are_balanced_in_the_mix_as_those_of_clips(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    bea, cleo, dan = [await house.sing_in(links["singers"], name) for name in ("Bea", "Cleo", "Dan")]
    await bea.say(m.Part(part="soprano"))
    await cleo.say(m.Part(part="Soprano"))
    await ada.say(m.Part(part="bass", seat=dan.seat))
    assert (await shown(dan, "bass")).name == "Dan"
    await ada.say(m.Start())
    song = await ada.get(m.SongChanged)
    stop = song.start + SECONDS * SAMPLE_RATE
    await wait_until(stop + SAMPLE_RATE // 10, ada)
    pages = (ada, bea, cleo, dan)
    pitches_hz = (330.0, 550.0, 720.0, 210.0)
    await asyncio.gather(*(sung(page, song, hertz) for page, hertz in zip(pages, pitches_hz, strict=True)))
    await ada.say(m.Stop(position=stop))
    await ada.get(m.SongChanged, state="ending")
    await dan.say(m.Part(part="tenor"))  # for the next song
    await shown(dan, "tenor")
    for page in pages:
        await say_sent(page, song)
    ready = await ada.get(m.MixProgress, step="ready")
    folder = house.rooms.services.settings.performances / song.performance
    facts = {seat.name: seat.part for seat in read_performance(folder).seats}
    assert facts == {"Ada": "", "Bea": "soprano", "Cleo": "Soprano", "Dan": "bass"}
    report = read_report(folder)
    assert report is not None
    assert set(report.part_gains_db) == {"soprano", "bass"}
    apart_db = report.part_gains_db["bass"] - report.part_gains_db["soprano"]
    assert apart_db == pytest.approx(TWO_AGAINST_ONE_DB, abs=0.5)
    status, page = await house.post("/api/performance", {"token": str(ready.page).partition("#")[2]})
    assert status == 200
    assert {stem["name"]: stem["part"] for stem in page["stems"]} == facts


async def shown(page: Page, part: str) -> m.SeatInfo:
    """A seat as this page is told of it, once it sings `part`."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for told in page.messages:
                if isinstance(told, m.SeatChanged) and told.seat.part == part:
                    return told.seat
            assert await page.take()


async def test_what_is_sung_along_as_alto_is_an_alto_in_the_songs_mix(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        write_mix(stage.folder, "abc123")
        token = await open_along(stage)
        ola = await stage.house.sing_in(token, "Ola")
        await ola.say(m.Part(part="alto"))
        await ola.say(m.Start())
        song = await ola.get(m.SongChanged)
        assert song.stop is not None
        await wait_until(song.stop + SAMPLE_RATE // 10, ola)
        await sung(ola, song, 330.0)
        await say_sent(ola, song)
        await ola.get(m.MixProgress, step="ready")
        status, kept = await keep(stage, token, song.performance)
        assert status == 200, kept
        [take] = (await stage.settled())["takes"]
        assert (take["name"], take["part"], take["along"]) == ("Ola", "alto", True)
        facts = read_take(take_folder(stage.folder, take["take"]))
        assert facts is not None
        assert (facts.part, facts.in_mix) == ("alto", True), "what the studio aligns and balances it by"


async def test_what_is_no_part_costs_nobody_anything(house: House) -> None:
    links = await house.open()
    ada, bea = await house.sing_in(links["host"], "Ada"), await house.sing_in(links["singers"], "Bea")
    for part in ("x" * 10_000, "al\x00to"):
        await bea.say(m.Part(part=part))
        assert await bea.problem() == "bad_part"
    await bea.say(m.Part(part="alto", seat=ada.seat))
    assert await bea.problem() == "not_allowed"
    await bea.say(m.Part(part="alto"))
    assert (await shown(ada, "alto")).name == "Bea"
    stranger = await house.sing_in(links["singers"], "Eve")
    await stranger.ws.send_str(msgspec.json.encode({"type": "part", "part": 7}).decode())
    assert await stranger.closed() == 4400
    await ada.say(m.Wave())
    await bea.get(m.SeatWaved)


async def test_after_a_restart_it_is_known_what_everybody_sings(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        links = await house.open()
        bea = await house.sing_in(links["singers"], "Bea")
        await bea.say(m.Part(part="alto"))
        await shown(bea, "alto")
        assert bea.welcome is not None
        key = bea.welcome.key
    async with open_house(tmp_path) as house:
        again = await house.come(links["singers"], key=key)
        assert again.welcome is not None
        assert [(seat.name, seat.part) for seat in again.welcome.seats] == [("Bea", "alto")]


@pytest.mark.parametrize("hums", [True, False])
async def test_robots_say_what_they_hum_and_not_what_a_recording_is(house: House, *, hums: bool) -> None:
    links = await house.open()
    watcher = await house.come(links["listeners"])
    robots = await make_robots(parse_link(f"{house.url}/courtyard#{links['singers']}"), ChoirSpec(voices=4), ())
    for robot in robots:
        robot.wav = None if hums else np.zeros(SAMPLE_RATE, dtype=np.float32)
    runs = [asyncio.create_task(robot.run()) for robot in robots]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not all(robot.courtyard for robot in robots):  # noqa: ASYNC110 - as a table of robots looks
                await asyncio.sleep(0.01)
        for robot in robots:
            assert robot.courtyard is not None
            robot.courtyard.hand(up=True)  # what it said before that is known then
            await watcher.get(m.SeatHand, seat=robot.status.seat, up=True)
        told = {one.seat.seat: one.seat.part for one in watcher.messages if isinstance(one, m.SeatChanged)}
        said = [told[robot.status.seat] for robot in robots]
        assert said == ([robot.plan.who.voice for robot in robots] if hums else [""] * 4)
        assert len(set(said)) == (4 if hums else 1)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
