"""A whole song over real sockets: rows hear what was before them, stems reach the disk, repair, restart, mix."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from tests.live.house import House, Page, open_house, sine, wait_until
from unisono.core import messages as m
from unisono.core.wire import Codec, Kind, Packet
from unisono.errors import MixFailed
from unisono.live.crowd import ROOMS_MANY
from unisono.opus import Decoder, Encoder
from unisono.store import stems
from unisono.store.stems import read_packets, stem_path
from unisono.studio.jobs import OnProgress, run_mix
from unisono.studio.performance import MixReport
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

LOOKAHEAD = 312


async def start_song(house: House, singers: int = 2, **decodes: Any) -> tuple[m.SongChanged, list[Page]]:
    """A host and other singers, one to a row, and a listener as the last page; a free song has begun."""
    links = await house.open()
    pages = [await house.sing_in(links["host"], "Ada")]
    for index in range(1, singers):
        pages.append(await house.sing_in(links["singers"], f"Voice {index}", **decodes))
    pages.append(await house.come(links["listeners"], "Listener", **decodes))
    await pages[0].say(m.Start())
    songs = [await page.get(m.SongChanged) for page in pages]
    await wait_until(songs[0].start, pages[0])
    return songs[0], pages


async def sing_live(page: Page, song: m.SongChanged, row: int, seconds: float, hertz: float) -> None:
    """Sing a sine as a page in `row` would: each frame once it has been heard, at the row's distance."""
    encoder = Encoder(1, 64_000)
    for start in range(song.start, song.start + round(seconds * SAMPLE_RATE), FRAME_SAMPLES):
        await wait_until(start + song.delays_samples[row] + FRAME_SAMPLES, page)
        coded = encoder.encode(sine(start, FRAME_SAMPLES, hertz))
        position = Position(start - encoder.lookahead_samples)
        await page.send(Packet(kind=Kind.VOICE, seat=0, epoch=0, position=position, frames=(coded,), level=15))


def heard(packets: list[Packet], kind: Kind, start: int, samples: int, channels: int = 2) -> Any:
    """What a page plays over a stretch from packets of a kind, by their stamps alone."""
    tape = np.zeros((samples, channels))
    decoder = Decoder(channels)
    for packet in packets:
        if packet.kind is not kind:
            continue
        for position, coded in packet.positioned_frames():
            if packet.codec is Codec.PCM:
                sound = np.frombuffer(coded, dtype="<i2").reshape(FRAME_SAMPLES, -1) / 32_768.0
            else:
                sound = decoder.decode(coded).astype(np.float64)
            at = position - start
            first, last = max(0, -at), min(FRAME_SAMPLES, samples - at)
            if first < last:
                tape[at + first : at + last] = sound[first:last]
    return tape


def lag_samples(sound: Any, reference: Any) -> float:
    """How far `sound` lags a sine, from their phases at its frequency: within half a period."""
    window = np.hanning(len(sound))
    spectrum = np.fft.rfft(sound * window), np.fft.rfft(reference * window)
    peak = int(np.argmax(np.abs(spectrum[1])))
    phase = float(np.angle(spectrum[0][peak] / spectrum[1][peak]))
    return -phase * len(sound) / (2 * np.pi * peak)


@pytest.mark.parametrize("decodes", ["opus", "pcm"])
async def test_everybody_hears_those_before_them_exactly_in_place(house: House, decodes: str) -> None:
    song, pages = await start_song(house, singers=3, decodes=decodes)
    ada, bea, cio, listener = pages
    # High enough that the codec's filter against rumble, which turns the phase of low tones, tells nothing here.
    seconds, hertz, leading_hertz = 3.0, 1000.0, 1500.0
    await asyncio.gather(
        sing_live(ada, song, 0, seconds, leading_hertz),
        sing_live(bea, song, 1, seconds, hertz),
        cio.listen(seconds + 2),
        listener.listen(seconds + 3),
    )
    await bea.listen(0.1)
    samples = SAMPLE_RATE
    start = song.start + SAMPLE_RATE
    for page in (bea, cio, listener):
        sound = heard(page.packets, Kind.LEADER, start, samples, channels=1)[:, 0]
        assert abs(lag_samples(sound, sine(start, samples, leading_hertz))) < 0.5, page.seat
    for page in (cio, listener):
        sound = heard(page.packets, Kind.MIX, start, samples)
        assert 0.05 < np.sqrt(np.mean(sound**2)) < 0.25
        assert abs(lag_samples(sound[:, 0], sine(start, samples, hertz))) < 0.5, page.seat
    assert [packet for packet in bea.packets if packet.kind is Kind.MIX] == []
    assert [packet for packet in ada.packets if packet.kind in (Kind.MIX, Kind.LEADER)] == []
    codecs = {packet.codec for page in (cio, listener) for packet in page.packets}
    assert codecs == {Codec.PCM if decodes == "pcm" else Codec.OPUS}


async def test_listeners_get_ten_frames_at_once_and_rows_get_each(house: House) -> None:
    song, (_, bea, cio, listener) = await start_song(house, singers=3)
    await asyncio.gather(sing_live(bea, song, 1, 2.0, 200.0), cio.listen(3.5), listener.listen(3.5))
    assert {len(packet.frames) for packet in cio.packets if packet.kind is Kind.MIX} == {1}
    assert {len(packet.frames) for packet in listener.packets if packet.kind is Kind.MIX} == {10}


async def test_a_mixed_frame_comes_before_it_is_heard(house: House) -> None:
    """The server keeps its share of the hop: each frame leaves before the row's cut says it must."""
    song, (_, bea, cio, _) = await start_song(house, singers=3)
    arrivals: list[tuple[int, float]] = []

    async def watch() -> None:
        try:
            async with asyncio.timeout(3.0):
                while await cio.take():
                    if cio.packets and cio.packets[-1].kind is Kind.MIX:
                        runner = next(iter(house.rooms._runners.values()))
                        arrivals.append((cio.packets[-1].position, runner.pulse.exactly()))
        except TimeoutError:
            pass

    await asyncio.gather(sing_live(bea, song, 1, 2.0, 200.0), watch())
    slack = [position + song.delays_samples[2] - now for position, now in arrivals[5:]]
    assert len(slack) > 50
    assert np.median(slack) > 0
    late = sum(1 for samples in slack if samples < -SAMPLE_RATE // 10)
    assert late <= len(slack) // 10


async def test_stems_are_written_as_sent_and_said_to_be(house: House) -> None:
    song, (ada, *_rest) = await start_song(house, singers=1)
    await wait_until(song.start + SAMPLE_RATE, ada)
    await ada.sing(song.start, song.start + 20 * FRAME_SAMPLES)
    written: list[tuple[int, int]] = []
    while not written or written[-1][1] < song.start + 20 * FRAME_SAMPLES:
        written += (await ada.get(m.Written)).spans
    path = stem_path(house.rooms.services.settings.performances / song.performance, ada.seat)
    packets = list(read_packets(path))
    assert [p.position for p in packets] == list(range(song.start, song.start + 20 * FRAME_SAMPLES, FRAME_SAMPLES))
    assert {p.seat for p in packets} == {ada.seat}


async def end_song(page: Page, song: m.SongChanged, seconds: float) -> int:
    """Stop after so many seconds; returns the stop."""
    stop = song.start + round(seconds * SAMPLE_RATE)
    await wait_until(stop, page)
    await page.say(m.Stop(position=stop))
    await page.get(m.SongChanged, state="ending", stop=stop)
    return stop


async def test_a_song_is_repaired_mixed_and_played(house: House) -> None:
    song, (ada, bea, listener) = await start_song(house, singers=2)
    stop = song.start + 2 * SAMPLE_RATE
    await asyncio.gather(sing_live(ada, song, 0, 2.0, 300.0), sing_live(bea, song, 1, 1.0, 200.0))
    await ada.say(m.Stop(position=stop))
    await ada.say(m.Sent(performance=song.performance, epoch=0, start=song.start - LOOKAHEAD, stop=stop - LOOKAHEAD))
    await bea.say(m.Sent(performance=song.performance, epoch=0, start=song.start - LOOKAHEAD, stop=stop - LOOKAHEAD))
    missing = await bea.get(m.Missing)
    assert missing.spans == ((song.start + SAMPLE_RATE - LOOKAHEAD, stop - LOOKAHEAD),)
    encoder = Encoder(1, 64_000)
    for start in range(missing.spans[0][0], missing.spans[0][1], FRAME_SAMPLES):
        coded = encoder.encode(sine(start + LOOKAHEAD, FRAME_SAMPLES, 200.0))
        await bea.send(
            Packet(kind=Kind.VOICE, seat=0, epoch=0, position=Position(start), frames=(coded,), level=15, repair=True)
        )
    premiere = await listener.get(m.Premiere)
    assert premiere.samples >= 2 * SAMPLE_RATE
    async with house.http.get(house.url + premiere.url, headers={"Range": "bytes=0-3"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"RIFF")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    ready = await listener.get(m.MixProgress, step="ready")
    token = str(ready.page).partition("#")[2]
    status, page = await house.post("/api/performance", {"token": token})
    assert status == 200
    assert {file["name"] for file in page["files"]} >= {"mix.wav", "mix.flac"}
    assert [(stem["name"], stem["row"]) for stem in page["stems"]] == [("Ada", 0), ("Voice 1", 1)]
    for file in [*page["files"], *page["stems"][1]["files"]]:
        async with house.http.get(house.url + file["url"]) as answer:
            assert (answer.status, len(await answer.read())) == (200, file["bytes"])
    await ada.say(m.Discard(performance=song.performance))
    await ada.get(m.SongChanged, state="discarded")
    folder = house.rooms.services.settings.performances / song.performance
    for _ in range(100):
        if not folder.exists():
            break
        await asyncio.sleep(0.05)
    assert not folder.exists()
    assert (await house.post("/api/performance", {"token": token}))[0] == 401


async def test_a_mix_that_fails_is_listed_as_failed_and_the_next_song_starts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: object) -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr("unisono.live.publishing.run_mix", broken)
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    await ada.say(m.Start())
    song = await ada.get(m.SongChanged)
    await wait_until(song.start + 10 * FRAME_SAMPLES, ada)
    await ada.sing(song.start, song.start + 10 * FRAME_SAMPLES)
    stop = await end_song(ada, song, 1.0)
    await ada.say(m.Sent(performance=song.performance, epoch=0, start=song.start, stop=song.start + 9600))
    assert await ada.problem() == "mix_failed"
    await ada.get(m.SongChanged, state="done", stop=stop)
    _, listed = await house.post("/api/performances", {"token": links["listeners"]})
    assert [(one["state"], one["page"]) for one in listed] == [("failed", None)]
    await ada.say(m.Start())
    assert (await ada.get(m.SongChanged, state="count_in")).performance != song.performance


async def test_a_mix_for_which_the_disk_has_no_room_is_made_when_it_has(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Path] = []

    async def full_at_first(folder: Path, on_progress: OnProgress) -> MixReport:
        tries.append(folder)
        if len(tries) == 1:
            raise MixFailed(reason="No space left on device")
        return await run_mix(folder, on_progress)

    monkeypatch.setattr("unisono.live.publishing.run_mix", full_at_first)
    monkeypatch.setattr("unisono.live.publishing.FULL_BYTES", 1 << 62)
    monkeypatch.setattr("unisono.live.publishing.FULL_PAUSE_S", 0.1)
    song, (ada, *_rest) = await start_song(house, singers=1)
    await wait_until(song.start + 20 * FRAME_SAMPLES, ada)
    await ada.sing(song.start, song.start + 20 * FRAME_SAMPLES)
    stop = await end_song(ada, song, 0.5)
    await ada.say(m.Sent(performance=song.performance, epoch=0, start=song.start, stop=song.start + 19_200))
    assert await ada.problem() == "disk_full"
    await ada.get(m.SongChanged, state="premiere", stop=stop)
    assert len(tries) == 2


async def test_a_song_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    """The server dies in the middle: what was said to be written is there, and afterwards the song is finished."""
    async with open_house(tmp_path) as house:
        links = await house.open()
        token = links["host"]
        ada = await house.sing_in(token, "Ada")
        await ada.say(m.Start())
        song = await ada.get(m.SongChanged)
        await wait_until(song.start + 10 * FRAME_SAMPLES, ada)
        await ada.sing(song.start, song.start + 10 * FRAME_SAMPLES)
        await ada.get(m.Written)
        assert ada.welcome is not None
        key, before = ada.welcome.key, await ada.room_position()
        # As after a kill: the files as they are now, and no more.
        copy = tmp_path.parent / f"{tmp_path.name}-killed"
        shutil.copytree(tmp_path, copy)
    async with open_house(copy) as house:
        again = await house.come(token, key=key)
        assert again.welcome is not None
        assert again.welcome.song is not None
        assert again.welcome.song.performance == song.performance
        assert (await again.room_position()) > before
        stop = song.start + 50 * FRAME_SAMPLES
        await wait_until(stop, again)
        await again.sing(song.start + 10 * FRAME_SAMPLES, stop)
        await again.say(m.Stop(position=stop))
        await again.say(m.Sent(performance=song.performance, epoch=0, start=song.start, stop=stop))
        await again.get(m.SongChanged, state="mixing")
        path = stem_path(house.rooms.services.settings.performances / song.performance, again.seat)
        assert sorted({p.position for p in read_packets(path)}) == list(range(song.start, stop, FRAME_SAMPLES))


async def test_a_full_disk_is_told_to_the_host_and_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is not acknowledged; when there is room again, the page's own copy fills the hole."""
    song, (ada, *_rest) = await start_song(house, singers=1)
    real = stems.append_packets
    full = True

    def append(file: BinaryIO, wires: list[bytes]) -> None:
        if full:
            raise OSError(28, "No space left on device")
        real(file, wires)

    monkeypatch.setattr("unisono.live.recorder.stems.append_packets", append)
    await ada.sing(song.start, song.start + 10 * FRAME_SAMPLES)
    assert await ada.problem() == "disk_full"
    full = False
    stop = await end_song(ada, song, 1.0)
    await ada.say(m.Sent(performance=song.performance, epoch=0, start=song.start, stop=stop))
    spans = (await ada.get(m.Missing)).spans
    assert spans == ((song.start, stop),)
    await ada.sing(*spans[0], repair=True)
    await ada.get(m.SongChanged, state="mixing")


async def test_a_song_that_was_dropped_leaves_nothing(house: House) -> None:
    song, (ada, *_rest) = await start_song(house, singers=1)
    await ada.sing(song.start, song.start + 5 * FRAME_SAMPLES)
    await ada.get(m.Written)
    await ada.say(m.Again())
    second = await ada.get(m.SongChanged, state="count_in")
    assert second.performance != song.performance
    folder = house.rooms.services.settings.performances / song.performance
    for _ in range(100):
        if not folder.exists():
            break
        await asyncio.sleep(0.05)
    assert not folder.exists()


async def test_a_piece_is_sung_with_its_backing(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    await ada.say(m.Pick(piece="ode-to-joy", key=2, tempo_bpm=160))
    await ada.say(m.Start())
    song = await ada.get(m.SongChanged)
    assert song.backing is not None
    async with house.http.get(house.url + song.backing.url) as answer:
        assert len(await answer.read()) == 44 + 2 * song.backing.samples
    assert song.stop is not None
    assert song.backing.samples >= song.stop - song.start


async def test_talk_reaches_everybody_but_its_talker(house: House) -> None:
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    bea = await house.come(links["singers"], "Bea")
    cio = await house.come(links["listeners"], decodes="pcm")
    await ada.say(m.Talk(on=True))
    await asyncio.gather(ada.talk(200.0), bea.listen(2.0), cio.listen(2.0))
    await ada.listen(0.3)
    loud = {}
    for page, channels in ((ada, 2), (bea, 2), (cio, 2)):
        chatter = [packet for packet in page.packets if packet.kind is Kind.CHATTER]
        assert chatter
        start = chatter[0].position
        loud[page.seat] = float(np.sqrt(np.mean(heard(chatter, Kind.CHATTER, start, 2 * SAMPLE_RATE, channels) ** 2)))
    assert loud[ada.seat] < 0.001
    assert loud[bea.seat] > 0.05
    assert loud[cio.seat] > 0.05


async def test_where_many_courtyards_are_in_company_a_song_begins_with_less(house: House) -> None:
    async def company() -> list[Page]:
        links = await house.open()
        return [await house.sing_in(links["host"], "Ada"), await house.sing_in(links["singers"], "Bea")]

    courtyards = [await company() for _ in range(ROOMS_MANY)]
    songs = []
    for _ in range(2):
        ada, bea = courtyards.pop()
        await ada.say(m.Start())
        songs.append(await bea.get(m.SongChanged))
        courtyards += [await company(), await company()]
    assert [song.frames_a_packet for song in songs] == [1, 2]
