"""A mix becomes a film: one at a time, held while anybody sings, gone at once with who withdraws."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.live.clips import Stage, Studio, open_stage
from tests.live.house import PATIENCE_SECONDS
from unisono.core import messages as m
from unisono.errors import FilmFailed
from unisono.studio.film.brief import mark_of
from unisono.studio.film.released import Release, clips_seen, film_path, read_wanted, write_release
from unisono.studio.performance import FileReport
from unisono.studio.takes import takes_of

RING = b"a film " * 100


@dataclass
class Projector:
    """Stands where the film's worker is started: keeps whom it could have shown."""

    held: bool = False
    fails: bool = False
    silent: str = ""
    """In this form it does not say how far it is."""
    shown: list[tuple[str, set[str]]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    asked_to_wait: Callable[[], bool] | None = None
    held_ahead: bool = False
    asked_ahead: list[set[str]] = field(default_factory=list)
    small: list[set[str]] = field(default_factory=list)

    async def ahead(self, folder: Path, takes: list[str], *, held: Callable[[], bool]) -> None:
        """As if every clip were made small that may be seen or is expected; kept in the order of the runs."""
        asked = {take.name for take in takes_of(folder) if take.take in takes}
        self.asked_ahead.append(asked)
        self.asked_to_wait = held
        while self.held_ahead:  # noqa: ASYNC110 - a test lets go of it
            await asyncio.sleep(0.01)
        proxies = folder / "film/work/proxies"
        proxies.mkdir(parents=True, exist_ok=True)
        for files in clips_seen(folder):
            (proxies / f"{mark_of(files)}-1.mp4").touch()
        self.small.append(asked)

    async def film(self, folder: Path, form: str, on_progress: Any, *, held: Callable[[], bool]) -> Release:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked_to_wait = held
        try:
            while self.silent == form:  # noqa: ASYNC110 - a test lets go of it
                await asyncio.sleep(0.01)
            on_progress(0.4, "render", 12.0)
            while self.held:  # noqa: ASYNC110 - a test lets go of it
                await asyncio.sleep(0.01)
            if self.fails:
                raise FilmFailed(reason="no light")
        finally:
            self.at_once -= 1
        seen = {take.name for take in takes_of(folder) if take.in_mix and take.picture}
        self.shown.append((form, seen))
        path = film_path(folder, form)
        path.write_bytes(RING)
        name = f"film/{path.name}"
        file = FileReport(name=name, kind=path.suffix[1:], size_bytes=len(RING))
        made = Release(form=form, fingerprint=f"{len(self.shown):012}", seconds=2.0, files=(file,))
        write_release(folder, made)
        return made


@asynccontextmanager
async def cinema(data: Path, projector: Projector, studio: Studio | None = None) -> AsyncIterator[Stage]:
    with patch.multiple("unisono.live.app", run_film=projector.film, run_ahead=projector.ahead):
        async with open_stage(data, studio, films=True) as stage:
            yield stage


@pytest.fixture
def projector() -> Projector:
    return Projector()


@pytest.fixture
async def stage(tmp_path: Path, projector: Projector) -> AsyncIterator[Stage]:
    async with cinema(tmp_path, projector) as stage:
        yield stage


async def ask(stage: Stage, what: str = "", *, host: bool = False, **more: Any) -> tuple[int, Any]:
    return await stage.house.post(f"/api/film{what}", {"token": stage.token, "host": stage.host * host} | more)


async def until(stage: Stage, ready: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not ready(told := (await ask(stage))[1]):  # noqa: ASYNC110 - as a page asks
            await asyncio.sleep(0.01)
    return told


def rests(told: Any) -> bool:
    return told["making"] is None and bool(told["forms"])


async def test_a_new_mix_becomes_a_film_that_is_served_in_ranges(stage: Stage, projector: Projector) -> None:
    await stage.add(picture="yes")
    told = await until(stage, rests)
    assert projector.shown == [("wide", {"Ola"})]
    [file] = told["forms"][0]["files"]
    status, headers, body = await stage.house.get(file["url"], Range="bytes=2-5")
    assert (status, body) == (206, RING[2:6])
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    media = file["url"].partition("/film/")[0]
    assert (await stage.house.get(f"{media}/film/wanted.json"))[0] == 404
    assert (await stage.house.get(f"{media}/film/work/proxies/a.mp4"))[0] == 404


async def test_who_takes_out_an_earlier_try_is_not_in_the_film_before_it_either(
    stage: Stage, projector: Projector
) -> None:
    first = await stage.add(picture="yes")
    await stage.settled()
    url = (await until(stage, rests))["forms"][0]["files"][0]["url"]
    projector.held = True
    second = await stage.add(picture="yes")
    await stage.settled()
    assert (await second.ask("/use", instead_of={first.take: first.key}))[0] == 200
    await stage.settled()
    assert (await stage.house.get(url))[0] == 200, "the new film is not there yet"
    assert (await first.ask("/withdraw"))[0] == 200
    assert (await stage.house.get(url))[0] == 404
    projector.held = False
    await until(stage, rests)
    assert [len(seen) for _, seen in projector.shown] == [1, 1]


async def test_who_withdraws_is_in_no_film_from_that_moment_on(stage: Stage, projector: Projector) -> None:
    ola, _ = await stage.add(picture="yes"), await stage.add(name="Wei", picture="yes")
    await stage.settled()
    told = await until(stage, rests)
    url = told["forms"][0]["files"][0]["url"]
    proxy = stage.folder / "film/work/proxies/ola.mp4"
    proxy.parent.mkdir(parents=True)
    proxy.touch()
    projector.held = True
    assert (await ola.ask("/withdraw"))[0] == 200
    assert (await stage.house.get(url))[0] == 404, "gone before the new one is there"
    assert not proxy.exists()
    projector.held = False
    await until(stage, rests)
    assert projector.shown[-1] == ("wide", {"Wei"})


async def test_who_takes_only_the_picture_out_is_not_seen(stage: Stage, projector: Projector) -> None:
    ola = await stage.add(picture="yes")
    url = (await until(stage, rests))["forms"][0]["files"][0]["url"]
    await ola.ask("", picture=False)
    assert (await stage.house.get(url))[0] == 404
    await until(stage, rests)
    assert projector.shown[-1] == ("wide", set())


async def test_faders_make_a_new_film_and_the_older_one_plays_until_then(stage: Stage, projector: Projector) -> None:
    await stage.add()
    await until(stage, rests)
    projector.held = True
    body = {"token": stage.token, "host": stage.host, "faders": {"backing_db": 1}}
    await stage.house.post("/api/performance/mix", body)
    told = await until(stage, lambda told: told["making"] and told["making"]["step"] == "render")
    assert told["making"]["seconds_left"] == 12.0
    assert told["forms"]
    projector.held = False
    await until(stage, lambda told: told["making"] is None)
    assert len(projector.shown) == 2


async def test_other_forms_are_made_for_who_asks_one_at_a_time(stage: Stage, projector: Projector) -> None:
    await stage.add()
    await until(stage, rests)
    assert (await ask(stage, "/make", form="tall"))[0] == 200
    assert (await ask(stage, "/make", form="square"))[0] == 200
    assert (await ask(stage, "/make", form="tall"))[0] == 403, "it was asked for"
    assert (await ask(stage, "/make", form="round"))[0] == 400
    assert (await ask(stage, "/make", form="webm"))[0] == 200
    told = await until(stage, lambda told: len(told["forms"]) == 4 and told["making"] is None)
    assert [form["form"] for form in told["forms"]] == ["wide", "tall", "square", "webm"]
    assert projector.most_at_once == 1
    [file] = told["forms"][3]["files"]
    status, headers, body = await stage.house.get(file["url"], Range="bytes=0-3")
    assert (status, headers["Content-Type"], body) == (206, "video/webm", RING[:4])


async def test_every_form_goes_with_who_withdraws_and_comes_again_without_them(
    stage: Stage, projector: Projector
) -> None:
    ola = await stage.add(picture="yes")
    await until(stage, rests)
    for form in ("tall", "webm"):
        await ask(stage, "/make", form=form)
    told = await until(stage, lambda told: len(told["forms"]) == 3 and told["making"] is None)
    urls = [file["url"] for form in told["forms"] for file in form["files"]]
    projector.held = True
    await ola.ask("", picture=False)
    assert [(await stage.house.get(url))[0] for url in urls] == [404, 404, 404]
    projector.held = False
    await until(stage, lambda told: len(told["forms"]) == 3 and told["making"] is None)
    assert projector.shown[-3:] == [("wide", set()), ("tall", set()), ("webm", set())]


async def test_the_host_stops_a_film_and_has_it_made_again(stage: Stage, projector: Projector) -> None:
    projector.held = True
    await stage.add()
    await until(stage, lambda told: told["making"] and told["making"]["share"] == 0.4)
    assert (await ask(stage, "/stop"))[0] == 403
    assert (await ask(stage, "/stop", host=True))[0] == 200
    told = (await ask(stage, host=True))[1]
    assert (told["making"], told["code"], told["host"]) == (None, "stopped", True)
    assert projector.at_once == 0
    projector.held = False
    assert (await ask(stage, "/make", host=True, form="wide"))[0] == 200
    await until(stage, rests)


async def test_why_there_is_no_film_is_told(stage: Stage, projector: Projector) -> None:
    projector.fails = True
    await stage.add()
    told = await until(stage, lambda told: told["code"] != "")
    assert (told["code"], told["forms"]) == ("film_failed", [])


async def test_a_stopped_server_goes_on_and_shows_nobody_who_withdrew_meanwhile(
    tmp_path: Path, projector: Projector
) -> None:
    studio = Studio()
    projector.held = True
    async with cinema(tmp_path, projector, studio) as stage:
        upload = await stage.add(picture="yes")
        await until(stage, lambda told: told["making"] and told["making"]["share"] == 0.4)
        wanted = read_wanted(stage.folder)
        assert wanted is not None
        assert wanted.pending
        stage.house.rooms.services.ledger.takes.set(upload.take, picture=False)  # killed before anything followed
    projector.held = False
    async with cinema(tmp_path, projector, studio) as stage:
        await until(stage, rests)
    assert projector.shown == [("wide", set())]


async def test_the_room_is_told_and_the_film_waits_for_a_song(stage: Stage, projector: Projector) -> None:
    page = await stage.house.sing_in(stage.host, "Ada")
    projector.held = True
    await stage.add()
    told = await page.get(m.Film, step="render")
    assert (told.share, told.seconds_left, told.url) == (0.4, 12.0, None)
    assert projector.asked_to_wait is not None
    assert not projector.asked_to_wait()
    await page.say(m.Start())
    song = await page.get(m.SongChanged)
    assert projector.asked_to_wait(), "a song is sung"
    await page.say(m.Stop(position=max(song.start, 0)))
    projector.held = False
    ready = await page.get(m.Film, step="ready")
    assert ready.url is not None
    assert ready.samples == 96_000


async def test_who_comes_after_a_restart_is_told_of_the_film_and_watches_it(
    tmp_path: Path, projector: Projector
) -> None:
    async with cinema(tmp_path, projector) as stage:
        await stage.add()
        await until(stage, rests)
    async with cinema(tmp_path, projector) as stage:
        page = await stage.house.sing_in(stage.host, "Ada")
        told = await page.get(m.Film, step="ready")
        assert told.url is not None
        await page.say(m.Watch(performance=told.performance))
        assert (await page.get(m.Screening)).url == told.url
    assert len(projector.shown) == 1, "and it is not made again"


async def test_each_form_begins_with_nothing_done_and_no_forecast(stage: Stage, projector: Projector) -> None:
    """Of what the form before it had come to nothing is said."""
    await stage.add(picture="yes")
    await until(stage, rests)
    projector.silent = "tall"
    assert (await ask(stage, "/make", form="tall"))[0] == 200
    told = await until(stage, lambda told: told["making"] is not None and told["making"]["form"] == "tall")
    assert (told["making"]["share"], told["making"]["step"], told["making"]["seconds_left"]) == (0.0, "", None)
    projector.silent = ""
    await until(stage, rests)


async def test_the_room_is_told_of_the_webm_when_somebody_has_had_it_made(stage: Stage) -> None:
    page = await stage.house.sing_in(stage.host, "Ada")
    await stage.add()
    ready = await page.get(m.Film, step="ready")
    assert ready.webm is None
    assert (await ask(stage, "/make", form="webm"))[0] == 200
    await until(stage, lambda told: len(told["forms"]) == 2 and told["making"] is None)
    while (told := await page.get(m.Film, step="ready")).webm is None:
        pass
    await page.say(m.Watch(performance=told.performance))
    shown = await page.get(m.Screening)
    assert (shown.url, shown.webm) == (told.url, told.webm)
    assert (await stage.house.get(told.webm))[0] == 200


async def test_a_server_that_wants_no_films_makes_none(tmp_path: Path, projector: Projector) -> None:
    with patch("unisono.live.app.run_film", projector.film):
        async with open_stage(tmp_path, films=False) as stage:
            await stage.add()
            await stage.settled()
            assert (await ask(stage))[1]["films"] is False
            assert (await ask(stage, "/make", form="tall"))[0] == 403
    assert projector.shown == []
