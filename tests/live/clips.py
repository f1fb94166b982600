"""What tests of takes share: a performance that was sung, a small tus client, a studio that is told what to find."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.live.house import PATIENCE_SECONDS, House, open_house
from tests.unit.test_desk import START, song_of
from unisono.errors import TakeFailed
from unisono.live.clips import ARRIVING_FILE
from unisono.studio.faders import read_faders
from unisono.studio.performance import MixReport, StemReport, write_report
from unisono.studio.takes import TakeReport, read_take, take_folder, takes_of, write_placed

TUS = {"Tus-Resumable": "1.0.0"}
CLIP = bytes(range(256)) * 40


@dataclass
class Studio:
    """Stands where the studio's worker is started: says what the test wants, keeps what it was asked."""

    finds: dict[str, TakeReport | TakeFailed] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    mixes: list[set[int]] = field(default_factory=list)
    made: list[set[int]] = field(default_factory=list)
    faders: list[Any] = field(default_factory=list)

    async def analyse(self, folder: Path, take: str, on_progress: Callable[[float, str], None]) -> TakeReport:
        facts = read_take(take_folder(folder, take))
        assert facts is not None
        self.asked.append(facts.name)
        on_progress(0.5, "align")
        while facts.name in self.held:  # noqa: ASYNC110 - a test lets go of it
            await asyncio.sleep(0.01)
        found = self.finds.get(facts.name, report())
        if isinstance(found, TakeFailed):
            raise found
        if facts.offset_samples is not None:
            found = report(method="person", offset_samples=facts.offset_samples)
        write_placed(take_folder(folder, take), found)
        return found

    async def mix(self, folder: Path, on_progress: Callable[[float, str], None]) -> MixReport:
        on_progress(0.5, "mix")
        sounding = {facts.seat for facts in takes_of(folder) if facts.in_mix}
        self.mixes.append(sounding)
        self.faders.append(read_faders(folder))
        while "the mix" in self.held:  # noqa: ASYNC110 - a test lets go of it
            await asyncio.sleep(0.01)
        self.made.append(sounding)
        stems = tuple(
            StemReport(seat=seat, name="", lufs=None, gain_db=0.0, pan=0.0, gaps=(), marks=(), files=())
            for seat in sorted(sounding)
        )
        made = MixReport(
            fingerprint=str(len(self.mixes)),
            samples=1,
            lufs=None,
            limiter_db=0.0,
            backing_gain_db=None,
            files=(),
            stems=stems,
            seconds={},
        )
        write_report(folder, made)
        return made


def report(**changes: Any) -> TakeReport:
    """A take that was placed for certain, unless said otherwise."""
    facts: dict[str, Any] = {
        "method": "bleed",
        "certain": True,
        "confidence": 0.9,
        "offset_samples": 480.0,
        "drift_ppm": 48.0,
        "samples": 48_000,
    }
    return TakeReport(**(facts | changes))


@dataclass
class Stage:
    """A server with one performance that was sung, and what opens it."""

    house: House
    studio: Studio
    host: str
    token: str
    folder: Path

    async def begin(self, size: int = len(CLIP), *, token: str | None = None, **told: str) -> tuple[int, Any, Any]:
        """POST /uploads: status, headers, body."""
        told = {"name": "Ola", "filename": "ola.mp4"} | told
        pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
        headers = TUS | bearer(self.token if token is None else token)
        headers |= {"Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}
        async with self.house.http.post(f"{self.house.url}/uploads", headers=headers) as said:
            return said.status, said.headers, await said.json()

    async def new(self, size: int = len(CLIP), **told: str) -> Upload:
        """An upload that has begun."""
        status, headers, body = await self.begin(size, **told)
        assert status == 201, body
        return Upload(self, headers["Location"], body["take"], body["key"])

    async def add(self, data: bytes = CLIP, **told: str) -> Upload:
        """A clip that has arrived."""
        upload = await self.new(len(data), **told)
        assert (await upload.patch(0, data))[0] == 204
        return upload

    async def look(self, *uploads: Upload, host: bool = False) -> Any:
        """POST /api/takes."""
        keys = {one.take: one.key for one in uploads}
        status, told = await self.house.post(
            "/api/takes", {"token": self.token, "keys": keys, "host": self.host * host}
        )
        assert status == 200, told
        return told

    async def wait(self, ready: Callable[[Any], bool], *uploads: Upload, host: bool = False) -> Any:
        """Until the page would see what is waited for."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not ready(told := await self.look(*uploads, host=host)):  # noqa: ASYNC110 - as a page asks
                await asyncio.sleep(0.01)
        return told

    async def settled(self, *uploads: Upload) -> Any:
        """Until the studio rests."""
        return await self.wait(
            lambda told: told["mix"] is None and all(not t["progress"] for t in told["takes"]), *uploads
        )


@dataclass
class Upload:
    """A clip on its way."""

    stage: Stage
    location: str
    take: str
    key: str

    @property
    def url(self) -> str:
        return self.stage.house.url + self.location

    @property
    def folder(self) -> Path:
        return take_folder(self.stage.folder, self.take)

    async def patch(self, offset: int, data: Any, **headers: str) -> tuple[int, Any, bytes]:
        sent = (
            TUS | bearer(self.key) | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        )
        async with self.stage.house.http.patch(self.url, data=data, headers=sent | headers) as said:
            return said.status, said.headers, await said.read()

    async def head(self, key: str | None = None) -> tuple[int, str | None]:
        headers = TUS | bearer(self.key if key is None else key)
        async with self.stage.house.http.head(self.url, headers=headers) as said:
            return said.status, said.headers.get("Upload-Offset")

    async def delete(self) -> int:
        async with self.stage.house.http.delete(self.url, headers=TUS | bearer(self.key)) as said:
            return said.status

    async def ask(self, what: str, *, key: str | None = None, host: str = "", **more: Any) -> tuple[int, Any]:
        """POST /api/take/..., with the clip's key unless said otherwise."""
        body = {"token": self.stage.token, "take": self.take, "key": self.key if key is None else key, "host": host}
        return await self.stage.house.post(f"/api/take{what}", body | more)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def open_stage(data: Path, studio: Studio | None = None, **settings: Any) -> AsyncIterator[Stage]:
    """A server in whose one room a song was sung and mixed; the same again over the same folder."""
    studio = studio or Studio()
    seam = patch.multiple("unisono.live.app", run_take=studio.analyse, run_mix=studio.mix)
    with seam:
        async with open_house(data, **settings) as house:
            host = await sing(house, data)
            record = house.rooms.services.ledger.performance(performance="p")
            assert record is not None
            folder = data / "performances" / "p"
            yield Stage(house=house, studio=studio, host=host, token=record.token, folder=folder)


async def sing(house: House, data: Path) -> str:
    """The host's link; the room and its performance are made the first time."""
    kept = data / "host"
    if not kept.exists():
        links = await house.open()
        ledger = house.rooms.services.ledger
        song = song_of(stop=START + 480_000)
        song.state = "done"
        ledger.keep_song(ledger.admit(links["host"]).room, song, title="Canto")
        folder = data / "performances" / "p"
        folder.mkdir(parents=True)
        for name in ("mix.wav", "mix.m4a"):
            (folder / name).write_bytes(b"the mix as it was sung")
        kept.write_text(links["host"])
    return kept.read_text()


async def until_written(upload: Upload, *, beyond_bytes: int = 0) -> None:
    """Until more than so much of a clip is on disk."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (upload.folder / ARRIVING_FILE).stat().st_size <= beyond_bytes:  # noqa: ASYNC110 - a file rings no bell
            await asyncio.sleep(0.01)  # between two looks, until the deadline
