"""Many robots in one process, and the table that shows them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

from unisono.client import Link, pieces
from unisono.robots.leading import Programme, lead
from unisono.robots.plan import ChoirSpec, plan_choir
from unisono.robots.recordings import read_recording
from unisono.robots.robot import Robot
from unisono.units import SAMPLE_RATE, Audio

_REFRESH_S = 0.5
_TIE_S = 0.1


async def make_robots(
    link: Link, spec: ChoirSpec, wavs: Sequence[Path], *, leads_by: Link | None = None
) -> list[Robot]:
    """The robots of a spec, not joined yet; recordings go round. The leader comes by `leads_by` if that is given.

    Raises NoRecording, Refused, aiohttp.ClientError.
    """
    plans = plan_choir(spec)
    voices: list[Audio | None] = [await asyncio.to_thread(read_recording, path) for path in wavs] or [None]
    async with aiohttp.ClientSession() as http:
        known = {piece["id"]: piece for piece in await pieces(http, link.server)}
    began = asyncio.Event()
    return [
        Robot(
            link=leads_by if plan.leads and leads_by is not None else link,
            plan=plan,
            pieces=known,
            wav=voice,
            song_began=began,
        )
        for plan, voice in zip(plans, itertools.cycle(voices), strict=False)
    ]


async def sing(robots: Sequence[Robot], *, programme: Programme | None, console: Console) -> None:
    """Run the robots; returns when the programme is over, or, without one, when all robots are gone."""
    runs = [asyncio.create_task(robot.run()) for robot in robots]
    shown = asyncio.create_task(show(robots, console))
    try:
        if programme is not None and robots[0].plan.leads:
            await _lead(robots[0], runs[0], programme)
        else:
            await asyncio.gather(*runs)
    finally:
        for task in [*runs, shown]:
            task.cancel()
        await asyncio.gather(*runs, shown, return_exceptions=True)
        if not console.is_terminal:
            console.print(table(robots), highlight=False)


async def _lead(leader: Robot, run: asyncio.Task[None], programme: Programme) -> None:
    while leader.courtyard is None:
        if run.done():
            return
        await asyncio.sleep(_TIE_S)
    await lead(leader.courtyard, programme)


def free_song_s(robots: Sequence[Robot]) -> float:
    """How long a free song with these robots lasts: as long as its longest recording, and a second."""
    longest = max((robot.wav.size for robot in robots if robot.wav is not None), default=0)
    return longest / SAMPLE_RATE + 1.0 if longest else 45.0


async def show(robots: Sequence[Robot], console: Console) -> None:
    """A live table on a terminal; elsewhere a line whenever somebody's state changes."""
    if console.is_terminal:
        with Live(table(robots), console=console, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(_REFRESH_S)
                live.update(table(robots), refresh=True)
    said: dict[int, str] = {}
    while True:
        for robot in robots:
            if said.get(robot.plan.number) != robot.status.state:
                said[robot.plan.number] = robot.status.state
                console.print(f"{robot.plan.who.name}, {robot.plan.who.place}: {robot.status.state}", highlight=False)
        await asyncio.sleep(_REFRESH_S)


def table(robots: Sequence[Robot]) -> Table:
    """All robots and how they are."""
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "place", "row", "card", "songs", "whole", "kept", "late", "back", "state"):
        grid.add_column(
            heading, justify="right" if heading in ("row", "songs", "whole", "kept", "late", "back") else "left"
        )
    for robot in robots:
        status, plan = robot.status, robot.plan
        grid.add_row(
            plan.who.name + (" (leads)" if plan.leads else ""),
            plan.who.place,
            "" if status.row is None else str(status.row),
            f"{plan.card.latency_ms:.0f} ms {plan.card.drift_ppm:+.0f} ppm",
            *(str(count) for count in (status.songs, status.whole, status.kept, status.late, status.reconnections)),
            status.state,
        )
    return grid
