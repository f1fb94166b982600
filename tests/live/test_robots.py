"""A whole song by robots against a real server: whatever their cards, clocks and lines do, every stem is in place.

The robots sing band-limited noise, of which no stretch resembles another, so that a slip shows wherever it is. What is
judged is what anybody can download afterwards.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import Any

import aiohttp
import av
import numpy as np
import pytest

from tests.live.serving import served
from unisono.client import (
    CardSpec,
    Courtyard,
    Links,
    WeatherSpec,
    download,
    echo,
    messages,
    open_courtyard,
    performance,
)
from unisono.core.wire import Kind
from unisono.units import SAMPLE_RATE, Audio, Position

pytestmark = pytest.mark.sound
"""A card goes on while its program stands still for want of a processor, and the ear jumps: these run alone."""

SONG_S = 8
CARDS = {
    "Ada": CardSpec(latency_ms=20.0),
    "Bea": CardSpec(latency_ms=60.0, drift_ppm=100.0),
    "Cyd": CardSpec(latency_ms=120.0, drift_ppm=-100.0),
    "Dro": CardSpec(latency_ms=45.0, drift_ppm=40.0),
    "Wet": CardSpec(latency_ms=30.0, drift_ppm=-60.0),
    "Eco": CardSpec(latency_ms=80.0, drift_ppm=70.0),
    "Lat": CardSpec(latency_ms=50.0, drift_ppm=20.0),
}
"""Ada leads. Dro loses the connection for a while, Wet sings through bad weather, Eco echoes, Lat comes late."""


def recording_of(name: str) -> Audio:
    """Noise below 6 kHz as long as the song, RMS 0.1, another one for each name; float32 (samples,)."""
    samples = SONG_S * SAMPLE_RATE
    spectrum = np.fft.rfft(np.random.default_rng(sum(name.encode())).standard_normal(samples))
    spectrum[samples * 6000 // SAMPLE_RATE :] = 0
    sound = np.fft.irfft(spectrum, samples)
    quiet: Audio = (0.1 * sound / sound.std()).astype(np.float32)
    return quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """What is left of a song: its page, each stem as downloaded, and what was heard live."""

    page: dict[str, Any]
    stems: dict[str, Audio]
    rows: dict[str, int | None]
    written: dict[str, bool]
    reconnected: dict[str, int]
    heard_by_listener: dict[Kind, Audio]
    leader_heard_in_time: dict[str, float]
    """How much of the leader's sound was on the tape, 0..1."""


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """One song, sung once, for all tests here."""

    async def sing() -> Evening:
        async with served(tmp_path_factory.mktemp("evening")) as server:
            return await an_evening(server.url)

    return asyncio.run(sing())


async def an_evening(address: str) -> Evening:
    async with aiohttp.ClientSession() as http:
        links = await open_courtyard(http, address, title="Robots")
        ada = seat(links, "Ada")
        singers = {name: seat(links, name) for name in CARDS if name not in ("Ada", "Lat")}
        listener = Courtyard.join(links.listeners)
        async with ada, listener:
            for singer in singers.values():
                await singer.__aenter__()
            try:
                return await sung(http, links, ada, singers, listener)
            finally:
                for singer in singers.values():
                    await singer.leave()


def seat(links: Links, name: str) -> Courtyard:
    """A robot's seat; Ada has the host's link, and who does not echo hears nothing, to leave the machine in peace."""
    weather = WeatherSpec(jitter_ms=60.0, loss=0.02) if name == "Wet" else WeatherSpec()
    link = links.host if name == "Ada" else links.singers
    return Courtyard.join(link, name=name, hears=name == "Eco", weather=weather, seed=sum(name.encode()))


async def sung(
    http: aiohttp.ClientSession, links: Links, ada: Courtyard, singers: dict[str, Courtyard], listener: Courtyard
) -> Evening:
    everyone = {"Ada": ada, **singers}
    for name, singer in everyone.items():
        await singer.check(CARDS[name])
    ada.pick(None)
    ada.start()
    late = seat(links, "Lat")
    songs = [asyncio.create_task(sing(name, singer)) for name, singer in everyone.items()]
    songs.append(asyncio.create_task(come_late(late)))
    dropped = asyncio.create_task(drop_out(singers["Dro"]))
    await ada.until(lambda: ada.view.is_live)
    await asyncio.sleep(2.0 + SONG_S)
    assert ada.view.song is not None
    song = ada.view.song
    ada.send(messages.Stop(position=song.start + SONG_S * SAMPLE_RATE))
    written = dict(zip([*everyone, "Lat"], await asyncio.gather(*songs), strict=True))
    await dropped
    rows = {name: one.view.row for name, one in {**everyone, "Lat": late}.items()}
    page = await page_of(http, ada)
    span = (Position(song.start), Position(song.start + SONG_S * SAMPLE_RATE))
    await late.leave()
    return Evening(
        page=page,
        stems={stem["name"]: await stem_of(http, ada, stem) for stem in page["stems"]},
        rows=rows,
        written=written,
        reconnected={name: one.breaks for name, one in everyone.items()},
        heard_by_listener={kind: listener.hearing(kind).read(*span) for kind in (Kind.LEADER, Kind.MIX)},
        leader_heard_in_time={"Eco": float(singers["Eco"].hearing(Kind.LEADER).known(*span).mean())},
    )


async def sing(name: str, singer: Courtyard) -> bool:
    await asyncio.wait_for(singer.until(lambda: singer.view.is_live), 20)
    await singer.sing(echo(singer.ear) if name == "Eco" else recording_of(name))
    return await singer.until_written()


async def come_late(singer: Courtyard) -> bool:
    await asyncio.sleep(4.0)
    await singer.__aenter__()
    await singer.check(CARDS["Lat"])
    return await sing("Lat", singer)


async def drop_out(singer: Courtyard) -> None:
    await asyncio.sleep(4.0)
    await singer.drop(away_ms=1500.0)


async def page_of(http: aiohttp.ClientSession, host: Courtyard) -> dict[str, Any]:
    """The performance as its page sees it, once it is mixed."""
    async with asyncio.timeout(90):
        async for event in host:
            if isinstance(event, messages.MixProgress) and event.page is not None:
                return await performance(http, host.link.server, token=event.page.partition("#")[2])
    raise AssertionError("the mix never came")


async def stem_of(http: aiohttp.ClientSession, host: Courtyard, stem: dict[str, Any]) -> Audio:
    """A stem's WAV as anybody downloads it; float32 (samples,)."""
    (url,) = (file["url"] for file in stem["files"] if file["kind"] == "wav")
    with av.open(io.BytesIO(await download(http, host.link.server, url)), mode="r") as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    assert rate == SAMPLE_RATE
    packed = np.concatenate(blocks, axis=1)[0]
    sound: Audio = (packed / (2.0**31 if packed.dtype == np.int32 else 2.0**15)).astype(np.float32)
    return sound


def lags_ms(stem: Audio, sung: Audio, *, window: int = SAMPLE_RATE // 2) -> list[float]:
    """How far each sounding half second of a stem lags what was sung there, by the peak of their cross-correlation."""
    lags = []
    for at in range(0, min(stem.size, sung.size) - window + 1, window):
        heard, wanted = stem[at : at + window], sung[at : at + window]
        if np.std(heard) > 0.01:
            product = np.fft.irfft(np.fft.rfft(heard, 2 * window) * np.conj(np.fft.rfft(wanted, 2 * window)))
            lag = int(np.argmax(np.abs(product)))
            lags.append((lag if lag < window else lag - 2 * window) * 1000 / SAMPLE_RATE)
    return lags


def marks_of(evening: Evening, name: str) -> list[str]:
    (marks,) = (stem["marks"] for stem in evening.page["stems"] if stem["name"] == name)
    return list(marks)


@pytest.mark.parametrize("name", ["Ada", "Bea", "Cyd", "Dro", "Wet"])
def test_every_stem_is_in_place_from_its_first_sound_to_its_last(evening: Evening, name: str) -> None:
    lags = lags_ms(evening.stems[name], recording_of(name))
    assert len(lags) == 2 * SONG_S
    assert max(abs(lag) for lag in lags) <= 0.25


@pytest.mark.parametrize("name", ["Ada", "Bea", "Cyd", "Dro", "Wet"])
def test_every_stem_is_whole_whatever_the_line_did(evening: Evening, name: str) -> None:
    assert evening.written[name]
    assert "gaps" not in marks_of(evening, name)
    stem, sung = evening.stems[name], recording_of(name)
    block = SAMPLE_RATE // 50
    loudness = np.std(stem[: sung.size].reshape(-1, block), axis=1)
    assert loudness.min() > 0.02


def test_the_one_who_dropped_out_came_back_as_oneself(evening: Evening) -> None:
    assert evening.reconnected["Dro"] == 1
    assert sum(stem["name"] == "Dro" for stem in evening.page["stems"]) == 1


def test_who_came_late_is_in_place_from_then_on(evening: Evening) -> None:
    lags = lags_ms(evening.stems["Lat"], recording_of("Lat"))
    assert 2 <= len(lags) < 2 * SONG_S
    assert max(abs(lag) for lag in lags) <= 0.25
    assert np.std(evening.stems["Lat"][:SAMPLE_RATE]) < 0.001


def test_the_echo_repeats_the_leader_in_place(evening: Evening) -> None:
    assert evening.leader_heard_in_time["Eco"] > 0.95
    lags = lags_ms(evening.stems["Eco"][SAMPLE_RATE:], recording_of("Ada")[SAMPLE_RATE:])
    assert np.median(np.abs(lags)) <= 0.25


def test_the_leader_sits_in_row_0_and_everybody_else_behind(evening: Evening) -> None:
    assert evening.rows["Ada"] == 0
    assert all(evening.rows[name] for name in ("Bea", "Cyd", "Dro", "Eco"))


def test_a_listener_hears_the_leader_and_the_rows_in_place(evening: Evening) -> None:
    leader = evening.heard_by_listener[Kind.LEADER][:, 0]
    assert np.median(np.abs(lags_ms(leader, recording_of("Ada")))) <= 0.1
    mix = evening.heard_by_listener[Kind.MIX].mean(axis=1)
    assert np.median(np.abs(lags_ms(mix, recording_of("Bea") + recording_of("Cyd")))) <= 0.25
