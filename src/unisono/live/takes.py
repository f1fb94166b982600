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
import hmac
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from unisono.core.parts import PART_MAX
from unisono.errors import TakeFailed, UnisonoError
from unisono.live.clips import Clips
from unisono.live.mixes import Films, Mix, Mixes, facts_of
from unisono.live.services import Services
from unisono.live.works import Progress, Work, Works
from unisono.store import tokens
from unisono.store.records import TakeRecord
from unisono.studio.jobs import OnProgress
from unisono.studio.takes import FIRST_SEAT, TakeReport, read_placed

WHO_MAX: Final = 40
PLACE_MAX: Final = 60
TAKES_MAX: Final = 500
"""So many takes of a performance may stand in its mix."""
TRIES_MAX: Final = 5000
"""So many it may have with those that are set aside, so that nobody fills the server with tries."""
GUIDE_FILES = {"guide.wav": "mix.wav", "guide.m4a": "mix.m4a"}
"""What takes are sung and aligned to: the mix as it was before any take was in it."""
_SWEEP_SECONDS = 600.0
_log = logging.getLogger(__name__)
__all__ = ["FIRST_SEAT", "PART_MAX", "PLACE_MAX", "WHO_MAX", "Takes", "opens"]

Analyse = Callable[[Path, str, OnProgress], Awaitable[TakeReport]]
"""Folder of the performance, take, progress -> what was found. Raises UnisonoError."""


def opens(key: str, take: TakeRecord) -> bool:
    """Whether this is the key that its person got."""
    return bool(key) and hmac.compare_digest(tokens.hashed(key), take.key_hash)


def is_full(takes: Sequence[TakeRecord], *, instead_of: Sequence[TakeRecord] = ()) -> bool:
    """Whether a performance with these takes has no room for one more that takes the place of some of them."""
    gone = {take.take for take in instead_of}
    standing = sum(not take.aside and take.take not in gone for take in takes)
    return standing >= TAKES_MAX or len(takes) >= TRIES_MAX


class Takes:
    """The takes of all rooms: which are under way, and what is done when they change. Made once per server."""

    def __init__(self, services: Services, clips: Clips, *, analyse: Analyse, mix: Mix, films: Films) -> None:
        self._films = films
        self._services, self._clips = services, clips
        self._analyse = analyse
        self._ledger = services.ledger.takes
        self._turns = asyncio.Semaphore(services.settings.studio_workers)
        self._analyses = Works()
        self.mixes = Mixes(services, clips, mix=mix, films=films, turns=self._turns, analyses=self._analyses)
        self._sweeper: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------ from start to stop

    async def start(self) -> None:
        """Go on with what a stopped server left."""
        for take in await self._services.ask(self._ledger.unfinished):
            if take.state == "waiting":
                self._begin(take)
            elif await self._services.on_files(self._clips.arrived_bytes, take) == take.size_bytes:
                await self.arrived(take)
        await self.mixes.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End every worker; what they had under way goes on after the next start."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self._analyses.stop()
        await self.mixes.stop()

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

    def arrived_bytes(self, take: TakeRecord) -> int:
        """How much of its clip is there; looks at a file."""
        return self._clips.arrived_bytes(take)

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
            if found.picture:
                await self._films.came(found.performance)

    async def place(self, take: TakeRecord, offset_samples: float | None) -> None:
        """A person says where it stands; None asks the studio again."""
        await self.anew(take, offset_samples=offset_samples)

    async def again(self, take: TakeRecord) -> None:
        """Analyse it once more, after a failure or a stop."""
        await self.anew(take)

    async def change(self, take: TakeRecord, **changes: Any) -> None:
        """Another name, place, flag or part, or hidden and shown again: what sounds is made to fit."""
        found = await self._services.ask(self._ledger.set, take.take, **changes)
        heard = found is not None and await self._is_heard(found)
        if changes.get("hidden") or changes.get("picture") is False:
            if heard or not await self._is_out_of_films(take):
                await self._films.outdate(take.performance, shows_too_much=True)
            else:
                await self._films.unseen(take.performance)
            if not heard:
                await self._films.mixed(take.performance)
        elif found is not None and found.picture and changes.keys() & {"hidden", "picture"}:
            await self._films.came(take.performance)
        if found is None or not heard:
            return
        if found.hidden:
            await self.mixes.silence(found)
        self.mixes.mix_anew(found.performance)

    async def use(self, take: TakeRecord, *, instead_of: Sequence[TakeRecord]) -> None:
        """Its person wants to be heard with this one, and no more with those, which are kept to go back to."""
        others = [one.take for one in instead_of]
        changed = await self._services.ask(self._ledger.use, take.take, instead_of=others)
        self._mix_anew_with(changed)

    async def stop_analysis(self, take: TakeRecord) -> None:
        """Somebody does not want to wait for it."""
        if take.state == "waiting":
            await self._fell(take, "stopped", "")
        await self._analyses.end(take.take)

    async def withdraw(self, take: TakeRecord) -> None:
        """Delete it, its original too; a mix in which it sounded is made anew."""
        heard = await self._is_heard(take)
        await self._services.ask(self._ledger.forget, take.take)
        await self._analyses.end(take.take)
        seen = heard or not await self._is_out_of_films(take)
        if seen:
            await self._films.outdate(take.performance, shows_too_much=True)
        await self._services.on_files(self._clips.delete, take)
        if take.picture and not seen:
            await self._films.unseen(take.performance)
        await self._services.blobs.delete(take.performance, beginning=f"takes/{take.take}/")
        if heard:
            await self.mixes.silence(take)
            self.mixes.mix_anew(take.performance)
        else:
            await self.mixes.drop(take)
            if seen:
                await self._films.mixed(take.performance)

    async def anew(self, take: TakeRecord, **changes: Any) -> None:
        """Something of it that decides its place changes: the studio looks at it from the start."""
        await self._analyses.end(take.take)
        found = await self._services.ask(self._ledger.set, take.take, state="waiting", code="", **changes)
        if found is not None:
            self._begin(found)

    # ------------------------------------------------------------------------------------ the studio's work

    def _begin(self, take: TakeRecord) -> None:
        self._analyses.begin(take.take, lambda work: self._run(take, work))

    async def _run(self, waiting: TakeRecord, work: Work) -> None:
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
                await self._fell(take, "failed", error.why if isinstance(error, TakeFailed) else error.code)
                return
            except Exception:
                await self._fell(take, "failed", "server_error")
                raise
            under = f"takes/{take.take}"
            await self._services.blobs.publish(folder, take.performance, under=under)
            state = "placed" if report.certain else "unsure"
            found = await self._services.ask(self._ledger.set, take.take, state=state, code="")
            mixed = await self.mixes.seats(take.performance)
        if found is not None and (found.state == "placed" or found.seat in mixed):
            self.mixes.mix_anew(take.performance)

    async def _fell(self, take: TakeRecord, state: str, why: str) -> None:
        self._mix_anew_with(await self._services.ask(self._ledger.fall, take.take, state=state, code=why))

    def _mix_anew_with(self, changed: Sequence[TakeRecord]) -> None:
        """Some takes were set aside or stand again: the mix follows if one of them can be heard."""
        if any(one.state == "placed" for one in changed):
            self.mixes.mix_anew(changed[0].performance)

    def _prepare(self, take: TakeRecord) -> None:
        """The guide and take.json, for the studio; the first take of a performance finds a mix without takes."""
        folder = self._folder(take.performance)
        for guide, mix in GUIDE_FILES.items():
            if not (folder / guide).exists() and (folder / mix).is_file():
                with contextlib.suppress(OSError):
                    os.link(folder / mix, folder / guide)
                if not (folder / guide).exists():
                    shutil.copyfile(folder / mix, folder / guide)
        self._clips.write_facts(take, facts_of(take))

    async def _is_heard(self, take: TakeRecord) -> bool:
        """Whether it is in the mix, or in the last one, or perhaps in one that is being made."""
        stands = take.state == "placed" and (not take.aside or self.mixes.progress(take.performance) is not None)
        return stands or take.seat in await self.mixes.seats(take.performance)

    async def _is_out_of_films(self, take: TakeRecord) -> bool:
        """Whether no film that is there can show a take that is not heard: the last one may be older than the mix."""
        return not take.aside or await self._films.settled(take.performance)

    def _folder(self, performance: str) -> Path:
        return self._services.settings.performances / performance
