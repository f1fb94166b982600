"""Singing along: a room of one's own for a performance, in which nothing else can be sung, and what is kept of it.

Over 400 lines: the way from opening the room to the newest try in the mix is one, and all of it sings by `was_sung`.
"""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.clips import Stage, open_stage
from tests.unit.test_desk import START, song_of
from unisono.core import messages as m
from unisono.errors import TakeFailed
from unisono.live import along as guides
from unisono.live import takes as limits
from unisono.store.records import StemRecord
from unisono.store.stems import MAGIC, stem_path
from unisono.studio.performance import MixReport, StemReport, write_report
from unisono.studio.takes import read_take, take_folder
from unisono.units import SAMPLE_RATE, Position

SAMPLES = 3 * SAMPLE_RATE
FIRST_START = 7 * SAMPLE_RATE + 11


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        write_mix(stage.folder, "abc123")
        yield stage


def write_mix(folder: Path, fingerprint: str, loud: int = 1000) -> None:
    """Three seconds whose left side counts up and whose right side is still; and the report of them."""
    with wave.open(str(folder / "mix.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        left = loud + np.arange(SAMPLES) % 1000
        file.writeframes(np.stack([left, np.zeros(SAMPLES)], axis=1).astype("<i2").tobytes())
    report(folder, fingerprint, ())


def report(folder: Path, fingerprint: str, stems: tuple[StemReport, ...]) -> None:
    loud: dict[str, Any] = {"lufs": -16.0, "limiter_db": 0.0, "backing_gain_db": None}
    made = MixReport(fingerprint=fingerprint, samples=SAMPLES, files=(), stems=stems, seconds={}, **loud)
    write_report(folder, made)


async def open_along(stage: Stage) -> str:
    """The host's token of a room of one's own."""
    status, links = await stage.house.post("/api/along", {"token": stage.token})
    assert status == 200, links
    return str(links["host"])


async def about(stage: Stage, token: str) -> Any:
    status, told = await stage.house.post("/api/along/room", {"token": token})
    assert status == 200, told
    return told


async def keep(stage: Stage, token: str, performance: str, **more: Any) -> tuple[int, Any]:
    body = {"token": token, "performance": performance} | more
    return await stage.house.post("/api/along/keep", body)


def was_sung(
    stage: Stage, token: str, name: str, *, start: int = FIRST_START, state: str = "done", silent: tuple[int, ...] = ()
) -> str:
    """A performance of the room behind `token`, by its seats 1 and 2; the first is called Ola."""
    services = stage.house.rooms.services
    song = replace(
        song_of("headphones", stop=start + SAMPLES), performance=name, start=Position(start), piece=guides.PIECE
    )
    song.state = state  # type: ignore[assignment]
    services.ledger.keep_song(services.ledger.admit(token).room, song, title="Canto")
    folder = services.settings.performances / name
    stems = []
    for seat, who, part in ((1, "Ola", "alto"), (2, "Wei", "")):
        path = stem_path(folder, seat)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAGIC + f"{name} {seat}".encode())
        stems.append(StemRecord(seat=seat, name=who, place="Łódź", flag=m.Flag(country="pl"), row=seat - 1, part=part))
    services.ledger.keep_stems(name, stems)
    told = tuple(
        StemReport(
            seat=seat,
            name="",
            lufs=None,
            gain_db=0.0,
            pan=0.0,
            gaps=(),
            marks=("silent",) if seat in silent else (),
            files=(),
        )
        for seat in (1, 2)
    )
    report(folder, "solo", told)
    return name


# ------------------------------------------------------------------------------------ the room


async def test_the_room_has_the_song_picked_and_nothing_else_can_be_picked(stage: Stage) -> None:
    page = await stage.house.sing_in(await open_along(stage), "Ola")
    assert page.welcome is not None
    picked = page.welcome.piece
    assert picked is not None
    assert (picked.piece, picked.key, picked.tempo_bpm) == (guides.PIECE, 0, 0)
    await page.say(m.Pick(piece=None))
    assert await page.problem() == "unknown_piece"
    await page.say(m.Pick(piece="ode-to-joy"))
    assert await page.problem() == "unknown_piece"
    await page.say(m.Pick(piece=guides.PIECE, key=3, tempo_bpm=120))
    told = await page.get(m.PiecePicked)
    assert (told.piece, told.key, told.tempo_bpm) == (guides.PIECE, 0, 0)


async def test_start_is_enough_and_the_guide_begins_where_the_song_does(stage: Stage) -> None:
    page = await stage.house.sing_in(await open_along(stage), "Ola")
    await page.say(m.Start())
    song = await page.get(m.SongChanged)
    assert song.backing is not None
    assert (song.stop, song.backing.samples, song.count_in_samples) == (song.start + SAMPLES, SAMPLES, 0)
    status, _, data = await stage.house.get(song.backing.url)
    assert status == 200
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    assert len(sound) == SAMPLES
    assert np.array_equal(sound, np.rint((1000 + np.arange(SAMPLES) % 1000) / 2))


async def test_a_room_sings_to_the_mix_it_was_opened_with_and_a_new_one_to_the_newest(stage: Stage) -> None:
    first = await about(stage, await open_along(stage))
    write_mix(stage.folder, "def456", loud=2000)
    second = await about(stage, await open_along(stage))
    opening = [np.frombuffer((await stage.house.get(told["backing"]))[2], dtype="<i2")[22] for told in (first, second)]
    assert opening == [500, 1000]


async def test_a_guide_that_was_deleted_in_the_meantime_is_made_of_the_newest_mix(stage: Stage) -> None:
    token = await open_along(stage)
    (made,) = (stage.folder / guides.FOLDER).iterdir()
    made.unlink()
    write_mix(stage.folder, "def456", loud=2000)
    page = await stage.house.sing_in(token, "Ola")
    await page.say(m.Start())
    song = await page.get(m.SongChanged)
    assert song.backing is not None
    assert np.frombuffer((await stage.house.get(song.backing.url))[2], dtype="<i2")[22] == 1000


async def test_the_page_is_told_what_is_sung_there_and_other_rooms_nothing(stage: Stage) -> None:
    told = await about(stage, await open_along(stage))
    assert (told["title"], told["page"], told["kept"]) == ("Canto", f"/performance#{stage.token}", 0)
    assert (told["piece"]["id"], told["piece"]["title"], told["piece"]["words"]) == (guides.PIECE, "Canto", [])
    assert await about(stage, stage.host) is None


async def test_words_key_tempo_and_count_in_are_those_of_what_was_sung(stage: Stage) -> None:
    ledger = stage.house.rooms.services.ledger
    song = replace(song_of(stop=START + SAMPLES), piece="ode-to-joy", key=-2, tempo_bpm=132, count_in_samples=98_765)
    song.state = "done"
    ledger.keep_song(ledger.admit(stage.host).room, song, title="Ode")
    _, told = await stage.house.post("/api/performance", {"token": stage.token})
    assert told["parts"] == ["soprano", "alto", "tenor", "bass"]
    token = await open_along(stage)
    piece = (await about(stage, token))["piece"]
    assert piece["words"]
    assert piece["parts"] == told["parts"], "who sings along may say which"
    assert piece["beats_per_bar"] == 4
    page = await stage.house.sing_in(token, "Ola")
    await page.say(m.Start())
    sung = await page.get(m.SongChanged)
    assert (sung.key, sung.tempo_bpm, sung.count_in_samples) == (-2, 132, 98_765)
    assert sung.stop == sung.start + SAMPLES


async def test_after_a_restart_the_room_is_what_it_was(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        write_mix(stage.folder, "abc123")
        token = await open_along(stage)
    async with open_stage(tmp_path) as stage:
        page = await stage.house.come(token, "Ola")
        assert page.welcome is not None
        assert page.welcome.piece is not None
        assert page.welcome.piece.piece == guides.PIECE


async def test_when_the_performance_is_deleted_the_room_says_so(stage: Stage) -> None:
    token = await open_along(stage)
    performance = was_sung(stage, token, "solo1")
    page = await stage.house.sing_in(token, "Ola")
    host = await stage.house.sing_in(stage.host, "Ada")
    await host.say(m.Discard(performance="p"))
    services = stage.house.rooms.services
    while services.ledger.performance(performance="p") is not None or stage.folder.exists():
        await host.listen(0.02)
    assert (await about(stage, token))["page"] is None
    status, told = await keep(stage, token, performance)
    assert (status, told["code"]) == (410, "guide_gone")
    await page.say(m.Pick(piece=guides.PIECE))
    await page.say(m.Start())
    assert await page.problem() == "guide_gone"


@pytest.mark.parametrize("token", ["", "nobody's"])
async def test_who_has_no_token_gets_no_room(stage: Stage, token: str) -> None:
    for path in ("/api/along", "/api/along/room", "/api/along/keep"):
        status, told = await stage.house.post(path, {"token": token, "performance": "p"})
        assert (status, told["code"]) == (401, "link_not_valid")


async def test_what_is_still_being_mixed_cannot_be_sung_along_to(stage: Stage) -> None:
    stage.house.rooms.services.ledger.set_state("p", "mixing")
    status, told = await stage.house.post("/api/along", {"token": stage.token})
    assert (status, told["code"]) == (409, "not_ready")


async def test_rooms_for_singing_along_are_counted_with_all_others(tmp_path: Path) -> None:
    async with open_stage(tmp_path, rooms_per_hour=3) as stage:  # its own is the first
        write_mix(stage.folder, "abc123")
        await open_along(stage)
        await stage.house.open()
        status, told = await stage.house.post("/api/along", {"token": stage.token})
        assert (status, told["code"]) == (429, "flood")
        status, _ = await stage.house.post("/api/rooms", {"title": "one more"})
        assert status == 429


# ------------------------------------------------------------------------------------ keeping


async def test_what_is_kept_is_a_take_of_each_who_was_heard_placed_by_its_own_positions(stage: Stage) -> None:
    token = await open_along(stage)
    performance = was_sung(stage, token, "solo1", silent=(2,))
    status, kept = await keep(stage, token, performance)
    assert status == 200
    assert kept["page"] == f"/performance#{stage.token}"
    [own] = kept["takes"]
    told = await stage.settled()
    [take] = told["takes"]
    assert (take["take"], take["name"], take["place"], take["state"]) == (own["take"], "Ola", "Łódź", "placed")
    folder = take_folder(stage.folder, own["take"])
    facts = read_take(folder)
    assert facts is not None
    assert (facts.sung, facts.offset_samples) == ((FIRST_START, FIRST_START + SAMPLES), None)
    assert (take["part"], facts.part) == ("alto", "alto"), "what was said on the balcony there"
    assert (folder / facts.original).read_bytes() == MAGIC + b"solo1 1"
    assert stage.studio.mixes == [{take["seat"]}]
    assert (await about(stage, token))["kept"] == 1


async def test_its_key_withdraws_it_as_any_clip(stage: Stage) -> None:
    token = await open_along(stage)
    _, kept = await keep(stage, token, was_sung(stage, token, "solo1", silent=(2,)))
    await stage.settled()
    [own] = kept["takes"]
    wanted = {"token": stage.token, "take": own["take"]}
    assert (await stage.house.post("/api/take/withdraw", wanted | {"key": "another"}))[0] == 403
    assert (await stage.house.post("/api/take/withdraw", wanted | {"key": own["key"]}))[0] == 200
    assert (await stage.settled())["takes"] == []
    assert stage.studio.mixes[-1] == set()


async def test_twice_is_once(stage: Stage) -> None:
    token = await open_along(stage)
    performance = was_sung(stage, token, "solo1")
    first = await keep(stage, token, performance)
    await stage.settled()
    assert await keep(stage, token, performance) == first
    assert await keep(stage, token, performance, add=True) == first
    assert len((await stage.settled())["takes"]) == 2
    assert sorted(stage.studio.asked) == ["Ola", "Wei"]


async def kept(stage: Stage, token: str, name: str, *earlier: Any, **more: Any) -> Any:
    """What Ola sang is kept, by somebody who has the keys of the earlier ones; the new take."""
    performance = was_sung(stage, token, name, silent=(2,))
    keys = {take["take"]: take["key"] for take in earlier}
    status, told = await keep(stage, token, performance, keys=keys, **more)
    assert status == 200, told
    await stage.settled()
    return told["takes"][0]


async def heard(stage: Stage, *takes: Any) -> list[str]:
    """Which takes sound, by what the page shows and by the last mix."""
    keys = {take["take"]: take["key"] for take in takes}
    _, told = await stage.house.post("/api/takes", {"token": stage.token, "keys": keys})
    sounding = [take for take in told["takes"] if take["state"] == "placed" and not take["aside"]]
    assert stage.studio.made[-1] == {take["seat"] for take in sounding}
    return [take["take"] for take in sounding]


async def use(stage: Stage, take: Any, **instead_of: str) -> int:
    body = {"token": stage.token, "take": take["take"], "key": take["key"], "instead_of": instead_of}
    status, _ = await stage.house.post("/api/take/use", body)
    await stage.settled()
    return status


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_the_newest_one_stands_in_the_mix_and_the_earlier_is_there_to_go_back_to(
    stage: Stage, *, elsewhere: bool
) -> None:
    token = await open_along(stage)
    first = await kept(stage, token, "solo1")
    second = await kept(stage, await open_along(stage) if elsewhere else token, "solo2", first)
    assert await heard(stage, first, second) == [second["take"]]
    assert [take["take"] for take in (await stage.look())["takes"]] == [second["take"]], "others see no try set aside"
    assert (take_folder(stage.folder, first["take"]) / "original-solo1.stem").is_file()
    assert await use(stage, first, **{second["take"]: "guessed"}) == 403
    assert await use(stage, first, **{second["take"]: second["key"]}) == 200
    assert await heard(stage, first, second) == [first["take"]]
    assert await use(stage, second) == 200
    assert len(await heard(stage, first, second)) == 2


async def test_one_that_was_set_aside_is_deleted_and_the_song_goes_on(stage: Stage) -> None:
    token = await open_along(stage)
    first, second = await kept(stage, token, "solo1"), await kept(stage, token, "solo2")
    mixes = len(stage.studio.mixes)
    left = stage.folder / f"stems/{first['seat']}.flac"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    body = {"token": stage.token, "take": first["take"], "key": first["key"]}
    assert (await stage.house.post("/api/take/withdraw", body))[0] == 200
    assert not left.exists()
    assert len(stage.studio.mixes) == mixes
    assert await heard(stage, first, second) == [second["take"]]


async def test_somebody_else_another_name_or_one_more_voice_stands_beside_it(stage: Stage) -> None:
    first = await kept(stage, await open_along(stage), "solo1")
    stranger = await kept(stage, await open_along(stage), "solo2")
    added = await kept(stage, await open_along(stage), "solo3", first, add=True)
    guessed = await kept(stage, await open_along(stage), "solo4", first | {"key": "guessed"})
    renamed = {"token": stage.token, "take": first["take"], "key": first["key"], "name": "Aleksandra"}
    assert (await stage.house.post("/api/take", renamed))[0] == 200
    last = await kept(stage, await open_along(stage), "solo5", first)
    assert len(await heard(stage, first, stranger, added, guessed, last)) == 5


async def test_who_keeps_an_earlier_one_again_goes_back_to_it(stage: Stage) -> None:
    token = await open_along(stage)
    first, second = await kept(stage, token, "solo1"), await kept(stage, token, "solo2")
    assert (await keep(stage, token, "solo1"))[1]["takes"] == [first]
    await stage.settled()
    assert await heard(stage, first, second) == [first["take"]]
    assert stage.studio.asked == ["Ola", "Ola"], "what was placed is not placed again"


async def test_after_one_that_failed_the_next_is_heard(stage: Stage) -> None:
    stage.studio.finds["Ola"] = TakeFailed(why="take_failed", reason="")
    token = await open_along(stage)
    await kept(stage, token, "solo1")
    stage.studio.finds.clear()
    second = await kept(stage, token, "solo2")
    assert await heard(stage, second) == [second["take"]]


async def test_when_the_newest_one_comes_to_nothing_the_earlier_is_heard_again(stage: Stage) -> None:
    token = await open_along(stage)
    first = await kept(stage, token, "solo1")
    stage.studio.finds["Ola"] = TakeFailed(why="take_failed", reason="")
    second, third = [await kept(stage, await open_along(stage), name, first) for name in ("solo2", "solo3")]
    assert await heard(stage, first, second, third) == [first["take"]]
    _, told = await stage.house.post("/api/takes", {"token": stage.token, "keys": {third["take"]: third["key"]}})
    assert [(take["state"], take["code"], take["aside"]) for take in told["takes"][1:]] == [
        ("failed", "take_failed", True)
    ]
    stage.studio.finds.clear()
    body = {"token": stage.token, "take": third["take"], "key": third["key"]}
    assert (await stage.house.post("/api/take/again", body))[0] == 200
    await stage.settled()
    assert await heard(stage, first, third) == [first["take"]], "what sounds changes only when somebody says so"
    assert await use(stage, third, **{first["take"]: first["key"]}) == 200
    assert await heard(stage, first, third) == [third["take"]]


async def test_who_stops_the_newest_one_is_heard_with_the_earlier(stage: Stage) -> None:
    token = await open_along(stage)
    first = await kept(stage, token, "solo1")
    stage.studio.held.add("Ola")
    _, told = await keep(stage, token, was_sung(stage, token, "solo2", silent=(2,)))
    body = {"token": stage.token, "take": told["takes"][0]["take"], "key": told["takes"][0]["key"]}
    assert (await stage.house.post("/api/take/stop", body))[0] == 200
    await stage.settled()
    assert await heard(stage, first) == [first["take"]]


async def test_tries_that_are_set_aside_take_nobodys_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TAKES_MAX", 2)
    monkeypatch.setattr(limits, "TRIES_MAX", 5)
    token = await open_along(stage)
    first = await kept(stage, token, "solo1")
    other = await kept(stage, await open_along(stage), "solo2")
    last = [await kept(stage, token, f"solo{number}") for number in (3, 4)][-1]
    assert len(await heard(stage, first, other, last)) == 2
    assert (await stage.begin())[2]["code"] == "clips_full", "two are heard"
    assert await use(stage, first) == 403
    assert await use(stage, first, **{last["take"]: last["key"]}) == 200
    await kept(stage, token, "solo5")
    status, told = await keep(stage, token, was_sung(stage, token, "solo6", silent=(2,)))
    assert (status, told["code"]) == (403, "clips_full"), "tries are many, and not without end"


async def test_a_take_goes_with_its_performance_and_other_rooms_have_others(stage: Stage) -> None:
    mine, yours = await open_along(stage), await open_along(stage)
    performance = was_sung(stage, mine, "solo1")
    assert (await keep(stage, yours, performance))[0] == 404
    assert (await keep(stage, mine, "p"))[0] == 404, "the performance itself was not sung here"
    assert (await keep(stage, mine, ""))[0] == 404
    assert (await keep(stage, stage.host, "p"))[0] == 404, "in an ordinary courtyard nothing is sung along"
    assert (await stage.look())["takes"] == []


async def test_only_who_opened_the_room_keeps_what_was_sung(stage: Stage) -> None:
    token = await open_along(stage)
    performance = was_sung(stage, token, "solo1")
    singers = (await stage.house.post("/api/room", {"token": token}))[1]["links"]["singers"]
    status, told = await keep(stage, singers, performance)
    assert (status, told["code"]) == (403, "not_allowed")


async def test_what_is_not_over_or_silent_is_not_kept(stage: Stage) -> None:
    token = await open_along(stage)
    status, told = await keep(stage, token, was_sung(stage, token, "solo1", state="mixing"))
    assert (status, told["code"]) == (409, "not_ready")
    status, told = await keep(stage, token, was_sung(stage, token, "solo2", silent=(1, 2)))
    assert (status, told["code"]) == (400, "nothing_sung")
    assert (await stage.look())["takes"] == []
