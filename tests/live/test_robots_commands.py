"""`unisono robots` and the demo as somebody types them; and robots whose server is killed in the middle of a song."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import av
import numpy as np
import pytest

from tests.live.serving import serve, served
from unisono.client import CardSpec, Courtyard, messages, open_courtyard, performance, performances
from unisono.store.stems import read_packets, stem_path, stem_seats
from unisono.studio.stem import decode_stem
from unisono.units import SAMPLE_RATE, Span, span

PATIENCE_S = 60.0


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two seconds of a sung-like tone, as a FLAC at 44.1 kHz."""
    at = np.arange(2 * 44_100) / 44_100
    tone = 0.4 * np.sin(2 * np.pi * 220 * at) * np.sin(2 * np.pi * 3 * at)
    path = tmp_path / "voice.flac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@asynccontextmanager
async def command(*words: str, **environment: str) -> AsyncIterator[Process]:
    """A command of ours under way; asked to end as Ctrl-C does if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, stdout=PIPE, stderr=STDOUT, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 20)


async def said(process: Process) -> str:
    """All that a command said until it ended."""
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return out.decode()


async def line_with(process: Process, words: str) -> str:
    """The first line in which these words stand."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while line := (await process.stdout.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"{words!r} was never said")


async def test_robots_sing_a_recording_led_by_one_of_them_and_go_home(tmp_path: Path, recording: Path) -> None:
    async with served(tmp_path / "data") as server, aiohttp.ClientSession() as http:
        links = await open_courtyard(http, server.url, title="Robots")
        words = ["unisono", "robots", links.host.page_url, "--wav", str(recording), "--voices", "3", "--lead"]
        words += ["--songs", "1", "--seed", "4", "--sleeps", "1", "--reconnects", "1", "--jitter-ms", "20"]
        async with Courtyard.join(links.listeners) as listener, command(*words) as robots:
            out = await said(robots)
            assert robots.returncode == 0, out
            (sung,) = await performances(http, links.listeners)
            page = await performance(http, server.url, token=sung["page"].partition("#")[2])
            assert len(page["stems"]) == 3
            await asyncio.wait_for(
                listener.until(lambda: not any(seat.present for seat in listener.view.seats.values() if seat.name)), 10
            )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["http://localhost:1/courtyard#abc"], "does not answer"),
        (["not a link"], "not valid"),
        (["http://localhost:1/courtyard#abc", "--latency-ms", "9..1"], "range"),
        (["http://localhost:1/courtyard#abc", "--latency-ms", "5000"], "latency_ms"),
        (["http://localhost:1/courtyard#abc", "--wav", "/nowhere.wav"], "does not exist"),
    ],
)
async def test_a_wrong_command_says_what_is_wrong(words: list[str], reason: str) -> None:
    async with command("unisono", "robots", *words) as robots:
        out = await said(robots)
    assert robots.returncode != 0
    assert reason in out
    assert "Traceback" not in out


async def test_the_demo_serves_sings_and_leaves_nothing_behind(
    tmp_path: Path, recording: Path, unused_tcp_port: int
) -> None:
    words = ["unisono.robots.demo", "--voices", "3", "--wav", str(recording)]
    settings = {"UNISONO_PORT": str(unused_tcp_port), "UNISONO_DATA": str(tmp_path / "data")}
    async with command(*words, **settings) as demo:
        link = (await line_with(demo, "Sing with them")).split()[-1]
        async with Courtyard.join(link, name="Ada") as ada:
            await asyncio.wait_for(ada.until(lambda: ada.view.is_live), PATIENCE_S)
            await asyncio.wait_for(ada.until(lambda: sum(seat.present for seat in ada.view.seats.values()) == 4), 20)
        demo.send_signal(signal.SIGINT)
        await asyncio.wait_for(demo.wait(), 20)
        assert demo.returncode == 0
    with pytest.raises(OSError):
        await asyncio.open_connection("localhost", unused_tcp_port)


async def test_a_server_killed_in_the_middle_of_a_song_costs_no_note(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    try:
        async with aiohttp.ClientSession() as http:
            links = await open_courtyard(http, server.url, title="Power cut")
        async with Courtyard.join(links.host, name="Ada") as ada, Courtyard.join(links.singers, name="Bea") as bea:
            for singer in (ada, bea):
                await singer.check(CardSpec(latency_ms=40.0))
            ada.pick(None)
            ada.start()
            songs = [asyncio.create_task(sing_nine_seconds(singer)) for singer in (ada, bea)]
            await asyncio.sleep(4.0)
            await server.kill()
            server = await serve(tmp_path, port=server.port)
            spans = await asyncio.gather(*songs)
            assert ada.breaks == bea.breaks == 1
    finally:
        await server.kill()
    (folder,) = (tmp_path / "performances").iterdir()
    for seat in stem_seats(folder):
        stem = decode_stem(read_packets(stem_path(folder, seat)), spans[0])
        assert (stem.gaps, stem.marks) == ((), ())
        assert stem.sound.reshape(-1, SAMPLE_RATE // 50).std(axis=1).min() > 0.02
    assert spans[0] == spans[1]
    assert len(stem_seats(folder)) == 2


async def sing_nine_seconds(singer: Courtyard) -> Span:
    """Sing noise until it is written; the song's span. Who leads says when it is over."""
    voice = (0.1 * np.random.default_rng(2).standard_normal(9 * SAMPLE_RATE)).astype(np.float32)
    await asyncio.wait_for(singer.until(lambda: singer.view.is_live), 20)
    assert singer.view.song is not None
    start = singer.view.song.start
    singing = asyncio.create_task(singer.sing(voice))
    if singer.view.leader == singer.view.seat:
        await asyncio.sleep((start + voice.size - singer.position) / SAMPLE_RATE + 0.5)
        await asyncio.wait_for(singer.until(lambda: singer.send(messages.Stop(position=start + voice.size))), 40)
    await asyncio.wait_for(singing, 40)
    assert await asyncio.wait_for(singer.until_written(), 30)
    return span(start, start + voice.size)


async def test_the_example_in_the_docs_sings(tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    page = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
    example.write_text(page.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    async with served(tmp_path / "data") as server, aiohttp.ClientSession() as http:
        links = await open_courtyard(http, server.url, title="Example")
        async with Courtyard.join(links.host, name="Host") as host:
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(example), links.singers.page_url, stdout=PIPE, stderr=STDOUT
            )
            await asyncio.wait_for(host.until(lambda: any(seat.method for seat in host.view.seats.values())), 30)
            host.pick(None)
            host.start()
            await asyncio.wait_for(host.until(lambda: host.view.is_live), 20)
            await asyncio.sleep(4.0)
            host.stop()
            assert (await said(process), process.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("role", "words", "reason"), [("singers", ["--lead"], "host's link"), ("listeners", [], "gone")]
)
async def test_robots_with_the_wrong_link_say_so(tmp_path: Path, role: str, words: list[str], reason: str) -> None:
    async with served(tmp_path / "data") as server, aiohttp.ClientSession() as http:
        link = getattr(await open_courtyard(http, server.url, title="Robots"), role)
        async with command("unisono", "robots", link.page_url, "--voices", "1", *words) as robots:
            assert reason in await said(robots)
