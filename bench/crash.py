"""`python -m bench crash`: kill -9 of the server in mid-song, twenty times at random moments, and what it costs.

Four singers in four rows, real clients with a store of their own on disk, sing song after song without a pause. The
server, `unisono serve`, is killed and started again as a supervisor would; now and then again while pages are still on
their way back. One singer's page is closed without a goodbye in mid-song and opened again later, by the same person.
Afterwards the stems on the server's disk are compared with what was sung, sample by sample.

kills                 how often the server was killed while a song was under way.
lost_ms               sound of any song that is in no stem, worst stem of all (the closed page's absence excepted).
seconds_to_resume     from the kill until a singer is recorded and hears the leader again; the server's start included.
clock_step_ms_max     by how much the room's clock stepped for a page; reboot: where the machine was started anew with a
                      wall clock that is wrong (the ledger is edited to say so), and pages had to say what time it is.
jumps                 epochs beyond the first in stems of pages that stayed open.
error_ms              a stem against what was sung, windows of a second; nothing is corrected.
returned_lost_ms      of what the closed page had sung, what never came.

"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from bench import crash_measure
from bench.crash_stage import Singer, Song, sing_songs
from bench.serving import Server
from unisono.client import CardSpec, open_courtyard, performances

SINGERS = 4
KILLS, LONG_KILLS = 20, 100
SONG_S = 14.0
RESUME_S_MAX = 8.0
REBOOT_EVERY = 5
"""Every so many kills the machine is started anew, with a wall clock that is wrong by WALL_CLOCK_OFF_S."""
WALL_CLOCK_OFF_S = 3.0
AGAIN_AT_ONCE = 5
"""Every so many kills the server dies while pages are still coming back."""
PAUSE_S_MAX = 0.8
"""From a song under way, or the return to it, to the next kill: any time up to this. A minute has room for no more."""
AWAY_S = 2.5
MIXED_S_MAX = 60.0
CARDS = (CardSpec(latency_ms=38.0, drift_ppm=40.0), CardSpec(latency_ms=61.0, drift_ppm=-55.0),
         CardSpec(latency_ms=24.5, drift_ppm=20.0), CardSpec(latency_ms=85.0, drift_ppm=70.0))


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench; `seed` chooses the moments."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        return asyncio.run(_run(Path(folder), LONG_KILLS if long else KILLS, random.Random(seed)))


async def _run(folder: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    server = Server(folder / "data")
    await server.start()
    singers: list[Singer] = []
    try:
        async with aiohttp.ClientSession() as http:
            links = await open_courtyard(http, server.url, title="Crash")
            for number, card in enumerate(CARDS[:SINGERS]):
                link = links.host if number == 0 else links.singers
                singers.append(Singer(number=number, link=link, store=folder / f"device-{number}", card=card))
            for singer in singers:
                await singer.come()
            songs, resumed, down = await _sing_and_kill(server, singers, kills, chance)
            written = await _all_written(singers)
            mixed = await _mixed(http, singers[0], len(songs))
        for singer in singers:
            say(f"singer {singer.number}: the clock stepped by "
                + " ".join(f"{'r' if rebooted else ''}{at + 1}:{ms:+.1f}" for at, rebooted, ms in singer.steps) + " ms")
        return _figures(server, singers, songs) | {
            "kills": kills, **_spread("seconds_to_resume", resumed), "seconds_down_p95": _p95(down),
            "songs": len(songs), "songs_mixed": mixed, "pages_owe": not written,
        }
    finally:
        for singer in singers:
            await singer.leave()
        await server.kill()


async def _sing_and_kill(
    server: Server, singers: list[Singer], kills: int, chance: random.Random
) -> tuple[list[Song], list[float], list[float]]:
    """The songs sung, seconds until each singer was back after each kill, seconds the server was away."""
    songs: list[Song] = []
    enough = asyncio.Event()
    leading = asyncio.create_task(sing_songs(singers[0], songs, seconds=SONG_S, enough=enough))
    returning: asyncio.Task[None] | None = None
    resumed: list[float] = []
    down: list[float] = []
    for number in range(kills):
        await singers[0].here.until(singers[0].in_song)
        await asyncio.sleep(chance.uniform(0.0, PAUSE_S_MAX))
        if number == kills // 2:
            returning = asyncio.create_task(_close_and_return(singers[-1]))
        died = time.monotonic()
        await server.kill()
        here = [singer for singer in singers if singer.courtyard is not None]
        rebooted = number % REBOOT_EVERY == REBOOT_EVERY - 2
        if rebooted:
            server.reboot(wall_clock_off_s=WALL_CLOCK_OFF_S)
        for singer in here:
            singer.cut_off(number, rebooted=rebooted)
        await server.start()
        down.append(time.monotonic() - died)
        if number % AGAIN_AT_ONCE != AGAIN_AT_ONCE - 1:
            back = await _resumed(here, died)
            resumed += back
            say(f"kill {number + 1}/{kills}{' (reboot)' if rebooted else ''}: back after "
                + " ".join(f"{seconds:.2f}" for seconds in back) + " s")
    enough.set()
    await leading
    if returning is not None:
        await returning
    return songs, resumed, down


async def _close_and_return(singer: Singer) -> None:
    await singer.close_browser()
    await asyncio.sleep(AWAY_S)
    await singer.come()


async def _resumed(singers: list[Singer], died: float) -> list[float]:
    """Seconds from the server's death; whoever is not back in time counts with the time waited."""
    waits = [asyncio.create_task(singer.resumed()) for singer in singers]
    _done, late = await asyncio.wait(waits, timeout=RESUME_S_MAX)
    for task in late:
        task.cancel()
    back = [task.result() for task in waits if task not in late] + [time.monotonic()] * len(late)
    return [at - died for at in back if at is not None]


async def _all_written(singers: list[Singer]) -> bool:
    """Whether every page got rid of everything it kept."""
    for _ in range(500):
        if not any(len(singer.here.keep) for singer in singers):
            return True
        await asyncio.sleep(0.02)
    return False


async def _mixed(http: aiohttp.ClientSession, leader: Singer, songs: int) -> int:
    """How many of the songs got their mix."""
    until = time.monotonic() + MIXED_S_MAX
    while True:
        listed = await performances(http, leader.link)
        done = len([one for one in listed if one["state"] == "done"])
        if done >= songs or time.monotonic() > until:
            return done
        await asyncio.sleep(0.5)


def _figures(server: Server, singers: list[Singer], songs: list[Song]) -> dict[str, Any]:
    folder = server.data / "performances"
    stems = [stem for song in songs for stem in crash_measure.stems(folder, song, singers)]
    stayed = [stem for stem in stems if not stem.closed]
    errors = np.abs([error for stem in stems for error in stem.errors_ms])
    return {
        "reboots": len({at for singer in singers for at, rebooted, _ in singer.steps if rebooted}),
        "clock_step_ms_max": max((abs(ms) for singer in singers for _, rebooted, ms in singer.steps if not rebooted)),
        "clock_step_reboot_ms_max": max((abs(ms) for one in singers for _, rebooted, ms in one.steps if rebooted)),
        "lost_ms": max(stem.lost_ms for stem in stayed),
        "returned_lost_ms": max((stem.owed_ms for stem in stems if stem.closed), default=None),
        "jumps": sum(stem.epochs - 1 for stem in stayed),
        "error_ms_p95": float(np.percentile(errors, 95)), "error_ms_max": float(errors.max()),
        "windows": len(errors), "stems": len(stems), "stems_missing": len(songs) * len(singers) - len(stems),
        "sung_s": sum(song.span.samples for song in songs) / 48_000,
        "server_errors": server.complaints(),
    }


def say(words: str) -> None:
    """Progress, for people: stdout belongs to the figures."""
    print(words, file=sys.stderr, flush=True)


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def _spread(name: str, values: list[float]) -> dict[str, float]:
    return {f"{name}_p50": float(np.median(values)), f"{name}_p95": _p95(values), f"{name}_max": max(values)}
