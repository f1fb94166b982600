"""Takes: what the studio finds is told, a person has the last word, the host may hide, and the mix follows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.clips import Stage, Studio, open_stage, report
from unisono.errors import TakeFailed
from unisono.live.app import TAKES
from unisono.live.clips import Clips
from unisono.live.takes import FIRST_SEAT
from unisono.store.records import TakeRecord
from unisono.studio.faders import Fader
from unisono.studio.takes import read_take, take_folder


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


async def test_what_is_sung_to_is_the_mix_before_any_take_was_in_it(stage: Stage) -> None:
    await stage.add()
    await stage.settled()
    (stage.folder / "mix.m4a").unlink()
    (stage.folder / "mix.m4a").write_bytes(b"with a take")
    await stage.add(name="Wei")
    told = await stage.settled()
    assert (await stage.house.get(told["guide"]))[2] == b"the mix as it was sung"


async def test_an_uncertain_take_waits_for_its_person(stage: Stage) -> None:
    stage.studio.finds["Ola"] = report(method="part", certain=False, confidence=0.4)
    upload = await stage.add()
    [take] = (await stage.settled())["takes"]
    assert (take["state"], take["found"]["certain"], take["mine"]) == ("unsure", False, False)
    assert stage.studio.mixes == [], "what is not certain is not mixed"
    assert await upload.ask("/place", offset_seconds=1.25) == (200, {})
    [take] = (await stage.settled())["takes"]
    assert (take["state"], take["by_hand"]) == ("placed", True)
    assert (take["found"]["method"], take["found"]["offset_seconds"]) == ("person", 1.25)
    assert stage.studio.mixes == [{take["seat"]}]


async def test_a_certain_take_can_be_placed_by_hand_and_given_back(stage: Stage) -> None:
    upload = await stage.add()
    await stage.settled()
    await upload.ask("/place", offset_seconds=-0.5)
    assert (await stage.settled())["takes"][0]["found"]["method"] == "person"
    await upload.ask("/place", offset_seconds=None)
    assert (await stage.settled())["takes"][0]["found"]["method"] == "bleed"
    assert len(stage.studio.mixes) == 3


@pytest.mark.parametrize("seconds", [1e300, -20_000, "NaN"])
async def test_a_place_that_is_none_is_refused(stage: Stage, seconds: object) -> None:
    upload = await stage.add()
    await stage.settled()
    status, told = await upload.ask("/place", offset_seconds=seconds)
    assert status == 400
    assert told["code"] in ("out_of_range", "bad_request")


async def test_many_at_once_make_one_new_mix_and_a_stuck_one_holds_up_nobody(stage: Stage) -> None:
    stage.studio.held.add("Stuck")
    stuck = await stage.add(name="Stuck")
    uploads = [await stage.add(name=f"Voice {n}") for n in range(5)]
    told = await stage.wait(lambda told: sum(take["state"] == "placed" for take in told["takes"]) == 5)
    working = [take for take in told["takes"] if take["state"] == "working"]
    assert [take["name"] for take in working] == ["Stuck"]
    assert working[0]["progress"]["step"] == "align"
    assert (await stuck.ask("/stop"))[0] == 200
    told = await stage.settled(*uploads)
    assert {take["state"] for take in told["takes"]} == {"placed", "stopped"}
    assert len(stage.studio.mixes) == 1
    assert len(stage.studio.mixes[0]) == 5
    stage.studio.held.clear()
    await stuck.ask("/again")
    assert {take["state"] for take in (await stage.settled())["takes"]} == {"placed"}


async def test_why_a_take_failed_is_told_and_its_clip_is_kept(stage: Stage) -> None:
    stage.studio.finds["Ola"] = TakeFailed(why="take_unreadable", reason="no streams")
    upload = await stage.add()
    [take] = (await stage.settled())["takes"]
    assert (take["state"], take["code"]) == ("failed", "take_unreadable")
    assert (upload.folder / "original.mp4").exists()
    del stage.studio.finds["Ola"]
    await upload.ask("/again")
    assert (await stage.settled())["takes"][0]["state"] == "placed"


async def test_who_withdraws_is_in_the_mix_no_more_and_nothing_is_left(stage: Stage) -> None:
    ola, wei = await stage.add(), await stage.add(name="Wei")
    told = await stage.settled()
    seats = {take["name"]: take["seat"] for take in told["takes"]}
    alone = stage.folder / f"stems/{seats['Ola']}.wav"
    alone.parent.mkdir(exist_ok=True)
    alone.touch()
    assert (await ola.ask("/withdraw"))[0] == 200
    assert not ola.folder.exists()
    assert not alone.exists()
    told = await stage.settled(wei)
    assert [take["name"] for take in told["takes"]] == ["Wei"]
    assert stage.studio.mixes[-1] == {seats["Wei"]}


async def test_what_a_withdrawn_voice_is_heard_in_is_gone_at_once(stage: Stage) -> None:
    ola, wei = await stage.add(), await stage.add(name="Wei")
    seats = {take["name"]: take["seat"] for take in (await stage.settled())["takes"]}
    for name in ("mix.m4a", "mix.opus", f"stems/{seats['Ola']}.flac", f"stems/{seats['Wei']}.flac", "along/abc.wav"):
        (stage.folder / name).parent.mkdir(exist_ok=True)
        (stage.folder / name).write_bytes(b"sound")
    stage.studio.held.add("the mix")
    assert (await ola.ask("/withdraw"))[0] == 200
    left = {path.relative_to(stage.folder).as_posix() for path in stage.folder.rglob("*.*") if path.suffix != ".json"}
    assert {name for name in left if not name.startswith("takes/")} == {
        "guide.wav", "guide.m4a", f"stems/{seats['Wei']}.flac"
    }  # fmt: skip
    told = await stage.look(wei)
    assert (told["version"], told["mix"] is not None) == ("", True)
    assert (await stage.house.post("/api/along", {"token": stage.token}))[1]["code"] == "not_ready"
    stage.studio.held.clear()
    await stage.settled(wei)
    assert stage.studio.mixes[-1] == {seats["Wei"]}


async def test_a_mix_that_is_being_made_with_a_voice_is_given_up_when_it_is_withdrawn(stage: Stage) -> None:
    stage.studio.held.add("the mix")
    ola = await stage.add()
    await stage.wait(lambda told: told["mix"] is not None and bool(stage.studio.mixes))
    assert (await ola.ask("/withdraw"))[0] == 200
    stage.studio.held.clear()
    await stage.settled()
    assert stage.studio.made == [set()]


async def test_a_clip_that_begins_while_a_mix_does_is_not_taken_for_a_leftover(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add()
    await stage.settled()
    takes = stage.house.rooms.services.ledger.takes
    clips = Clips(stage.folder.parent)
    asked = takes.of
    begun: list[TakeRecord] = []

    def meanwhile(performance: str) -> list[TakeRecord]:
        """A clip begins just after somebody asked which there are."""
        found = asked(performance)
        if not begun:
            begun.append(
                takes.add(replace(found[0], take="0123456789abcdef", state="uploading"), first_seat=FIRST_SEAT)
            )
            clips.begin(begun[0])
        return found

    leftover = stage.folder / "takes" / "leftover"
    leftover.mkdir()
    monkeypatch.setattr(takes, "of", meanwhile)
    await stage.house.app[TAKES].mixes.write_facts("p")
    assert clips.folder(begun[0]).is_dir()
    assert not leftover.exists()


async def test_the_host_hides_a_take_and_lets_it_in_again(stage: Stage) -> None:
    upload = await stage.add()
    await stage.settled()
    assert (await upload.ask("/hide", hidden=True))[0] == 403, "its own key does not hide it"
    assert (await upload.ask("/hide", key="", host=stage.host, hidden=True))[0] == 200
    assert (await stage.settled())["takes"] == []
    assert [take["hidden"] for take in (await stage.look(upload))["takes"]] == [True]
    assert [take["hidden"] for take in (await stage.look(host=True))["takes"]] == [True]
    assert stage.studio.mixes[-1] == set()
    await upload.ask("/hide", key="", host=stage.host, hidden=False)
    await stage.settled()
    assert len(stage.studio.mixes[-1]) == 1
    assert (await upload.ask("/withdraw", key="", host=stage.host))[0] == 200


async def test_other_people_change_nothing(stage: Stage) -> None:
    upload, other = await stage.add(), await stage.add(name="Wei")
    await stage.settled()
    links = await stage.house.open("another courtyard")
    for what in ("", "/place", "/again", "/stop", "/withdraw", "/hide"):
        for key, host in (("", ""), (other.key, ""), ("", "made up"), ("", links["host"])):
            status, told = await upload.ask(what, key=key, host=host)
            assert (status, told["code"]) == (403, "not_allowed"), (what, key, host)
    assert len((await stage.look())["takes"]) == 2


async def test_a_person_changes_how_they_are_called(stage: Stage) -> None:
    upload = await stage.add()
    await stage.settled()
    flag = {"country": "pl"}
    assert (await upload.ask("", name=" Aleksandra \u202e", place="Gdańsk", flag=flag, picture=True, part="alto"))[
        0
    ] == 200
    [take] = (await stage.settled())["takes"]
    assert (take["name"], take["place"], take["flag"]["country"]) == ("Aleksandra", "Gdańsk", "pl")
    facts = read_take(take_folder(stage.folder, upload.take))
    assert facts is not None
    assert (facts.name, facts.picture, facts.part) == ("Aleksandra", True, "alto")
    assert (await upload.ask("", name="\u200b"))[0] == 400
    await upload.ask("", flag=None)
    assert (await stage.look())["takes"][0]["flag"] is None


async def test_the_host_sets_the_mix_and_nobody_else(stage: Stage) -> None:
    faders = {"voices": [{"seat": 1, "gain_db": -3.5}, {"seat": 2, "muted": True}], "backing_db": 2}
    body = {"token": stage.token, "host": stage.host, "faders": faders}
    assert (await stage.house.post("/api/performance/mix", body | {"host": "made up"}))[0] == 403
    assert (await stage.house.post("/api/performance/mix", body))[0] == 200
    await stage.settled()
    assert stage.studio.faders[-1].voices == (Fader(seat=1, gain_db=-3.5), Fader(seat=2, muted=True))
    assert (await stage.look(host=True))["faders"]["backing_db"] == 2
    assert "faders" not in await stage.look()
    loud = {"voices": [{"seat": 1, "gain_db": 90}]}
    assert (await stage.house.post("/api/performance/mix", body | {"faders": loud}))[0] == 400


async def test_a_change_while_a_mix_is_made_makes_another(stage: Stage) -> None:
    first = await stage.add()
    await stage.settled()
    body = {"token": stage.token, "host": stage.host}
    for gain_db in (1, 2, 3):
        faders = {"voices": [{"seat": 1, "gain_db": gain_db}]}
        await stage.house.post("/api/performance/mix", body | {"faders": faders})
    await stage.settled(first)
    assert stage.studio.faders[-1].voices == (Fader(seat=1, gain_db=3),)


async def test_a_mix_that_a_stopped_server_did_not_make_is_made(tmp_path: Path) -> None:
    studio = Studio()
    async with open_stage(tmp_path, studio) as stage:
        await stage.add()
        await stage.settled()
        made = json.loads((stage.folder / "mix.json").read_text())
        (stage.folder / "mix.json").write_text(json.dumps(made | {"stems": []}))
    async with open_stage(tmp_path, studio) as stage:
        await stage.settled()
        assert len(studio.mixes) == 2
    async with open_stage(tmp_path, studio) as stage:
        await stage.settled()
        await asyncio.sleep(0.05)
        assert len(studio.mixes) == 2, "what fits is not made again"


async def test_a_deleted_performance_takes_its_takes_along(stage: Stage) -> None:
    upload = await stage.add()
    await stage.settled()
    ledger = stage.house.rooms.services.ledger
    record = ledger.performance(performance="p")
    assert record is not None
    assert ledger.delete_performance(record.room, "p")
    assert ledger.takes.find(upload.take) is None
