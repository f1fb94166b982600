"""Works: what the studio has under way for the live server, by name, and how far each is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """Work under way, as the page sees it; `began_s` is None while it waits for its turn."""

    share: float = 0.0
    step: str = ""
    began_s: float | None = None
    _forecast_s: float | None = None
    _told_s: float = 0.0

    def tell(self, share: float, step: str, seconds_left: float | None = None) -> None:
        """The worker is so far, and knows how long the rest will take, or not."""
        self.share, self.step = share, step
        self._forecast_s, self._told_s = seconds_left, time.monotonic()

    def begin(self) -> None:
        """Its turn has come."""
        self.began_s, self._forecast_s = time.monotonic(), None

    @property
    def seconds_left(self) -> float | None:
        """By the worker's own forecast, less what has passed since; None while nobody can tell."""
        if self.began_s is None or self._forecast_s is None:
            return None
        return max(0.0, self._forecast_s - (time.monotonic() - self._told_s))


@dataclass(slots=True)
class Work:
    """A task and how far it is; `again` when something changed since it began."""

    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[None] | None = None
    again: bool = False


class Works:
    """One kind of work, at most one of each name."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}

    def get(self, name: str) -> Work | None:
        """What is under way by this name."""
        return self._works.get(name)

    def begin(self, name: str, job: Callable[[Work], Coroutine[Any, Any, None]]) -> None:
        """Begin a work that takes this name over."""
        work = self._works[name] = Work()
        task = work.task = asyncio.create_task(job(work))

        def done(task: asyncio.Task[None]) -> None:
            if self._works.get(name) is work:
                del self._works[name]
            if not task.cancelled() and task.exception() is not None:
                _log.error("%s: %s", name, task.exception(), exc_info=task.exception())

        task.add_done_callback(done)

    async def end(self, name: str) -> None:
        """Stop a work, if it is under way."""
        work = self._works.pop(name, None)
        if work is not None and work.task is not None:
            work.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work.task])

    async def wait(self, names: list[str], seconds_max: float) -> None:
        """Until none of these is under way, or not much longer."""
        tasks = [work.task for name in names if (work := self._works.get(name)) and work.task]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds_max)

    async def stop(self) -> None:
        """Stop all."""
        tasks = [work.task for work in self._works.values() if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
