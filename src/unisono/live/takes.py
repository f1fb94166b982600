"""Takes: clips that people added to a performance, from the last byte to their voice in the mix.

    arrived -> waiting -> the studio's worker -> placed, certain  -> the performance's mix is made anew
                                              -> unsure           -> its person places it, then as above
                                              -> failed, stopped  -> tried again when somebody asks for it

The ledger says what is decided, the folders hold what can be made again: what a stopped server left goes on. A few
workers serve all rooms, in the order in which clips came; each is a process of its own at low priority with an end to
its patience, so a slow or broken clip holds up nobody who sings.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from unisono.errors import MixFailed, TakeFailed, UnisonoError
from unisono.live.clips import Clips
from unisono.live.services import Services
from unisono.store.records import TakeRecord
from unisono.studio.faders import Faders, write_faders
from unisono.studio.performance import MixReport, read_report
from unisono.studio.takes import FIRST_SEAT, TakeFacts, TakeReport, read_placed

WHO_MAX: Final = 40
PLACE_MAX: Final = 60
PART_MAX: Final = 40
TAKES_MAX: Final = 500
"""So many takes a performance may have."""
GUIDE_FILES = {"guide.wav": "mix.wav", "guide.m4a": "mix.m4a"}
"""What takes are sung and aligned to: the mix as it was before any take was in it."""
_SWEEP_SECONDS = 600.0
_TOGETHER_SECONDS_MAX = 20.0
"""So long a new mix waits for other clips of its performance that are being analysed already."""
_log = logging.getLogger(__name__)
__all__ = ["FIRST_SEAT", "PART_MAX", "PLACE_MAX", "WHO_MAX", "Progress", "Takes"]

OnProgress = Callable[[float, str], None]
Analyse = Callable[[Path, str, OnProgress], Awaitable[TakeReport]]
"""Folder of the performance, take, progress -> what was found. Raises UnisonoError."""
Mix = Callable[[Path, OnProgress], Awaitable[MixReport]]


@dataclass(slots=True)
class Progress:
    """Work under way, as the page sees it; `began_s` is None while it waits for its turn."""

    share: float = 0.0
    step: str = ""
    began_s: float | None = None

    def tell(self, share: float, step: str) -> None:
        """The worker is so far."""
        self.share, self.step = share, step

    def begin(self) -> None:
        """Its turn has come."""
        self.began_s = time.monotonic()

    @property
    def seconds_left(self) -> float | None:
        """By how long it took so far; None while nobody can tell."""
        if self.began_s is None or self.share < 0.05:
            return None
        return (time.monotonic() - self.began_s) * (1 - self.share) / self.share


@dataclass(slots=True)
class _Work:
    """A task and how far it is; `again` when something changed since it began."""

    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[None] | None = None
    again: bool = False


class Films(Protocol):
    """Who is told what a performance's film must follow (films.py)."""

    async def outdate(self, performance: str, *, shows_too_much: bool) -> None:
        """What is sung or seen changes."""

    async def mixed(self, performance: str) -> None:
        """There is a new mix."""


class Takes:
    """The takes of all rooms: which are under way, and what is done when they change. Made once per server."""

    def __init__(self, services: Services, clips: Clips, *, analyse: Analyse, mix: Mix, films: Films) -> None:
        self._films = films
        self._services, self._clips = services, clips
        self._analyse, self._mix = analyse, mix
        self._ledger = services.ledger.takes
        self._turns = asyncio.Semaphore(services.settings.studio_workers)
        self._analyses: dict[str, _Work] = {}
        self._mixes: dict[str, _Work] = {}
        self._unmixed: set[str] = set()
        self._sweeper: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------ from start to stop

    async def start(self) -> None:
        """Go on with what a stopped server left."""
        for take in await self._services.ask(self._ledger.unfinished):
            if take.state == "waiting":
                self._begin(take)
            elif await self._services.on_files(self._clips.arrived_bytes, take) == take.size_bytes:
                await self.arrived(take)
        for performance in await self._services.ask(self._ledger.performances):
            if await self._is_behind(performance):
                self.mix_anew(performance)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End every worker; what they had under way goes on after the next start."""
        works = [*self._analyses.values(), *self._mixes.values()]
        tasks = [task for task in (self._sweeper, *(work.task for work in works)) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sweep(self) -> None:
        """Uploads that nobody goes on with are deleted after a while."""
        while True:
            await self.expire()
            await asyncio.sleep(_SWEEP_SECONDS)

    async def expire(self) -> None:
        """Delete what stopped arriving too long ago."""
        most_s = self._services.settings.clip_hours_max * 3600
        for take in await self._services.ask(self._ledger.unfinished):
            idle_s = await self._services.on_files(self._clips.idle_seconds, take)
            if take.state == "uploading" and idle_s > most_s:
                await self.withdraw(take)

    # ------------------------------------------------------------------------------------ how far things are

    def progress(self, take: str) -> Progress | None:
        """How far the analysis of a take is; None when none is under way."""
        work = self._analyses.get(take)
        return work.progress if work else None

    def mixing(self, performance: str) -> Progress | None:
        """How far a performance's new mix is; None when none is under way."""
        work = self._mixes.get(performance)
        return work.progress if work else None

    def is_unmixed(self, performance: str) -> bool:
        """Whether the last new mix did not work out."""
        return performance in self._unmixed

    def report(self, take: TakeRecord) -> TakeReport | None:
        """What the studio found; reads a file."""
        return read_placed(self._clips.folder(take))

    # ------------------------------------------------------------------------------------ what happens to a take

    async def arrived(self, take: TakeRecord) -> None:
        """Its last byte is on disk. Raises OSError."""
        await self._services.on_files(self._clips.complete, take)
        found = await self._services.ask(self._ledger.set, take.take, state="waiting")
        if found is not None:
            self._begin(found)

    async def place(self, take: TakeRecord, offset_samples: float | None) -> None:
        """A person says where it stands; None asks the studio again."""
        await self.anew(take, offset_samples=offset_samples)

    async def again(self, take: TakeRecord) -> None:
        """Analyse it once more, after a failure or a stop."""
        await self.anew(take)

    async def change(self, take: TakeRecord, **changes: Any) -> None:
        """Another name, place, flag or part, or hidden and shown again: what sounds is made to fit."""
        found = await self._services.ask(self._ledger.set, take.take, **changes)
        if changes.get("hidden") or changes.get("picture") is False:
            await self._films.outdate(take.performance, shows_too_much=True)
        if found is None or not await self._is_heard(found):
            return
        if found.hidden:
            await self._silence(found)
        self.mix_anew(found.performance)

    async def stop_analysis(self, take: TakeRecord) -> None:
        """Somebody does not want to wait for it."""
        if take.state == "waiting":
            await self._services.ask(self._ledger.set, take.take, state="stopped", code="")
        await self._end(take.take)

    async def withdraw(self, take: TakeRecord) -> None:
        """Delete it, its original too; a mix in which it sounded is made anew."""
        heard = await self._is_heard(take)
        await self._services.ask(self._ledger.forget, take.take)
        await self._end(take.take)
        if heard:
            await self._films.outdate(take.performance, shows_too_much=True)
        await self._services.on_files(self._clips.delete, take)
        await self._services.blobs.delete(take.performance, beginning=f"takes/{take.take}/")
        if heard:
            await self._silence(take)
            self.mix_anew(take.performance)

    async def set_faders(self, performance: str, faders: Faders) -> None:
        """The host set the mix."""
        await self._services.ask(self._ledger.set_faders, performance, msgspec.json.encode(faders).decode())
        self.mix_anew(performance)

    async def faders(self, performance: str) -> Faders:
        """How the host set the mix."""
        text = await self._services.ask(self._ledger.faders, performance)
        return msgspec.json.decode(text, type=Faders) if text else Faders()

    async def anew(self, take: TakeRecord, **changes: Any) -> None:
        """Something of it that decides its place changes: the studio looks at it from the start."""
        await self._end(take.take)
        found = await self._services.ask(self._ledger.set, take.take, state="waiting", code="", **changes)
        if found is not None:
            self._begin(found)

    async def _silence(self, take: TakeRecord) -> None:
        """Its voice alone is no longer served, while the new mix is being made."""
        folder = self._folder(take.performance)
        names = [f"stems/{take.seat}.{kind}" for kind in ("wav", "flac")]
        for name in names:
            await self._services.on_files((folder / name).unlink, missing_ok=True)
        await self._services.blobs.delete(take.performance, beginning=f"stems/{take.seat}.")

    # ------------------------------------------------------------------------------------ the studio's work

    def _begin(self, take: TakeRecord) -> None:
        work = _Work()
        self._analyses[take.take] = work
        work.task = self._spawn(self._run(take, work), self._analyses, take.take)

    def _spawn(self, job: Coroutine[Any, Any, None], works: dict[str, _Work], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(job)

        def done(task: asyncio.Task[None]) -> None:
            if works.get(name) is not None and works[name].task is task:
                del works[name]
            if not task.cancelled() and task.exception() is not None:
                _log.error("%s: %s", name, task.exception(), exc_info=task.exception())

        task.add_done_callback(done)
        return task

    async def _end(self, take: str) -> None:
        """Stop its analysis, if one is under way."""
        work = self._analyses.pop(take, None)
        if work is not None and work.task is not None:
            work.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work.task])

    async def _run(self, waiting: TakeRecord, work: _Work) -> None:
        """Analyse a take when its turn comes, and note down what came of it."""
        async with self._turns:
            take = await self._services.ask(self._ledger.find, waiting.take)
            if take is None:
                return
            work.progress.begin()
            folder = self._folder(take.performance)
            await self._services.on_files(self._prepare, take)
            try:
                report = await self._analyse(folder, take.take, work.progress.tell)
            except UnisonoError as error:
                _log.warning("take %s of performance %s: %s", take.take, take.performance, error)
                why = error.why if isinstance(error, TakeFailed) else error.code
                await self._services.ask(self._ledger.set, take.take, state="failed", code=why)
                return
            except Exception:
                await self._services.ask(self._ledger.set, take.take, state="failed", code="server_error")
                raise
            under = f"takes/{take.take}"
            await self._services.blobs.publish(folder, take.performance, under=under)
            state = "placed" if report.certain else "unsure"
            found = await self._services.ask(self._ledger.set, take.take, state=state, code="")
            mixed = await self._services.on_files(self._mixed_seats, folder)
        if found is not None and (found.state == "placed" or found.seat in mixed):
            self.mix_anew(take.performance)

    def _prepare(self, take: TakeRecord) -> None:
        """The guide and take.json, for the studio; the first take of a performance finds a mix without takes."""
        folder = self._folder(take.performance)
        for guide, mix in GUIDE_FILES.items():
            if not (folder / guide).exists() and (folder / mix).is_file():
                with contextlib.suppress(OSError):
                    os.link(folder / mix, folder / guide)
                if not (folder / guide).exists():
                    shutil.copyfile(folder / mix, folder / guide)
        self._clips.write_facts(take, _facts(take))

    def mix_anew(self, performance: str) -> None:
        """The performance's mix is made anew, soon; while it is, a further change makes it once more."""
        work = self._mixes.get(performance)
        if work is None:
            work = self._mixes[performance] = _Work()
            work.task = self._spawn(self._mix_until_it_fits(performance, work), self._mixes, performance)
        else:
            work.again = True

    async def _mix_until_it_fits(self, performance: str, work: _Work) -> None:
        while True:
            await self._films.outdate(performance, shows_too_much=False)
            await self._others_of(performance)
            work.progress.share, work.progress.step = 0.0, ""
            async with self._turns:
                work.again = False
                work.progress.begin()
                try:
                    await self._mix_once(performance, work.progress)
                    self._unmixed.discard(performance)
                except (MixFailed, OSError) as error:
                    _log.error("performance %s was not mixed anew: %s", performance, error)
                    self._unmixed.add(performance)
            if not work.again:
                break
        if performance not in self._unmixed:
            await self._films.mixed(performance)

    async def _others_of(self, performance: str) -> None:
        """Until no other take of it is at the studio, or not much longer: many clips at once make one new mix."""
        takes = await self._services.ask(self._ledger.of, performance)
        tasks = [work.task for take in takes if (work := self._analyses.get(take.take)) and work.task]
        if tasks:
            await asyncio.wait(tasks, timeout=_TOGETHER_SECONDS_MAX)

    async def _mix_once(self, performance: str, progress: Progress) -> None:
        takes = await self._services.ask(self._ledger.of, performance)
        faders = await self.faders(performance)
        folder = self._folder(performance)
        if not folder.is_dir():
            return
        await self._services.on_files(self._write_all, folder, takes, faders)
        await self._mix(folder, progress.tell)
        await self._services.blobs.publish(folder, performance)

    async def write_facts(self, performance: str) -> None:
        """Every take.json as the ledger has it now: a film that is made next shows nobody who withdrew."""
        takes = await self._services.ask(self._ledger.of, performance)
        faders = await self.faders(performance)
        await self._services.on_files(self._write_all, self._folder(performance), takes, faders)

    async def _is_heard(self, take: TakeRecord) -> bool:
        """Whether it is in the mix, or in the last one while its place is looked for again."""
        return take.state == "placed" or take.seat in await self._services.on_files(
            self._mixed_seats, self._folder(take.performance)
        )

    def _write_all(self, folder: Path, takes: list[TakeRecord], faders: Faders) -> None:
        """What the mix is made by: every take.json, and the faders."""
        self._clips.delete_unknown(folder.name, {take.take for take in takes})
        for take in takes:
            if take.state != "uploading" and self._clips.folder(take).is_dir():
                self._clips.write_facts(take, _facts(take))
        write_faders(folder, faders)

    async def _is_behind(self, performance: str) -> bool:
        """Whether the last mix has other takes in it than it should."""
        takes = await self._services.ask(self._ledger.of, performance)
        wanted = {take.seat for take in takes if _sounds(take)}
        return wanted != await self._services.on_files(self._mixed_seats, self._folder(performance))

    def _mixed_seats(self, folder: Path) -> set[int]:
        """Which takes are in the last mix, by their seats; reads a file."""
        report = read_report(folder)
        return {stem.seat for stem in report.stems if stem.seat >= FIRST_SEAT} if report else set()

    def _folder(self, performance: str) -> Path:
        return self._services.settings.performances / performance


def _sounds(take: TakeRecord) -> bool:
    return take.state == "placed" and not take.hidden


def _pan(seat: int) -> float:
    """Where it stands: each new voice in the widest gap that those before it left (van der Corput's sequence)."""
    number, share, half = seat - FIRST_SEAT + 1, 0.0, 0.5
    while number:
        share += half * (number % 2)
        number, half = number // 2, half / 2
    return 2 * share - 1


def _facts(take: TakeRecord) -> TakeFacts:
    return TakeFacts(
        take=take.take,
        seat=take.seat,
        original=take.original,
        name=take.name,
        place=take.place,
        flag=msgspec.to_builtins(take.flag),
        part=take.part,
        picture=take.picture,
        pan=_pan(take.seat),
        offset_samples=take.offset_samples,
        in_mix=_sounds(take),
        sung=(take.sung.start, take.sung.stop) if take.sung else None,
    )
