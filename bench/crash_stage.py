"""The stage of the crash bench: singers who are real clients, keep what they sing on disk, and know when they are back.

A singer sings noise of its own without a pause, so that every sample of a stem can be told from every other.
"""

import asyncio
import copy
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np

from unisono.client import CardSpec, Courtyard, Link, messages, recording
from unisono.client.ways import Ways
from unisono.core.wire import Echo, Kind
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, Span, span

SONG_SECONDS_MAX = 120
_POLL_S, _RETRY_S = 0.02, 0.5
_ECHOES = 8
_OVER = ("mixing", "premiere", "done")


def voice_of(number: int) -> Audio:
    """What a singer sings: float32 (samples,), white noise, the same for the same number."""
    noise = np.random.default_rng(900 + number).standard_normal(SONG_SECONDS_MAX * SAMPLE_RATE)
    return (0.1 * noise).astype(np.float32)


@dataclass(slots=True, kw_only=True)
class Singer:
    """A person with a device: `store` outlives every page they open."""

    number: int
    link: Link
    store: Path
    card: CardSpec
    courtyard: Courtyard | None = None
    sung: dict[str, list[tuple[int, Span]]] = field(default_factory=dict)
    """What pages that were closed had sung, by performance: (epoch, span); nothing, if away when it began."""
    steps: list[tuple[int, bool, float]] = field(default_factory=list)
    """(which kill, whether the machine was started anew, by how many ms the room's clock stepped), where known."""
    jumps: int = 0
    back_at: Position | None = None
    _recorded: bool = False
    _performance: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def here(self) -> Courtyard:
        """The page that is open."""
        assert self.courtyard is not None
        return self.courtyard

    def in_song(self) -> bool:
        """Whether a song is being sung here, as far as this page knows."""
        song = self.here.view.song
        return song is not None and song.state in ("count_in", "singing")

    async def come(self) -> None:
        """Open the page, do the sound check, and sing whatever is sung from now on."""
        courtyard = None
        while courtyard is None:
            courtyard = await self._open()
        self.courtyard = courtyard
        await courtyard.check(self.card)
        self._note_absence(begun=True)
        self._do(self._follow(courtyard))
        self._begin(courtyard)

    async def _open(self) -> Courtyard | None:
        """A page; None when the server is not there, as somebody sees who opens the link just then."""
        courtyard = Courtyard.join(
            self.link, name=f"Singer {self.number}", place="Torino", flag="it", store=self.store, seed=self.number)
        courtyard.ways = SteppingWays(self.steps)
        try:
            return await courtyard.__aenter__()
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(_RETRY_S)
            return None

    async def close_browser(self) -> None:
        """The page ends as a crashed browser does: no goodbye, nothing more is sent or kept."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        courtyard = self.here
        courtyard.keep.close()
        self._note_absence(begun=False)
        for epoch, sung in courtyard.keep.sung.items():
            self.sung.setdefault(courtyard.keep.performance, []).append((epoch, sung))
        await courtyard.drop(away_ms=600_000)
        await courtyard.leave()
        self.courtyard, self._performance = None, ""

    def _note_absence(self, *, begun: bool) -> None:
        """The page is away for a part of this song, if when it closed (came back) the song had not (had) `begun`."""
        song = self.here.view.song
        if song is not None and self.in_song() and (self.here.heard_position >= song.start) == begun:
            self.sung.setdefault(song.performance, [])

    async def leave(self) -> None:
        """Go home."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.courtyard is not None:
            await self.courtyard.leave()

    def cut_off(self, kill: int, *, rebooted: bool) -> None:
        """The server died just now, for the `kill`th time: `resumed` counts from here."""
        self.back_at, self._recorded = None, False
        ways = self.here.ways
        assert isinstance(ways, SteppingWays)
        ways.cut_off(kill, rebooted=rebooted)

    async def resumed(self) -> float | None:
        """When, on time.monotonic(), this singer is recorded and hears the leader again, live; None if the song ended.

        Whoever is back after the song's stop has nothing to go on with.
        """
        while True:
            await asyncio.sleep(_POLL_S)
            if self._recorded and self._hears():
                return time.monotonic()
            if not self.in_song():
                return None

    def _hears(self) -> bool:
        """Whether what is at the ear now came from the leader after the restart; the leader hears nobody."""
        courtyard = self.here
        if courtyard.view.row == 0:
            return True
        at = Position(int(courtyard.heard_position))
        if self.back_at is None or at < self.back_at:
            return False
        return bool(courtyard.hearing(Kind.LEADER).known(at, Position(at + FRAME_SAMPLES)).all())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, courtyard: Courtyard) -> None:
        async for event in courtyard:
            match event:
                case messages.Welcome():
                    self.back_at = Position(int(courtyard.heard_position))
                    self._begin(courtyard)
                case messages.SongChanged():
                    self._begin(courtyard)
                case messages.Written(spans=spans):
                    live = self.back_at is not None and max(stop for _, stop in spans) > self.back_at + FRAME_SAMPLES
                    self._recorded = self._recorded or live
                case _:
                    pass

    def _begin(self, courtyard: Courtyard) -> None:
        """Sing the song under way, unless that is done already."""
        song = courtyard.view.song
        if song is not None and courtyard.view.is_live and song.performance != self._performance:
            self._performance = song.performance
            self._do(self._sing(courtyard, Position(song.start)))

    async def _sing(self, courtyard: Courtyard, start: Position) -> None:
        before = courtyard.keep.next_epoch
        await courtyard.sing(recording(voice_of(self.number), start=start))
        self.jumps += max(0, len([epoch for epoch in courtyard.keep.sung if epoch >= before]) - 1)


class SteppingWays(Ways):
    """A client's ways that note by how much the room's clock stepped where the server was gone.

    The quickest of the first echoes is compared with the clock as it was before: it is known best.
    """

    def __init__(self, steps: list[tuple[int, bool, float]]) -> None:
        super().__init__()
        self._steps = steps
        self._kill: tuple[int, bool] | None = None
        self._before: Ways | None = None
        self._sights: list[tuple[float, float]] = []

    def cut_off(self, kill: int, *, rebooted: bool) -> None:
        """The server was killed: the next echoes come from another process."""
        self._kill = kill, (self._kill is not None and self._kill[1]) or rebooted
        if self._before is None:
            self._before = copy.deepcopy(self) if self.is_ready else None
        self._sights = []

    def echoed(self, echo: Echo, *, received_ms: float) -> None:
        """Learn from an echo."""
        super().echoed(echo, received_ms=received_ms)
        if self._kill is None or self._before is None:
            return
        expected = self._before.position_at((echo.sent_ms + received_ms) / 2)
        self._sights.append((received_ms - echo.sent_ms, (echo.position - expected) * 1000 / SAMPLE_RATE))
        if len(self._sights) >= _ECHOES:
            self._steps.append((*self._kill, min(self._sights)[1]))
            self._kill = self._before = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """A performance as its leader saw it."""

    performance: str
    span: Span
    row_of: dict[int, int]


async def sing_songs(leader: Singer, songs: list[Song], *, seconds: float, enough: asyncio.Event) -> None:
    """Lead one free song after the other until `enough`; each is added to `songs` when it has ended."""
    while not enough.is_set():
        song = await _start(leader)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await enough.wait()
        songs.append(await _end(leader, song.performance))


async def _start(leader: Singer) -> messages.Song:
    """Press start until a song runs: while the server is down nobody hears it."""
    view = leader.here.view
    while not view.is_live:
        leader.here.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.5):
                await leader.here.until(lambda: view.is_live)
    assert view.song is not None
    return view.song


async def _end(leader: Singer, performance: str) -> Song:
    """Press stop until it is heard; wait until the song is over for everybody."""
    view = leader.here.view
    while not _over(view.song, performance):
        if view.song is not None and view.song.stop is None:
            leader.here.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_S):
                await leader.here.until(lambda: _over(view.song, performance))
    song = view.song
    assert song is not None
    rows = {seat: row for row, seats in enumerate(song.rows) for seat in seats}
    return Song(performance=performance, span=span(song.start, song.stop or 0), row_of=rows)


def _over(song: messages.Song | None, performance: str) -> bool:
    return song is not None and song.performance == performance and song.state in _OVER
