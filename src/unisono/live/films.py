"""Films: from a performance's mix to its film, for all rooms. One is made at a time, and none while anybody sings.

    wish -> waiting for pictures on their way, then for its turn -> the film's worker -> there, the room is told
    outdate: what is under way ends; what no longer may be shown is taken away at once; a wish follows the new mix

The folder says what is wanted and what there is (studio/film/released.py), so a server that was stopped or killed goes
on where it was. Whose picture may be in a film is written in the takes' own facts; nobody here opens one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from unisono.errors import NotAllowed, UnisonoError
from unisono.live.ahead import Ahead, MakeAhead
from unisono.live.arrivals import Arrivals
from unisono.live.services import Services
from unisono.live.works import Progress
from unisono.store.records import PerformanceRecord
from unisono.studio.film.released import (
    FILM_FOLDER,
    FORMS,
    WEBM,
    WIDE,
    Release,
    Wanted,
    clips_seen,
    leave_proxies,
    pending_in,
    read_wanted,
    releases,
    take_away,
    write_wanted,
)
from unisono.studio.performance import read_report

_TOLD_SHARE = 0.005
_LOOK_SECONDS = 0.5
_log = logging.getLogger(__name__)
STOPPED = "stopped"
"""The code of a film that the host did not want to wait for."""

OnFilm = Callable[[float, str, float | None], None]
"""Told the share done, the step, and the seconds left if that can be told."""
MakeFilm = Callable[..., Awaitable[Release]]
"""(folder, form, on_progress, held=) -> what was made. Raises UnisonoError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmNow:
    """How a performance's film is. `url`, `poster` and `words` are None while it is not there; seconds: its length.

    webm: the same as `url`, where somebody had it made.
    """

    performance: str
    room: int
    share: float = 0.0
    step: str = ""
    left_s: float | None = None
    url: str | None = None
    webm: str | None = None
    poster: str | None = None
    words: str | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class FilmProgress(Progress):
    """`left_s` is the worker's own word: it knows what is still to be made."""

    left_s: float | None = None
    form: str = WIDE


@dataclass(slots=True)
class _Work:
    record: PerformanceRecord
    progress: FilmProgress = field(default_factory=FilmProgress)
    task: asyncio.Task[None] | None = None


class Films:
    """The films of all rooms. Made once per server; does nothing where the settings want no films."""

    def __init__(
        self,
        services: Services,
        *,
        film: MakeFilm,
        ahead: MakeAhead,
        singing: Callable[[], bool],
        tell: Callable[[FilmNow], None],
    ) -> None:
        """`singing`: whether a song is sung anywhere. `tell` hears of every change, on the event loop."""
        self._services = services
        self._film, self._singing, self._tell = film, singing, tell
        self._prepare: Callable[[str], Awaitable[None]] | None = None
        self.arrivals = Arrivals()
        self._ahead = Ahead(services, make=ahead, singing=singing)
        self._turn = asyncio.Semaphore(1)
        self._deciding = asyncio.Lock()
        self._works: dict[str, _Work] = {}

    def prepare_by(self, prepare: Callable[[str], Awaitable[None]]) -> None:
        """`prepare` has a performance's folder say who is to be seen and heard as of now; called before each film."""
        self._prepare = self._ahead.prepare = prepare

    @property
    def wanted(self) -> bool:
        """Whether this server makes films."""
        return self._services.settings.films

    # ------------------------------------------------------------------------------------ from start to stop

    async def start(self) -> None:
        """Go on with what a stopped server left."""
        if self.wanted:
            await self._ahead.start()
            for performance in await self._services.on_files(pending_in, self._services.settings.performances):
                await self._begin(performance)

    async def stop(self) -> None:
        """End the worker; its film goes on after the next start."""
        tasks = [work.task for work in self._works.values() if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._ahead.stop()

    # ------------------------------------------------------------------------------------ what is wished

    async def came(self, performance: str) -> None:
        """Somebody's picture is here, or the song in which they sang is over: it is made small before the film is."""
        if not self.wanted:
            return
        try:
            await self._ahead.want(performance)
        except OSError as error:
            _log.error("film of performance %s: clips are not made small ahead: %s", performance, error)

    async def unseen(self, performance: str) -> None:
        """Somebody who was in no film yet does not want to be in one: what was made of their picture goes."""
        under_way = self._ahead.under_way(performance)
        await self._ahead.end(performance)
        await self._services.on_files(leave_proxies, self._folder(performance), await self._still_seen(performance))
        if under_way:
            await self.came(performance)

    async def _still_seen(self, performance: str) -> list[tuple[Path, ...]]:
        """Every clip that may be seen; none where that cannot be told, so that nobody stays who went."""
        try:
            if self._prepare is not None:
                await self._prepare(performance)
            return await self._services.on_files(clips_seen, self._folder(performance))
        except Exception:
            _log.exception("film of performance %s: whose picture may stay?", performance)
            return []

    async def wish(self, performance: str, form: str = WIDE) -> None:
        """There is a mix, or somebody wants another form: make what is wanted and not there. Raises NotAllowed."""
        if not self.wanted:
            raise NotAllowed(what="a film on this server")
        folder = self._folder(performance)
        async with self._deciding:
            before = await self._services.on_files(read_wanted, folder) or Wanted()
            forms = before.forms if form in before.forms else (*before.forms, form)
            await self._services.on_files(write_wanted, folder, Wanted(forms=forms, pending=True))
            if performance not in self._works or form == WIDE:
                await self._begin(performance)

    async def mixed(self, performance: str) -> None:
        """A mix was made: its film is next."""
        if not self.wanted or not self._folder(performance).is_dir():
            return
        try:
            await self.wish(performance)
        except OSError as error:
            _log.error("film of performance %s: %s", performance, error)

    async def outdate(self, performance: str, *, shows_too_much: bool) -> None:
        """What is sung or seen changes, a new mix follows. What shows somebody who went is taken away at once."""
        folder = self._folder(performance)
        async with self._deciding:
            await self._end(performance)
            if shows_too_much:
                await self._ahead.end(performance)
                await self._services.on_files(take_away, folder, await self._still_seen(performance))
                await self._services.blobs.delete(performance, beginning=f"{FILM_FOLDER}/")
            before = await self._services.on_files(read_wanted, folder)
            if before is not None and self.wanted:
                pending = msgspec.structs.replace(before, pending=True, code="")
                await self._services.on_files(write_wanted, folder, pending)
        if shows_too_much and before is not None:
            await self._say(performance)

    async def seen_changed(self, performance: str, *, withdrawn: bool) -> None:
        """Somebody's own camera was let in or withdrawn: if there is a mix, a film of it follows."""
        await self.outdate(performance, shows_too_much=withdrawn)
        if await self._services.on_files(read_report, self._folder(performance)) is not None:
            await self.mixed(performance)

    async def cancel(self, performance: str) -> None:
        """The host does not want to wait for it; what is there stays."""
        folder = self._folder(performance)
        async with self._deciding:
            await self._end(performance)
            self.arrivals.begun(performance)
            before = await self._services.on_files(read_wanted, folder)
            if before is not None and before.pending:
                stopped = msgspec.structs.replace(before, pending=False, code=STOPPED)
                await self._services.on_files(write_wanted, folder, stopped)
        await self._say(performance)

    async def forget(self, performance: str) -> None:
        """The performance is deleted: nothing of it goes on."""
        work = self._works.get(performance)
        await self._end(performance)
        await self._ahead.end(performance)
        self.arrivals.begun(performance)
        if work is not None:
            self._tell(FilmNow(performance=performance, room=work.record.room))

    # ------------------------------------------------------------------------------------ how it is

    def progress(self, performance: str) -> FilmProgress | None:
        """How far it is; None when none is being made."""
        work = self._works.get(performance)
        return work.progress if work else None

    async def settled(self, performance: str) -> bool:
        """Whether the films that are there were made of the last mix, and no other one is coming."""
        wanted = await self._services.on_files(read_wanted, self._folder(performance))
        return performance not in self._works and (wanted is None or not (wanted.pending or wanted.code))

    async def look(self, performance: str) -> tuple[Wanted | None, list[Release]]:
        """What is wanted, and what there is."""
        folder = self._folder(performance)
        return await self._services.on_files(lambda: (read_wanted(folder), releases(folder)))

    async def now(self, record: PerformanceRecord) -> FilmNow:
        """How a performance's film is, for its room."""
        _, there = await self.look(record.performance)
        found = FilmNow(performance=record.performance, room=record.room)
        progress = self.progress(record.performance)
        if progress is not None:
            found = replace(found, share=progress.share, step=progress.step or "waiting", left_s=progress.left_s)
        wide, free = (next((one for one in there if one.form == form), None) for form in (WIDE, WEBM))
        if wide is None or (progress is not None and progress.form == WIDE):
            return found
        urls = {
            file.kind: film_url(record.media_key, one, file.name)
            for one in (wide, free)
            if one is not None
            for file in one.files
        }
        return replace(
            found,
            share=1.0,
            step="ready",
            left_s=None,
            url=urls.get("mp4"),
            webm=urls.get("webm"),
            poster=urls.get("jpg"),
            words=urls.get("vtt"),
            seconds=wide.seconds,
        )

    async def newest(self, room: int) -> FilmNow | None:
        """The film of the last song of a room that somebody comes back to; None if there is nothing to tell."""
        if not self.wanted:
            return None
        sung = await self._services.ask(self._services.ledger.performances, room)
        last = max(sung, key=lambda record: record.sung_at, default=None)
        now = None if last is None else await self.now(last)
        return now if now is not None and now.step else None

    async def _say(self, performance: str) -> None:
        record = await self._services.ask(self._services.ledger.performance, performance=performance)
        if record is not None:
            self._tell(await self.now(record))

    # ------------------------------------------------------------------------------------ the worker's work

    async def _begin(self, performance: str) -> None:
        await self._end(performance)
        record = await self._services.ask(self._services.ledger.performance, performance=performance)
        if record is None:
            return
        work = self._works[performance] = _Work(record)
        work.task = asyncio.create_task(self._run(work))
        work.task.add_done_callback(lambda task: self._over(performance, task))
        self._told(work)

    def _over(self, performance: str, task: asyncio.Task[None]) -> None:
        work = self._works.get(performance)
        if work is not None and work.task is task:
            del self._works[performance]
        if not task.cancelled() and task.exception() is not None:
            _log.error("film of %s: %s", performance, task.exception(), exc_info=task.exception())

    async def _end(self, performance: str) -> None:
        work = self._works.pop(performance, None)
        if work is not None and work.task is not None:
            work.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work.task])

    async def _run(self, work: _Work) -> None:
        """Make every form that is wanted; between two of them others have their turn."""
        performance, folder = work.record.performance, self._folder(work.record.performance)
        done: set[str] = set()
        code = ""
        await self._gather(performance)
        await self._small(work)
        while True:
            async with self._deciding:
                wanted = await self._services.on_files(read_wanted, folder) or Wanted()
                form = next((form for form in wanted.forms if form in FORMS and form not in done), None)
                if form is None:
                    await self._services.on_files(write_wanted, folder, Wanted(forms=wanted.forms, code=code))
                    self._works.pop(performance, None)
                    break
            done.add(form)
            work.progress = FilmProgress(form=form)
            async with self._turn:
                code = await self._make(work, folder, form) or code
            if form == WIDE:
                work.progress.form = ""  # it is there, or will not be: the room is told now
                self._tell(await self.now(work.record))
        self._tell(await self.now(work.record))

    async def _gather(self, performance: str) -> None:
        """Wait while others' pictures of this song are on their way."""
        self.arrivals.due(performance, time.monotonic())
        while True:
            wait_s = self.arrivals.wait_s(performance, time.monotonic())
            if wait_s <= 0:
                break
            await asyncio.sleep(min(wait_s, _LOOK_SECONDS))
        self.arrivals.begun(performance)

    async def _small(self, work: _Work) -> None:
        """Clips that are just being made small are waited for; what is missing then the film's worker makes."""
        performance = work.record.performance
        if self._ahead.busy(performance):
            work.progress.begin()
            work.progress.tell(0.0, "proxies")
            self._told(work)
            await self._ahead.done(performance)
        await self._ahead.end(performance)

    async def _make(self, work: _Work, folder: Path, form: str) -> str:
        """Make one form; the code of why that failed, or nothing."""
        work.progress.begin()
        told = -1.0

        def tell(share: float, step: str, left_s: float | None) -> None:
            nonlocal told
            work.progress.tell(share, step)
            work.progress.left_s = left_s
            if share - told >= _TOLD_SHARE:
                told = share
                self._told(work)

        try:
            if self._prepare is not None:
                await self._prepare(work.record.performance)
            await self._film(folder, form, tell, held=self._singing)
        except (UnisonoError, OSError) as error:
            _log.error("film of performance %s: %s", work.record.performance, error)
            return error.code if isinstance(error, UnisonoError) else "film_failed"
        await self._services.blobs.publish(folder, work.record.performance, under=FILM_FOLDER)
        return ""

    def _told(self, work: _Work) -> None:
        """The room hears how far the film is; of other forms only the performance's page speaks."""
        progress = work.progress
        if progress.form == WIDE:
            step = progress.step if progress.began_s is not None else "waiting"
            record = work.record
            now = FilmNow(performance=record.performance, room=record.room, share=progress.share, step=step)
            self._tell(replace(now, left_s=progress.left_s))

    def _folder(self, performance: str) -> Path:
        return self._services.settings.performances / performance


def film_url(media_key: str, release: Release, name: str) -> str:
    """Where a file of it is; another address for each film, since browsers keep files for a day."""
    return f"/media/{media_key}/{name}?v={release.fingerprint[:12]}"
