"""Ahead: clips are made small for a film as soon as they have come, by a worker, and never while anybody sings.

    a clip has come, or the song it belongs to is known -> want -> one performance after another -> the film finds them

A mark in the performance's folder says that something is to be done, so a stopped server goes on. Nothing depends on
it: what is missing when a film begins its own worker makes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from unisono.errors import UnisonoError
from unisono.live.services import Services
from unisono.live.works import Work, Works
from unisono.studio.film.released import clips_seen, mark_ahead, marked_ahead, unmark_ahead
from unisono.studio.performance import PERFORMANCE_FILE

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 1800.0
_log = logging.getLogger(__name__)


class MakeAhead(Protocol):
    """What makes them (studio/jobs.py). Raises UnisonoError."""

    async def __call__(self, folder: Path, takes: list[str], *, held: Callable[[], bool]) -> None:
        """Of the performance in `folder`, and of its `takes` that are not in its mix yet."""


class Ahead:
    """What is under way for all performances. Made once per server."""

    def __init__(self, services: Services, *, make: MakeAhead, singing: Callable[[], bool]) -> None:
        """`singing`: whether a song is sung anywhere. Before each run `prepare` has the folder say who may be seen."""
        self._services, self._make, self._singing = services, make, singing
        self.prepare: Callable[[str], Awaitable[None]] | None = None
        self._turn = asyncio.Semaphore(1)
        self._works = Works()

    async def start(self) -> None:
        """Go on with what a stopped server left."""
        for performance in await self._services.on_files(marked_ahead, self._services.settings.performances):
            await self.want(performance)

    async def stop(self) -> None:
        """End the worker; what it has not finished is made after the next start."""
        await self._works.stop()

    async def want(self, performance: str) -> None:
        """A clip of this performance has come, or its song is known now."""
        folder = self._folder(performance)
        if not await self._services.on_files((folder / PERFORMANCE_FILE).is_file):
            return  # who else sings, and so how large a window is, is known only when the song is over
        await self._services.on_files(mark_ahead, folder)
        work = self._works.get(performance)
        if work is None:
            self._works.begin(performance, lambda work: self._run(performance, work))
        else:
            work.again = True

    async def end(self, performance: str) -> None:
        """Nothing of this performance is made small from now on, until it is wanted again."""
        await self._works.end(performance)
        await self._services.on_files(unmark_ahead, self._folder(performance))

    async def done(self, performance: str) -> None:
        """Until all that has come is small, or it takes too long."""
        await self._works.wait([performance], _PATIENCE_SECONDS)

    def under_way(self, performance: str) -> bool:
        """Whether something of this performance is made small, or waits for its turn."""
        return self._works.get(performance) is not None

    def busy(self, performance: str) -> bool:
        """Whether it is this performance's turn just now."""
        work = self._works.get(performance)
        return work is not None and work.progress.began_s is not None

    async def _run(self, performance: str, work: Work) -> None:
        folder = self._folder(performance)
        while True:
            work.progress.began_s = None
            async with self._turn:
                while self._singing():  # noqa: ASYNC110 - nobody says when all songs are over
                    await asyncio.sleep(_LOOK_SECONDS)
                work.progress.begin()
                work.again = False
                try:
                    if self.prepare is not None:
                        await self.prepare(performance)
                    if await self._services.on_files(clips_seen, folder):
                        await self._make(folder, await self._expected(performance), held=self._singing)
                except (UnisonoError, OSError) as error:
                    _log.warning("clips of performance %s are not made small: %s", performance, error)
            if not work.again:
                await self._services.on_files(unmark_ahead, folder)
            if not work.again:
                break

    async def _expected(self, performance: str) -> list[str]:
        """Takes that may be seen and are looked at by the studio, or wait for their person to place them."""
        takes = await self._services.ask(self._services.ledger.takes.of, performance)
        coming = [take for take in takes if take.picture and not take.hidden]
        return [take.take for take in coming if take.state in {"waiting", "unsure"}]

    def _folder(self, performance: str) -> Path:
        return self._services.settings.performances / performance
