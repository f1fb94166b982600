"""One robot: a neighbour without a body. It joins, says what its card is like, and sings every song it hears begin."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

from unisono.client import Courtyard, Link, Lost, echo, messages, recording
from unisono.client.singing import Positions, Source
from unisono.core.messages import Flag, Picked, Song
from unisono.errors import UnisonoError
from unisono.robots.names import Colours
from unisono.robots.plan import Mishap, RobotPlan, mishaps
from unisono.robots.tunes import Tune, hum_for, hummed, tune_of
from unisono.units import SAMPLE_RATE, Audio, Position

_FREE_SONG_S = 40.0
"""How long a free song is taken to be when a robot chooses when to drop out of it."""

_WRITTEN_S = 30.0


@dataclass(slots=True, kw_only=True)
class Status:
    """What a robot shows of itself."""

    state: str = "on the way"
    seat: int = 0
    row: int | None = None
    songs: int = 0
    whole: int = 0
    """Songs of which every packet was written by the server."""
    kept: int = 0
    late: int = 0
    reconnections: int = 0


@dataclass(slots=True, kw_only=True)
class Robot:
    """A singer of the public protocol. `wav`, float32 (samples,), is sung from every song's start; None hums."""

    link: Link
    plan: RobotPlan
    pieces: dict[str, dict[str, Any]]
    wav: Audio | None
    song_began: asyncio.Event
    status: Status = field(default_factory=Status)
    courtyard: Courtyard | None = None
    _performance: str | None = None
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Be there until cancelled, or until the server ends it: that is shown, and no error of the others."""
        try:
            if self.plan.joins_in_song:
                await self.song_began.wait()
            await asyncio.sleep(self.plan.joins_after_s)
            await self._visit()
        except (UnisonoError, aiohttp.ClientError, OSError, TimeoutError) as error:
            self.status.state = f"gone: {str(error) or type(error).__name__}"

    async def _visit(self) -> None:
        who, plan = self.plan.who, self.plan
        async with Courtyard.join(
            self.link,
            name=who.name,
            flag=_flag(who.flag),
            place=who.place,
            hears=plan.echoes,
            weather=plan.weather,
            seed=plan.seed,
        ) as courtyard:
            self.status.seat = courtyard.view.seat
            await courtyard.check(plan.card)
            if self._hums:
                courtyard.part(who.voice)
            self.courtyard = courtyard
            self.status.state = "here"
            try:
                async for event in courtyard:
                    self._happened(courtyard, event)
            finally:
                for task in self._busy:
                    task.cancel()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        """Do it beside listening; if it fails, that is shown."""
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._did)

    def _did(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.status.state = f"in trouble: {str(error) or type(error).__name__}"

    def _happened(self, courtyard: Courtyard, event: object) -> None:
        match event:
            case Lost():
                self.status.state = "away"
                self.status.reconnections += 1
            case messages.Welcome() | messages.SongChanged():
                self._begin(courtyard)
                if not courtyard.view.is_live:
                    self._do(self._prepare(courtyard.view.piece))
            case messages.PiecePicked():
                self._do(self._prepare(courtyard.view.piece))
            case messages.Problem(text=text):
                self.status.state = text
            case _:
                pass
        self.status.row = courtyard.view.row
        self.status.kept = len(courtyard.keep)
        self.status.late = courtyard.late

    def _begin(self, courtyard: Courtyard) -> None:
        """Sing the song under way, unless that is what this robot does already."""
        song = courtyard.view.song
        if not courtyard.view.is_live or song is None:
            self.status.state = song.state if song is not None else "here"
            return
        self.status.state = "singing"
        if song.performance != self._performance:
            self._performance = song.performance
            self.song_began.set()
            seconds = (song.stop - song.start) / SAMPLE_RATE if song.stop is not None else _FREE_SONG_S
            self._do(self._sing(courtyard, song))
            for mishap in mishaps(self.plan, song=self.status.songs, seconds=seconds):
                self._do(self._suffer(courtyard, song, mishap))

    async def _sing(self, courtyard: Courtyard, song: Song) -> None:
        self.status.songs += 1
        preparing = asyncio.create_task(self._source(courtyard, song))
        try:
            await courtyard.sing(_once_ready(preparing))
        finally:
            preparing.cancel()
        if self._performance == song.performance:
            self.status.state = "sung"
        try:
            async with asyncio.timeout(_WRITTEN_S):
                whole = await courtyard.until_written()
        except TimeoutError:
            whole = False
        self.status.whole += whole
        self.status.kept = len(courtyard.keep)

    async def _source(self, courtyard: Courtyard, song: Song) -> Source:
        start = Position(song.start)
        if self.plan.echoes:
            backing = await courtyard.backing()
            return echo(courtyard.ear, backing=None if backing is None else recording(backing, start=start))
        if self.wav is not None:
            return recording(self.wav, start=start)
        sound, first_beat = await asyncio.to_thread(hum_for, song, self._tune(song.piece), seed=self.plan.seed)
        return recording(sound, start=first_beat)

    @property
    def _hums(self) -> bool:
        """Whether it sings its own part; what part a recording or an echo is, nobody knows."""
        return self.wav is None and not self.plan.echoes

    def _tune(self, piece: str | None) -> Tune:
        return tune_of(self.pieces.get(piece or ""), self.plan.who.voice)

    async def _prepare(self, picked: Picked | None) -> None:
        """Have the hum ready when the song begins: out of arithmetic it takes a moment, and a choir of robots many."""
        if self._hums:
            key, tempo_bpm = (picked.key, picked.tempo_bpm) if picked is not None else (0, 0)
            tune = self._tune(picked.piece if picked is not None else None)
            await asyncio.to_thread(hummed, tune, key=key, tempo_bpm=tempo_bpm or tune.tempo_bpm, seed=self.plan.seed)

    async def _suffer(self, courtyard: Courtyard, song: Song, mishap: Mishap) -> None:
        await asyncio.sleep(mishap.at_s)
        if self._performance != song.performance:
            return
        if mishap.what == "drop":
            await courtyard.drop(away_ms=mishap.lasts_ms)
        else:
            courtyard.stall(mishap.lasts_ms)


def _once_ready(preparing: asyncio.Task[Source]) -> Source:
    """Silence until the sound is there: a performer's microphone is open from the first beat on."""

    def sing(positions: Positions) -> Audio:
        if not preparing.done():
            return np.zeros(positions.size, dtype=np.float32)
        return preparing.result()(positions)

    return sing


def _flag(flag: str | Colours | None) -> Flag | None:
    if isinstance(flag, Colours):
        return Flag(colours=flag.colours, upright=flag.upright)
    return Flag(country=flag) if flag is not None else None
