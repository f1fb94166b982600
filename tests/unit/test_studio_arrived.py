"""A take on a performance's page: worked on in a process of its own, left for the page, and heard in the next mix."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

import numpy as np
import pytest

from tests.unit.clips import backing, sung_to, voice, write_clip
from tests.unit.test_studio_jobs import START, performance, quiet, sing
from tests.unit.test_studio_stem import opus_packets, sine
from unisono.errors import TakeFailed
from unisono.store.blobs import may_be_served
from unisono.studio import files
from unisono.studio.faders import Fader, Faders, write_faders
from unisono.studio.jobs import run_mix, run_take
from unisono.studio.takes import FIRST_SEAT, TakeFacts, picture_file, read_take, take_folder, write_take
from unisono.units import SAMPLE_RATE, Audio
from unisono.web.i18n import LANGUAGES, words
from unisono.web.take_words import sentence

TAKE = "0123456789abcdef"
LATE = 9_000


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A performance that one seat sang to a backing, mixed."""
    folder = performance(tmp_path / "p", len(backing()) / SAMPLE_RATE, 1, backing=backing())
    sing(folder, 1, opus_packets(voice(7, len(backing())), start=START))
    asyncio.run(run_mix(folder, quiet))
    return folder


def add(folder: Path, sound: Audio, *, offset_samples: float | None = None, in_mix: bool = False) -> Path:
    """A clip as the page leaves it."""
    take = take_folder(folder, TAKE)
    take.mkdir(parents=True, exist_ok=True)
    write_clip(take / "original.m4a", sound)
    facts = TakeFacts(
        take=TAKE,
        seat=FIRST_SEAT,
        original="original.m4a",
        name="Zoë",
        part="alto",
        offset_samples=offset_samples,
        in_mix=in_mix,
    )
    write_take(take, facts)
    return take


def test_what_a_take_is_may_be_written_by_two_threads_at_once(tmp_path: Path) -> None:
    """One begins it, another begins a mix: neither fails, and the file is whole."""
    facts = TakeFacts(take=TAKE, seat=FIRST_SEAT, original="original.m4a", name="Zoë")
    with ThreadPoolExecutor(2) as threads:
        for written in [threads.submit(write_take, tmp_path, facts) for _ in range(400)]:
            written.result()
    assert read_take(tmp_path) == facts


def test_a_take_is_placed_left_for_the_page_and_heard_in_the_next_mix(song: Path) -> None:
    take = add(song, sung_to(backing(), seed=3, late_samples=LATE, bleed_db=-12), in_mix=True)
    heard: list[tuple[float, str, float | None]] = []
    report = asyncio.run(run_take(song, TAKE, lambda *told: heard.append(told)))
    assert (report.method, report.certain) == ("bleed", True)
    assert abs(report.offset_samples - LATE) < 0.001 * SAMPLE_RATE
    assert [told[0] for told in heard] == sorted(told[0] for told in heard)
    assert all(left_s for _, _, left_s in heard[:-2]), "its own forecast comes along"
    assert heard[-1] == (1.0, "files", 0.0)
    voice_sound = files.read_back(take / "voice.wav")
    assert len(voice_sound) == len(backing())
    assert len(files.read_back(take / "listen.m4a")) >= len(backing()) - LATE
    shows = dict(report.pictures)
    assert list(shows) == ["waves", "lags"]
    for name, label in (("waves", "lane.after"), ("lags", "lags.confidence")):
        for language in LANGUAGES:
            picture = (take / picture_file(name, language)).read_text()
            assert picture.startswith("<svg")
            assert escape(sentence(label, {}, language)) in picture
    facts = {name: float(fact) for name, fact in shows["lags"].facts.items()}
    assert facts["looks"] >= facts["used"] > 1
    assert 0 <= facts["within_ms"] < 2
    assert may_be_served(f"takes/{TAKE}/{picture_file('lags', 'it')}")
    assert report.said[0].code == "placed.bleed_db"
    assert words("it").gettext(report.said[0].words) != report.said[0].words, "a page can translate it"

    mixed = asyncio.run(run_mix(song, quiet))
    assert [stem.seat for stem in mixed.stems] == [1, FIRST_SEAT]
    assert mixed.stems[1].name == "Zoë"
    assert (song / f"stems/{FIRST_SEAT}.flac").is_file()
    write_faders(song, Faders(voices=(Fader(seat=FIRST_SEAT, muted=True),)))
    muted = asyncio.run(run_mix(song, quiet))
    assert muted.fingerprint != mixed.fingerprint
    sung = voice(3, len(backing()) - LATE)
    with_it, without = (loudness_of(song, sung, again) for again in (False, True))
    assert with_it > 4 * without


def loudness_of(song: Path, sung: Audio, muted: bool) -> float:
    """How much of the take's own voice is in a mix made now."""
    write_faders(song, Faders(voices=(Fader(seat=FIRST_SEAT, muted=muted),)))
    asyncio.run(run_mix(song, quiet))
    mix = files.read_back(song / "mix.flac").mean(axis=1)[LATE:][: len(sung)]
    return abs(float(np.dot(mix, sung[: len(mix)]) / np.linalg.norm(mix) / np.linalg.norm(sung)))


def test_a_person_has_the_last_word_and_what_they_sang_to_stays_what_it_was(song: Path) -> None:
    add(song, voice(5, 4 * SAMPLE_RATE))
    report = asyncio.run(run_take(song, TAKE, quiet))
    assert not report.certain
    assert "unsure.left_out" in {each.code for each in report.said}
    (song / "mix.wav").unlink()  # as another mix would take its place
    files.write(song / "mix.wav", sine(300, SAMPLE_RATE)[:, np.newaxis], files.WAV)
    add(song, voice(5, 4 * SAMPLE_RATE), offset_samples=1.25 * SAMPLE_RATE)
    heard: list[str] = []
    report = asyncio.run(run_take(song, TAKE, lambda _, step, __: heard.append(step)))
    assert (report.method, report.certain, report.offset_samples) == ("person", True, 60_000)
    assert report.said[0].code == "placed.person"


def test_what_is_no_recording_is_told_by_its_code(song: Path) -> None:
    take = add(song, voice(5, SAMPLE_RATE))
    (take / "original.m4a").write_bytes(b"not a recording")
    with pytest.raises(TakeFailed) as caught:
        asyncio.run(run_take(song, TAKE, quiet))
    assert caught.value.why == "take_unreadable"
    assert not (take / "placed.json").exists()


@pytest.mark.parametrize("at", ["decode", "align"])
async def test_a_take_can_be_stopped_and_goes_on_from_there(song_folder: Path, at: str) -> None:
    add(song_folder, sung_to(backing(), seed=3, late_samples=LATE, bleed_db=-12))
    begun = asyncio.Event()
    task = asyncio.create_task(run_take(song_folder, TAKE, lambda _, step, __: begun.set() if step == at else None))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (take_folder(song_folder, TAKE) / "placed.json").exists()
    assert not parts(song_folder)
    report = await run_take(song_folder, TAKE, quiet)
    assert report.certain
    assert not parts(song_folder)


def parts(folder: Path) -> list[Path]:
    """What is half written."""
    return list(folder.rglob("*.part"))


@pytest.fixture
def song_folder(song: Path) -> Path:
    """The same, made before a loop runs."""
    return song
