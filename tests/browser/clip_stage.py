"""A real server in a thread, a performance that was sung, and a studio that is told what to find (tests/live/clips.py).

The page sends real clips by real HTTP; only the studio's processes are stood in for, so that a test takes seconds and
can hold the studio in the middle of its work.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import FilePayload

from tests.live.clips import Stage, Studio, open_stage
from unisono.store.records import SungAlong
from unisono.studio import files
from unisono.studio.performance import FileReport, MixReport, StemReport, write_report
from unisono.studio.takes import LISTEN_FILE, Said, TakeReport, picture_file, take_folder, write_placed
from unisono.units import SAMPLE_RATE, Audio

SECONDS = 4
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 160"><path d="M0 0h960v160H0z" fill="#325"/></svg>'


class PageStudio(Studio):
    """Leaves files that a page can play and show."""

    async def analyse(self, folder: Path, take: str, on_progress: Callable[[float, str], None]) -> TakeReport:
        found = await super().analyse(folder, take, on_progress)
        place = take_folder(folder, take)
        shutil.copyfile(folder / "mix.m4a", place / LISTEN_FILE)
        (place / picture_file("waves", "en")).write_text(PICTURE)
        words = Said(code="placed.bleed_db", text="placed by the bleed, certain", facts={})
        shows = Said(code="waves", text="Waveforms before and after")
        told = TakeReport(
            method=found.method,
            certain=found.certain,
            confidence=found.confidence,
            offset_samples=found.offset_samples,
            drift_ppm=found.drift_ppm,
            samples=SECONDS * SAMPLE_RATE,
            said=(words,),
            pictures=(("waves", shows),),
            marks=found.marks,
        )
        write_placed(place, told)
        return told

    async def mix(self, folder: Path, on_progress: Callable[[float, str], None]) -> MixReport:
        made = await super().mix(folder, on_progress)
        return write_files(folder, made.fingerprint, [stem.seat for stem in made.stems])


def write_files(folder: Path, fingerprint: str, seats: list[int]) -> MixReport:
    """Four seconds of a swelling tone as mix and as every voice, and the report of them."""
    (folder / "stems").mkdir(exist_ok=True)
    names = ["mix.wav", "mix.m4a", *(f"stems/{seat}.wav" for seat in seats)]
    for name in names:
        files.write(folder / name, swell(), files.WAV if name.endswith("wav") else files.M4A)
    told = {
        name: FileReport(name=name, kind=name.rpartition(".")[2], size_bytes=(folder / name).stat().st_size)
        for name in names
    }
    stems = tuple(
        StemReport(
            seat=seat, name="", lufs=-23.0, gain_db=0.0, pan=0.0, gaps=(), marks=(), files=(told[f"stems/{seat}.wav"],)
        )
        for seat in seats
    )
    report = MixReport(
        fingerprint=fingerprint,
        samples=SECONDS * SAMPLE_RATE,
        lufs=-16.0,
        limiter_db=0.0,
        backing_gain_db=None,
        files=(told["mix.wav"], told["mix.m4a"]),
        stems=stems,
        seconds={},
    )
    write_report(folder, report)
    return report


def swell() -> Audio:
    """float32 (samples, 1)."""
    t = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    sound = 0.4 * np.sin(2 * np.pi * 330 * t) * np.abs(np.sin(1.7 * t))
    return sound.astype(np.float32)[:, np.newaxis]


class PageStage:
    """The stage, for tests that are not asynchronous."""

    def __init__(self, stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
        self._stage, self._loop = stage, loop
        self.studio = stage.studio

    @property
    def page(self) -> str:
        """The performance's page, as it is passed on."""
        return f"{self._stage.house.url}/performance#{self._stage.token}"

    def as_host(self, page: Any) -> None:
        """This browser has had the courtyard open, as its host's."""
        hosts = {self._stage.token[:12]: self._stage.host}
        page.add_init_script(f"localStorage.setItem('unisono.hosts', JSON.stringify({hosts}))")

    def clip(self, name: str) -> FilePayload:
        """A file to choose: the song itself, as somebody recorded it."""
        return {"name": name, "mimeType": "audio/wav", "buffer": (self._stage.folder / "mix.wav").read_bytes()}

    def as_tries(self) -> None:
        """The clips that have come are now as if they had been sung along one after the other by the same person."""
        ledger = self._stage.house.rooms.services.ledger.takes
        takes = ledger.of("p")
        for number, take in enumerate(takes):
            sung = SungAlong(room=90 + number, performance=f"solo{number}", seat=1, start=0, stop=1)
            ledger.set(take.take, sung=sung, aside=take is not takes[-1])

    def as_fallen(self) -> None:
        """The newest one came to nothing, and the one before it is heard again."""
        ledger = self._stage.house.rooms.services.ledger.takes
        *_, before, newest = ledger.of("p")
        ledger.set(before.take, aside=False)
        ledger.set(newest.take, aside=True, state="failed", code="take_failed")

    @property
    def originals(self) -> list[Path]:
        """Every clip that has arrived."""
        return sorted(self._stage.folder.glob("takes/*/original.*"))


@contextmanager
def page_stage(data: Path) -> Iterator[PageStage]:
    """The server for as long as this lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = open_stage(data, PageStudio())

    def run(work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, loop)
        return future.result(30)

    try:
        stage = run(opened.__aenter__())
        write_files(stage.folder, "sung", [])
        yield PageStage(stage, loop)
        run(opened.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
