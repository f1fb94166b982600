"""Rooms: which are loaded. One is loaded when somebody comes, and put away when nobody has been there for a while."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Iterable

from unisono.config import Settings
from unisono.core.messages import Film
from unisono.live.ahead import MakeAhead
from unisono.live.films import FilmNow, Films, MakeFilm
from unisono.live.pulse import now_ns
from unisono.live.recorder import Wrote
from unisono.live.runner import Runner
from unisono.live.services import Services
from unisono.live.session import Session
from unisono.live.trouble import WELL_LEDGER, Trouble, Well
from unisono.units import SAMPLE_RATE

_EMPTY_SECONDS_MAX = 300.0
_SWEEP_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Rooms:
    """All rooms of this server, and what they share."""

    def __init__(self, settings: Settings, *, film: MakeFilm, ahead: MakeAhead) -> None:
        """`film` makes one, `ahead` what it needs of clips (studio/jobs.py)."""
        self.services = Services(
            settings, on_wrote=self._wrote, on_trouble=self._trouble, on_ledger_trouble=self._ledger_trouble
        )
        self.films = Films(self.services, film=film, ahead=ahead, singing=self._singing, tell=self._film_told)
        self._runners: dict[int, Runner] = {}
        self._loading: dict[int, asyncio.Lock] = {}
        self._numbers = itertools.count(1)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the rooms in which something was under way when the server stopped."""
        for record in await self.services.ask(self.services.ledger.unfinished):
            try:
                await self.runner(record.room)
            except Exception:
                _log.exception("performance %s is left as it is", record.performance)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Close every socket, write everything down."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))
        self._runners.clear()
        await asyncio.to_thread(self.services.stop)

    def next_number(self) -> int:
        """A number for a socket that nobody had before."""
        return next(self._numbers)

    async def runner(self, room: int) -> Runner:
        """The room, loaded."""
        async with self._loading.setdefault(room, asyncio.Lock()):
            runner = self._runners.get(room)
            if runner is None:
                record = await self.services.ask(self.services.ledger.room, room)
                runner = Runner(record, self.services, self.films)
                await runner.start()
                self._runners[room] = runner
                film = await self.films.newest(room)
                if film is not None:
                    runner.film(film_message(film))
            return runner

    async def attend(self, session: Session) -> None:
        """Let a socket say hello, and be where its link leads. Raises UnisonoError."""
        hello = await session.hello()
        heard_ns = now_ns()
        admission = await self.services.ask(self.services.ledger.admit, hello.token)
        runner = await self.runner(admission.room)
        if hello.spare:
            await runner.attend_spare(session, hello)
        else:
            await runner.attend(session, hello, admission, heard_ns=heard_ns)

    def revoke(self, room: int, links: Iterable[int], *, apart_from_key: str | None = None) -> None:
        """Close what came by these links, if the room is loaded."""
        runner = self._runners.get(room)
        if runner is not None:
            runner.revoke(links, apart_from_key=apart_from_key)

    def _singing(self) -> bool:
        """Whether a song is sung anywhere."""
        return any(runner.room.singing.running for runner in self._runners.values())

    def _film_told(self, now: FilmNow) -> None:
        runner = self._runners.get(now.room)
        if runner is not None:
            runner.film(film_message(now))

    def _wrote(self, batch: list[Wrote]) -> None:
        by_performance: defaultdict[str, list[Wrote]] = defaultdict(list)
        for wrote in batch:
            by_performance[wrote.performance].append(wrote)
        for performance, stems in by_performance.items():
            for runner in self._of(performance):
                runner.wrote(stems)

    def _trouble(self, performance: str, trouble: Trouble | Well) -> None:
        for runner in self._of(performance):
            runner.trouble(trouble)

    def _ledger_trouble(self, text: str | None) -> None:
        trouble = Trouble(code="ledger_trouble", text=text) if text else WELL_LEDGER
        for runner in self._runners.values():
            runner.trouble(trouble)

    def _of(self, performance: str) -> list[Runner]:
        return [runner for runner in self._runners.values() if runner.room.singing.knows(performance)]

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for room, runner in list(self._runners.items()):
                if runner.idle and loop.time() - runner.left_at > _EMPTY_SECONDS_MAX:
                    async with self._loading[room]:
                        del self._runners[room]
                        await runner.stop()


def film_message(now: FilmNow) -> Film:
    """What a room's pages are told of a film."""
    return Film(
        performance=now.performance,
        share=min(1.0, max(0.0, now.share)),
        step=now.step,
        seconds_left=now.left_s,
        url=now.url,
        webm=now.webm,
        poster=now.poster,
        words=now.words,
        samples=round(now.seconds * SAMPLE_RATE),
    )
