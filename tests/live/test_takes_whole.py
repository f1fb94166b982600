"""The whole way, with the studio's real processes: a clip in which the song is heard comes by HTTP and is mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.live.clips import Stage, Studio, Upload, sing
from tests.live.house import House, open_house
from tests.unit.test_desk import START
from tests.unit.test_studio_jobs import performance
from unisono import songbook
from unisono.songbook.backing import render_backing
from unisono.studio import files
from unisono.studio.jobs import run_mix
from unisono.units import SAMPLE_RATE, Audio

OFFSET_SECONDS = 1.25


async def test_a_clip_is_placed_mixed_and_withdrawn(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        stage = await _with_a_song(house, tmp_path)
        upload = await _add(stage, _clip(_song(), tmp_path / "clip.wav"))
        told = await stage.wait(_rests)
        [take] = told["takes"]
        assert take["state"] == "placed", take
        assert abs(take["found"]["offset_seconds"] - OFFSET_SECONDS) < 0.001
        assert take["found"]["said"]
        for url in (told["guide"], take["found"]["listen"], *(shown["url"] for shown in take["found"]["pictures"])):
            assert (await house.get(url))[0] == 200, url
        _, sung = await house.post("/api/performance", {"token": stage.token})
        [voice] = [stem for stem in sung["stems"] if stem["seat"] == take["seat"]]
        assert (voice["name"], len(voice["files"])) == ("Ola", 2)
        assert (await house.get(voice["files"][0]["url"]))[0] == 200
        assert (await upload.ask("/withdraw"))[0] == 200
        await stage.wait(_rests)
        _, sung = await house.post("/api/performance", {"token": stage.token})
        assert [stem for stem in sung["stems"] if stem["seat"] == take["seat"]] == []


async def test_what_is_no_clip_is_told_with_its_code(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        stage = await _with_a_song(house, tmp_path)
        await _add(stage, b"this is a text and no film " * 50)
        [take] = (await stage.wait(_rests))["takes"]
        assert (take["state"], take["code"]) == ("failed", "take_unreadable")


def _rests(told: Any) -> bool:
    return told["mix"] is None and not any(take["progress"] for take in told["takes"])


async def _add(stage: Stage, data: bytes) -> Upload:
    return await stage.add(data, name="Ola", filename="ola.wav")


async def _with_a_song(house: House, data: Path) -> Stage:
    """A performance of ten seconds in which nobody sang: its mix is the backing."""
    host = await sing(house, data)
    folder = data / "performances" / "p"
    performance(folder, 10, 0, backing=_song(), more={"start": START, "stop": START + 480_000})
    await run_mix(folder, lambda *_: None)
    record = house.rooms.services.ledger.performance(performance="p")
    assert record is not None
    return Stage(house=house, studio=Studio(), host=host, token=record.token, folder=folder)


def _piece() -> songbook.Piece:
    return songbook.piece("ode-to-joy")


def _song() -> Audio:
    """Ten seconds of a piece's accompaniment: float32 (samples,)."""
    return render_backing(_piece(), 0, 0)[: 10 * SAMPLE_RATE]


def _clip(song: Audio, path: Path) -> bytes:
    """A recording that began OFFSET_SECONDS after the song, with some noise."""
    heard = song[round(OFFSET_SECONDS * SAMPLE_RATE) :]
    noise = np.random.default_rng(5).normal(0, 0.003, len(heard))
    files.write(path, (heard + noise).astype(np.float32)[:, np.newaxis], files.WAV)
    return path.read_bytes()
