"""Publishing: a song that has ended becomes files: performance.json, the studio's mix, a page, a premiere."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from unisono.core.room import Room
from unisono.core.song import SongRun
from unisono.errors import GuideGone, MixFailed
from unisono.live.films import Films
from unisono.live.services import Services
from unisono.live.trouble import WELL_DISK
from unisono.store.records import PerformanceRecord, RoomRecord, StemRecord
from unisono.store.stems import stem_seats
from unisono.studio.jobs import run_mix
from unisono.units import Position

PREMIERE_FILE = "mix.wav"
FULL_BYTES = 50_000_000
"""A mix that fails while so little is free has failed for want of room, and is tried again."""
FULL_PAUSE_S = 15.0
_log = logging.getLogger(__name__)


class Publishing:
    """What a room has under way besides singing. Every task is known here, and ended with the room."""

    def __init__(
        self, record: RoomRecord, services: Services, films: Films, room: Room, now: Callable[[], Position]
    ) -> None:
        self._record = record
        self._services = services
        self._films = films
        self._shelf = services.shelf(record.along)
        self._room = room
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._mixing: dict[str, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this beside everything else; its failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("room %d: %s", self._record.room, task.exception(), exc_info=task.exception())

    async def stop(self) -> None:
        """End everything under way; mixes are made after the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def keep(self, song: SongRun) -> None:
        """The song began or changed: the ledger keeps it as it is now."""
        title = self._shelf.title(song.piece)
        copied = msgspec.convert(msgspec.to_builtins(song), SongRun)
        self._services.keep(self._services.ledger.keep_song, self._record.room, copied, title=title)

    async def delete(self, performance: str) -> None:
        """Forget a performance of this room, stop its mix, delete its files."""
        mixing = self._mixing.pop(performance, None)
        if mixing is not None:
            mixing.cancel()
            await asyncio.gather(mixing, return_exceptions=True)
        await self._films.forget(performance)
        found = await self._services.ask(self._services.ledger.delete_performance, self._record.room, performance)
        if found:
            self._services.recorder.delete(performance)
            await self._services.blobs.delete(performance)

    def publish(self, song: SongRun, settled: Callable[[], None]) -> None:
        """Mix the song and tell the room; `settled` is called whenever the room has something to say."""
        self._mixing[song.performance] = self.spawn(self._publish(song, settled))

    async def _publish(self, song: SongRun, settled: Callable[[], None]) -> None:
        try:
            while not await self._mixed(song, settled):
                pass
        except Exception:
            _log.exception("performance %s was not mixed", song.performance)
            self._room.singing.mix_failed(song.performance)
            settled()  # the room keeps the song's own state first: the performance's is the one that stays
            self._services.keep(self._services.ledger.set_state, song.performance, "failed")
        finally:
            self._mixing.pop(song.performance, None)

    async def _mixed(self, song: SongRun, settled: Callable[[], None]) -> bool:
        """Mix. False, after a pause, if the disk has no room for it: hosts are told. Raises what else goes wrong."""
        try:
            await self._mix(song, settled)
        except (MixFailed, OSError) as error:
            free_bytes = shutil.disk_usage(self._services.settings.performances).free
            if free_bytes > FULL_BYTES:
                raise
            _log.error("performance %s waits for room on the disk: %s", song.performance, error)
            self._room.disk_trouble("disk_full", f"{free_bytes // 1_000_000} MB are free", self._now())
            settled()
            await asyncio.sleep(FULL_PAUSE_S)
            return False
        self._room.disk_well(WELL_DISK.codes)
        return True

    async def _mix(self, song: SongRun, settled: Callable[[], None]) -> None:
        performance, ledger = song.performance, self._services.ledger
        await self._services.kept()
        record = await self._services.ask(ledger.performance, performance=performance)
        if record is None:
            raise MixFailed(reason="the ledger does not know it")
        folder = self._services.settings.performances / performance
        await self._on_disk(performance)
        await self._write_facts(folder, song, record)
        await self._films.came(performance)
        url = f"/media/{record.media_key}/{PREMIERE_FILE}"
        singing = self._room.singing

        def progress(share: float, step: str, _seconds_left: float | None) -> None:
            singing.mix_progress(performance, share, step)
            if step == "files" and song.stop is not None and self._can_be_played(performance):
                samples = song.stop - song.start
                singing.first_file_ready(performance, url=url, samples=samples, now=self._now())
            settled()

        report = await run_mix(folder, progress)
        await self._services.blobs.publish(folder, performance)
        page = f"/performance#{record.token}"
        singing.mix_ready(performance, page=page, url=url, samples=report.samples, now=self._now())
        settled()
        self._services.keep(ledger.set_state, performance, "done")
        await self._films.mixed(performance)

    def _can_be_played(self, performance: str) -> bool:
        """Whether the first file is where pages fetch it; the studio says `files` for the first time when it is made.

        Files that are served from elsewhere are all copied there at the end.
        """
        path = self._services.blobs.local(performance, PREMIERE_FILE)
        return path is not None and path.is_file()

    async def _on_disk(self, performance: str) -> None:
        """Until the recorder has written and closed the performance's stems."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(closed.set)

        self._services.recorder.finish(performance, tell)
        await closed.wait()

    async def _write_facts(self, folder: Path, song: SongRun, record: PerformanceRecord) -> None:
        """performance.json and the backing, for the studio; whose voices there are, for the ledger."""
        stems = self._stems(folder, song)
        backing: bytes | None = None
        if song.piece and song.backing:
            with suppress(GuideGone):
                wanted = (song.piece, song.key, song.tempo_bpm)
                backing = await self._services.on_files(self._shelf.backing_wav, *wanted)
        checks = self._checks(stems)
        name = "backing.wav" if backing else None
        facts = _facts(song, record, self._record.place, stems, checks, backing=name)
        await self._services.on_files(_write, folder, facts, backing)
        self._services.keep(self._services.ledger.keep_stems, record.performance, stems)

    def _checks(self, stems: list[StemRecord]) -> dict[int, dict[str, str]]:
        """How each seat was measured and hears; nothing of those whose sound check is not known (any more)."""
        seats = [self._room.seats.find(stem.seat) for stem in stems]
        checks = [(seat.number, seat.check) for seat in seats if seat is not None]
        return {number: {"method": check.method, "output": check.output} for number, check in checks if check}

    def _stems(self, folder: Path, song: SongRun) -> list[StemRecord]:
        found = []
        for number in stem_seats(folder):
            seat = self._room.seats.find(number)
            found.append(
                StemRecord(
                    seat=number,
                    name=seat.name if seat else "",
                    place=seat.place if seat else "",
                    flag=seat.flag if seat else None,
                    row=song.seating.row_of(number),
                    part=song.parts.get(number, seat.part if seat else ""),
                )
            )
        return found


def _facts(
    song: SongRun,
    record: PerformanceRecord,
    place: str,
    stems: list[StemRecord],
    checks: dict[int, dict[str, str]],
    *,
    backing: str | None,
) -> bytes:
    facts = {
        "title": record.title,
        "place": place,
        "sung_at": record.sung_at.astimezone(UTC).isoformat(),
        "piece": song.piece,
        "key": song.key,
        "tempo_bpm": song.tempo_bpm,
        "start": song.start,
        "stop": song.stop,
        "count_in_samples": song.count_in_samples,
        "backing": backing,
        "mixed_at": datetime.now(UTC).isoformat(),
        "seats": [
            {
                "seat": stem.seat,
                "name": stem.name,
                "flag": msgspec.to_builtins(stem.flag),
                "place": stem.place,
                "row": stem.row,
                "pan": song.pans.get(stem.seat, 0.0),
                "part": stem.part,
                **checks.get(stem.seat, {}),
            }
            for stem in stems
        ],
    }
    return msgspec.json.encode(facts)


def _write(folder: Path, facts: bytes, backing: bytes | None) -> None:
    """Whole files or none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("backing.wav", backing), ("performance.json", facts)):
        if data is not None:
            part = folder / f"{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)
