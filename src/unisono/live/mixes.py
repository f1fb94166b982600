"""Mixes: a performance's mix is made anew whenever its takes or the host's faders change.

A mix that must not be heard any more, because somebody took their voice out of it, is taken away at once; until the
new one is there, there is none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from unisono.errors import MixFailed
from unisono.live.along import FOLDER as ALONG_FOLDER
from unisono.live.clips import Clips
from unisono.live.services import Services
from unisono.live.works import Progress, Work, Works
from unisono.store.records import TakeRecord
from unisono.studio.faders import Faders, write_faders
from unisono.studio.jobs import OnProgress
from unisono.studio.performance import MixReport, read_report
from unisono.studio.takes import FIRST_SEAT, TakeFacts

Mix = Callable[[Path, OnProgress], Awaitable[MixReport]]
_TOGETHER_SECONDS_MAX: Final = 20.0
"""So long a new mix waits for other clips of its performance that are being analysed already."""
_log = logging.getLogger(__name__)


class Films(Protocol):
    """Who is told what a performance's film must follow (films.py)."""

    async def outdate(self, performance: str, *, shows_too_much: bool) -> None:
        """What is sung or seen changes."""

    async def mixed(self, performance: str) -> None:
        """There is a new mix."""

    async def came(self, performance: str) -> None:
        """A clip is here."""

    async def unseen(self, performance: str) -> None:
        """A clip that is in no mix yet is not to be seen any more."""

    async def settled(self, performance: str) -> bool:
        """Whether the films that are there are of the last mix."""


class Mixes:
    """The mixes of all performances that follow their takes. `turns`: workers are shared with the takes' analyses."""

    def __init__(
        self, services: Services, clips: Clips, *, mix: Mix, films: Films, turns: asyncio.Semaphore, analyses: Works
    ) -> None:
        self._services, self._clips, self._films = services, clips, films
        self._mix, self._turns, self._analyses = mix, turns, analyses
        self._ledger = services.ledger.takes
        self._works = Works()
        self._unmixed: set[str] = set()

    async def start(self) -> None:
        """What a stopped server did not come to."""
        for performance in await self._services.ask(self._ledger.performances):
            if await self._is_behind(performance):
                self.mix_anew(performance)

    async def stop(self) -> None:
        """End every worker."""
        await self._works.stop()

    def progress(self, performance: str) -> Progress | None:
        """How far a performance's new mix is; None when none is under way."""
        work = self._works.get(performance)
        return work.progress if work else None

    def is_unmixed(self, performance: str) -> bool:
        """Whether the last new mix did not work out."""
        return performance in self._unmixed

    async def set_faders(self, performance: str, faders: Faders) -> None:
        """The host set the mix."""
        await self._services.ask(self._ledger.set_faders, performance, msgspec.json.encode(faders).decode())
        self.mix_anew(performance)

    async def faders(self, performance: str) -> Faders:
        """How the host set the mix."""
        text = await self._services.ask(self._ledger.faders, performance)
        return msgspec.json.decode(text, type=Faders) if text else Faders()

    def mix_anew(self, performance: str) -> None:
        """The performance's mix is made anew, soon; while it is, a further change makes it once more."""
        work = self._works.get(performance)
        if work is None:
            self._works.begin(performance, lambda work: self._until_it_fits(performance, work))
        else:
            work.again = True

    async def silence(self, take: TakeRecord) -> None:
        """A voice is no longer heard, alone or with others: what holds it goes, and the mix is made without it."""
        folder = self._folder(take.performance)
        await self._works.end(take.performance)  # a mix that is just being made has it, too
        gone = [f"stems/{take.seat}.", "mix.", f"{ALONG_FOLDER}/"]
        await self._services.on_files(_delete_sound, folder, gone)
        for beginning in gone:
            await self._services.blobs.delete(take.performance, beginning=beginning)
        self.mix_anew(take.performance)

    async def drop(self, take: TakeRecord) -> None:
        """Delete what is left of a voice that no mix holds: its file of an earlier one."""
        gone = f"stems/{take.seat}."
        await self._services.on_files(_delete_sound, self._folder(take.performance), [gone])
        await self._services.blobs.delete(take.performance, beginning=gone)

    async def _until_it_fits(self, performance: str, work: Work) -> None:
        while True:
            await self._films.outdate(performance, shows_too_much=False)
            takes = await self._services.ask(self._ledger.of, performance)
            await self._analyses.wait([take.take for take in takes], _TOGETHER_SECONDS_MAX)
            work.progress.share, work.progress.step = 0.0, ""
            async with self._turns:
                work.again = False
                work.progress.begin()
                try:
                    await self._once(performance, work.progress)
                    self._unmixed.discard(performance)
                except (MixFailed, OSError) as error:
                    _log.error("performance %s was not mixed anew: %s", performance, error)
                    self._unmixed.add(performance)
            if not work.again:
                break
        if performance not in self._unmixed:
            await self._films.mixed(performance)

    async def _once(self, performance: str, progress: Progress) -> None:
        folder = self._folder(performance)
        if not folder.is_dir():
            return
        await self.write_facts(performance)
        await self._mix(folder, progress.tell)
        await self._services.blobs.publish(folder, performance)

    async def write_facts(self, performance: str) -> None:
        """Every take.json as the ledger has it now, and the faders: what mix and film are made by."""
        # Folders first: a clip that begins meanwhile is in the ledger before it has one.
        folders = await self._services.on_files(self._clips.folders, performance)
        takes = await self._services.ask(self._ledger.of, performance)
        faders = await self.faders(performance)
        unknown = folders - {take.take for take in takes}
        await self._services.on_files(self._write_all, performance, takes, unknown, faders)

    def _write_all(self, performance: str, takes: list[TakeRecord], unknown: set[str], faders: Faders) -> None:
        self._clips.delete_folders(performance, unknown)
        for take in takes:
            if take.state != "uploading" and self._clips.folder(take).is_dir():
                self._clips.write_facts(take, facts_of(take))
        write_faders(self._folder(performance), faders)

    async def _is_behind(self, performance: str) -> bool:
        """Whether the last mix has other takes in it than it should, or is not there."""
        there = await self._services.on_files((self._folder(performance) / "mix.wav").is_file)
        takes = await self._services.ask(self._ledger.of, performance)
        return not there or await self.seats(performance) != {take.seat for take in takes if sounds(take)}

    async def seats(self, performance: str) -> set[int]:
        """Which takes are in the last mix, by their seats."""
        report = await self._services.on_files(read_report, self._folder(performance))
        return {stem.seat for stem in report.stems if stem.seat >= FIRST_SEAT} if report else set()

    def _folder(self, performance: str) -> Path:
        return self._services.settings.performances / performance


def _delete_sound(folder: Path, beginnings: list[str]) -> None:
    """Delete the files whose paths begin so; the report of the mix stays, and tells who was in it."""
    for beginning in beginnings:
        for path in folder.glob(f"{beginning}*"):
            if path.is_file() and path.suffix != ".json":
                path.unlink(missing_ok=True)


def sounds(take: TakeRecord) -> bool:
    """Whether it is to be heard in the mix."""
    return take.state == "placed" and not take.hidden and not take.aside


def _pan(seat: int) -> float:
    """Where it stands: each new voice in the widest gap that those before it left (van der Corput's sequence)."""
    number, share, half = seat - FIRST_SEAT + 1, 0.0, 0.5
    while number:
        share += half * (number % 2)
        number, half = number // 2, half / 2
    return 2 * share - 1


def facts_of(take: TakeRecord) -> TakeFacts:
    """What the studio must know of it."""
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
        in_mix=sounds(take),
        sung=(take.sung.start, take.sung.stop) if take.sung else None,
    )
