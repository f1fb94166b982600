"""Clips are made small for the film when they have come: once, never in mid-song, gone with who withdraws."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.live.clips import Stage, Studio
from tests.live.house import PATIENCE_SECONDS
from tests.live.test_films import Projector, ask, cinema, rests, until
from tests.live.test_pictures import SECRET, send, take_seats
from unisono.core import messages as m
from unisono.live import ahead, arrivals
from unisono.studio.film.released import marked_ahead


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "TOGETHER_S", 0.1)
    monkeypatch.setattr(ahead, "_LOOK_SECONDS", 0.01)


@pytest.fixture
def projector() -> Projector:
    return Projector()


@pytest.fixture
async def stage(tmp_path: Path, projector: Projector) -> AsyncIterator[Stage]:
    async with cinema(tmp_path, projector) as stage:
        take_seats(stage)
        (stage.folder / "performance.json").write_text("{}")
        yield stage


async def become(ready: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not ready():  # noqa: ASYNC110 - nobody says
            await asyncio.sleep(0.01)


def small(stage: Stage) -> set[str]:
    return {path.name for path in stage.folder.glob("film/work/proxies/*")}


async def test_a_clip_is_made_small_while_the_studio_looks_at_it(stage: Stage, projector: Projector) -> None:
    stage.studio.held.add("Ola")
    await stage.add(picture="yes")
    await stage.add(name="Wei")
    await become(lambda: projector.small == [{"Ola"}])
    assert projector.shown == []
    stage.studio.held.clear()
    await until(stage, rests)
    assert projector.small == [{"Ola"}], "once"
    assert marked_ahead(stage.folder.parent) == []


async def test_nothing_is_made_small_while_a_song_is_sung(stage: Stage, projector: Projector) -> None:
    page = await stage.house.sing_in(stage.host, "Ada")
    await page.say(m.Start())
    song = await page.get(m.SongChanged)
    await send(stage)
    await asyncio.sleep(0.1)
    assert projector.asked_ahead == []
    await page.say(m.Stop(position=max(song.start, 0)))
    await become(lambda: projector.small)
    assert projector.asked_to_wait is not None
    assert not projector.asked_to_wait()


async def test_the_film_waits_for_what_is_just_being_made_small(stage: Stage, projector: Projector) -> None:
    projector.held_ahead = True
    stage.studio.held.add("Ola")
    await stage.add(picture="yes")
    await become(lambda: projector.asked_ahead)
    stage.studio.held.clear()
    told = await until(stage, lambda told: told["making"] and told["making"]["step"] == "proxies")
    assert (told["making"]["share"], projector.shown) == (0, [])
    projector.held_ahead = False
    await until(stage, rests)
    assert projector.shown == [("wide", {"Ola"})]


async def test_who_withdraws_before_the_mix_leaves_nothing_and_costs_no_film(
    stage: Stage, projector: Projector
) -> None:
    await stage.add(name="Wei", picture="yes")
    await until(stage, rests)
    await send(stage)
    await until(stage, lambda told: rests(told) and len(projector.shown) == 2)
    others = small(stage)
    stage.studio.held.add("Ola")
    for change in ("/withdraw", ""):
        ola = await stage.add(picture="yes")
        await become(lambda: len(small(stage)) == 3)
        await ola.ask(change, picture=False) if not change else await ola.ask(change)
        assert small(stage) == others
        assert (await ask(stage))[1]["forms"], "the film they are not in stays"
    body = {"token": stage.host, "key": SECRET, "performance": "p"}
    assert await stage.house.post("/api/picture/withdraw", body) == (200, {})
    assert len(small(stage)) == 1
    assert small(stage) < others


async def test_a_stopped_server_goes_on_with_what_had_come(tmp_path: Path, projector: Projector) -> None:
    studio = Studio(held={"Ola"})
    projector.held_ahead = True
    async with cinema(tmp_path, projector, studio) as stage:
        (stage.folder / "performance.json").write_text("{}")
        await stage.add(picture="yes")
        await become(lambda: projector.asked_ahead)
    assert projector.small == []
    projector.held_ahead = False
    async with cinema(tmp_path, projector, studio) as stage:
        await become(lambda: projector.small == [{"Ola"}])
        await become(lambda: marked_ahead(stage.folder.parent) == [])
        studio.held.clear()
