"""Pictures: what seats' own cameras saw arrives here after the song, by tus 1.0 as clips do (uploads.py).

Who has a seat's secret may send pictures of that seat in a performance it sang in, and says in the same breath that
it agrees to be seen. Taking that back deletes them. Files only: the ledger knows nothing of pictures, and a
performance that is deleted takes them along.
"""

from __future__ import annotations

import hmac
import os
import shutil
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web

from unisono.config import Settings
from unisono.errors import ClipEmpty, ClipsFull, ClipTooBig, Flood, LinkNotValid, NoRoomForClip, NotAllowed, NotReady
from unisono.live.clips import KEPT_FREE_BYTES
from unisono.live.films import Films
from unisono.live.http import PerAddress, answer, body_of
from unisono.live.services import Services
from unisono.live.uploads import VERSION, bearer, check_version, metadata, whole_number
from unisono.store import tokens
from unisono.store.records import PerformanceRecord
from unisono.studio.seen import (
    ARRIVING_SUFFIX,
    CONSENT_FILE,
    FACTS_SUFFIX,
    WHOLE_SUFFIX,
    Consent,
    PictureFacts,
    pictures_of,
    seat_folder,
)

Token = Annotated[str, msgspec.Meta(max_length=100)]
_FILES_MAX: Final = 8
_BLOCK_BYTES: Final = 1 << 18
_MATROSKA: Final = bytes.fromhex("1a45dfa3")
_SINGING: Final = frozenset({"count_in", "singing"})
_GB = 10**9


class _Mine(msgspec.Struct, frozen=True):
    """Whose pictures: a link into the room or to the performance, and the seat's secret."""

    token: Token
    key: Token


class _Withdraw(_Mine, frozen=True):
    performance: Token


class Shelf:
    """The files of one performance's pictures. Blocking: call it on a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, seat: int, name: str, facts: PictureFacts) -> None:
        """An empty file, and that its seat agreed. Raises OSError, ClipsFull, NoRoomForClip."""
        place = seat_folder(self._folder, seat)
        place.mkdir(parents=True, exist_ok=True)
        if len(list(place.glob(f"*{FACTS_SUFFIX}"))) > _FILES_MAX:  # consent is one of them
            raise ClipsFull(whose="this seat")
        if shutil.disk_usage(place).free - facts.size_bytes < KEPT_FREE_BYTES:
            raise NoRoomForClip
        _write(place / CONSENT_FILE, Consent(pictures=True))
        (place / f"{name}{ARRIVING_SUFFIX}").touch()
        _write(place / f"{name}{FACTS_SUFFIX}", facts)

    def facts(self, seat: int, name: str) -> PictureFacts | None:
        """What is known of a file; None if there is none (any more)."""
        try:
            said = (seat_folder(self._folder, seat) / f"{name}{FACTS_SUFFIX}").read_bytes()
            return msgspec.json.decode(said, type=PictureFacts)
        except (OSError, msgspec.MsgspecError):
            return None

    def arrived_bytes(self, seat: int, name: str) -> int:
        """How much of it is here."""
        for suffix in (ARRIVING_SUFFIX, WHOLE_SUFFIX):
            path = seat_folder(self._folder, seat) / f"{name}{suffix}"
            if path.is_file():
                return path.stat().st_size
        return 0

    def append(self, seat: int, name: str, offset: int, data: bytes) -> int:
        """Write what comes next; how much is there then. Raises OSError, and leaves no half-written block."""
        with (seat_folder(self._folder, seat) / f"{name}{ARRIVING_SUFFIX}").open("r+b") as file:
            file.seek(offset)
            try:
                file.write(data)
                file.flush()
            except OSError:
                file.truncate(offset)
                raise
        return offset + len(data)

    def complete(self, seat: int, name: str) -> bool:
        """It is whole: on the disk for good, under its name. False, and gone, if it holds no pictures."""
        arriving = seat_folder(self._folder, seat) / f"{name}{ARRIVING_SUFFIX}"
        with arriving.open("rb") as file:
            isnt_ours = file.read(len(_MATROSKA)) != _MATROSKA
            os.fsync(file.fileno())
        if isnt_ours:
            self.remove(seat, name)
            return False
        arriving.rename(arriving.with_suffix(WHOLE_SUFFIX))
        return True

    def remove(self, seat: int, name: str) -> bool:
        """Delete one file, whole or not. Whether it was whole, and shown."""
        was_whole = (seat_folder(self._folder, seat) / f"{name}{WHOLE_SUFFIX}").exists()
        for suffix in (FACTS_SUFFIX, ARRIVING_SUFFIX, WHOLE_SUFFIX):
            (seat_folder(self._folder, seat) / f"{name}{suffix}").unlink(missing_ok=True)
        return was_whole

    def withdraw(self, seat: int) -> bool:
        """Delete all of a seat's pictures, consent first: whatever fails then, they are not shown. Whether any were."""
        place = seat_folder(self._folder, seat)
        if not place.is_dir():
            return False
        was_shown = bool(pictures_of(self._folder, seat))
        _write(place / CONSENT_FILE, Consent(pictures=False))
        for path in place.iterdir():
            if path.name != CONSENT_FILE:
                path.unlink(missing_ok=True)
        return was_shown


class Pictures:
    """The handlers."""

    def __init__(self, settings: Settings, services: Services, films: Films) -> None:
        self._services, self._films = services, films
        self._bytes_max = settings.clip_mb_max * 10**6
        per_day = settings.clips_gb_per_day * _GB
        self._amounts = PerAddress(per_hour=per_day / 24, burst=per_day)
        self._asked = PerAddress(per_hour=3600, burst=300)
        self._guesses = PerAddress(per_hour=600, burst=60)
        self._writers: dict[str, object] = {}

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        one = "/pictures/{performance:[0-9A-Za-z_-]{1,40}}/{seat:[0-9]{1,5}}/{name:[0-9a-f]{16}}"
        return [
            web.post("/pictures", self.create),
            web.head(one, self.head),
            web.patch(one, self.patch),
            web.delete(one, self.terminate),
            web.post("/api/pictures", self.mine),
            web.post("/api/picture/withdraw", self.withdraw),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """A seat's pictures are announced; the answer has the key that opens this file alone."""
        check_version(request)
        self._asked.spend(request, "pictures")
        told = metadata(request.headers.get("Upload-Metadata", ""))
        if told.get("picture") != "yes":
            raise web.HTTPBadRequest(reason="pictures come with their person's consent, or not at all")
        performance = await self._performance(request, told.get("performance", "")[:40])
        seat = await self._seat(request, performance, bearer(request))
        size_bytes = whole_number(request, "Upload-Length")
        self._check_amount(request, performance, size_bytes)
        key, name = tokens.fresh_token(), tokens.fresh_id()
        facts = PictureFacts(size_bytes=size_bytes, key_hash=tokens.hashed(key))
        await self._services.on_files(self._shelf(performance.performance).begin, seat, name, facts)
        self._films.arrivals.moved(performance.performance, seat, name, time.monotonic())
        said = answer({"take": name, "key": key, "seat": seat}, status=201)
        said.headers.update({"Location": f"/pictures/{performance.performance}/{seat}/{name}", **_VERSIONED})
        return said

    def _check_amount(self, request: web.Request, performance: PerformanceRecord, size_bytes: int) -> None:
        """Raises UserError if so much is not to be taken now."""
        if performance.state in _SINGING:
            raise NotReady
        if size_bytes == 0:
            raise ClipEmpty
        if size_bytes > self._bytes_max:
            raise ClipTooBig(size_bytes=size_bytes, most_bytes=self._bytes_max)
        try:
            self._amounts.spend(request, "pictures", size_bytes)
        except Flood as flood:
            raise ClipsFull(whose="this address") from flood

    async def head(self, request: web.Request) -> web.Response:
        """Where to go on."""
        shelf, seat, name, facts = await self._file(request)
        self._writers.pop(name, None)
        offset = await self._services.on_files(shelf.arrived_bytes, seat, name)
        if offset == facts.size_bytes:
            await self._complete(request, shelf, seat, name)
        return _said(200, {"Upload-Offset": str(offset), "Upload-Length": str(facts.size_bytes)})

    async def patch(self, request: web.Request) -> web.Response:
        """More of it. Of two requests for the same file the later one writes."""
        shelf, seat, name, facts = await self._file(request)
        if request.content_type != "application/offset+octet-stream":
            raise web.HTTPUnsupportedMediaType(reason="a PATCH carries application/offset+octet-stream")
        me = self._writers[name] = object()
        try:
            offset = await self._services.on_files(shelf.arrived_bytes, seat, name)
            if whole_number(request, "Upload-Offset") != offset:
                raise web.HTTPConflict(reason="it goes on somewhere else: ask with HEAD")
            while data := await _block(request):
                if offset + len(data) > facts.size_bytes:
                    raise ClipTooBig(size_bytes=offset + len(data), most_bytes=facts.size_bytes)
                if self._writers.get(name) is not me:
                    raise web.HTTPConflict(reason="a later request writes this file")
                offset = await self._append(shelf, seat, name, offset, data)
                self._films.arrivals.moved(request.match_info["performance"], seat, name, time.monotonic())
        finally:
            if self._writers.get(name) is me:
                del self._writers[name]
        if offset == facts.size_bytes:
            await self._complete(request, shelf, seat, name)
        return _said(204, {"Upload-Offset": str(offset)})

    async def _append(self, shelf: Shelf, seat: int, name: str, offset: int, data: bytes) -> int:
        try:
            return await self._services.on_files(shelf.append, seat, name, offset, data)
        except FileNotFoundError:
            raise web.HTTPNotFound from None  # it was withdrawn meanwhile
        except OSError as error:
            raise NoRoomForClip from error

    async def _complete(self, request: web.Request, shelf: Shelf, seat: int, name: str) -> None:
        try:
            is_ours = await self._services.on_files(shelf.complete, seat, name)
        except FileNotFoundError:
            return  # it was complete before
        performance = request.match_info["performance"]
        if not is_ours:
            self._films.arrivals.gone(performance, seat, name)
            raise web.HTTPUnsupportedMediaType(reason="this is no Matroska file")
        self._films.arrivals.came(performance, seat, name, time.monotonic())
        await self._films.came(performance)
        await self._films.seen_changed(performance, withdrawn=False)

    async def terminate(self, request: web.Request) -> web.Response:
        """Take it away again."""
        shelf, seat, name, _ = await self._file(request)
        was_shown = await self._services.on_files(shelf.remove, seat, name)
        self._films.arrivals.gone(request.match_info["performance"], seat, name)
        if was_shown:
            await self._films.seen_changed(request.match_info["performance"], withdrawn=True)
        return _said(204, {})

    async def mine(self, request: web.Request) -> web.Response:
        """In which performances of this room, or in this one, a seat's pictures may be seen."""
        wanted = await body_of(request, _Mine)
        self._asked.spend(request, "pictures")
        ledger = self._services.ledger
        sung = [await self._services.ask(ledger.performance, token=wanted.token)]
        if sung[0] is None:
            admission = await self._services.ask(ledger.admit, wanted.token)
            sung = [*await self._services.ask(ledger.performances, admission.room)]
        found = []
        for record in filter(None, sung):
            seat = await self._seat_or_none(record, wanted.key)
            if seat is None or record.state == "discarded":
                continue
            folder = self._services.settings.performances / record.performance
            if await self._services.on_files(pictures_of, folder, seat):
                shown = {"performance": record.performance, "title": record.title}
                found.append(shown | {"sung_at": record.sung_at.isoformat()})
        return answer(found)

    async def withdraw(self, request: web.Request) -> web.Response:
        """A seat is not to be seen in a performance's film any more."""
        wanted = await body_of(request, _Withdraw)
        self._asked.spend(request, "pictures")
        performance = await self._performance(request, wanted.performance)
        seat = await self._seat(request, performance, wanted.key)
        was_shown = await self._services.on_files(self._shelf(performance.performance).withdraw, seat)
        self._films.arrivals.gone(performance.performance, seat)
        if was_shown:
            await self._films.seen_changed(performance.performance, withdrawn=True)
        return answer({})

    def _shelf(self, performance: str) -> Shelf:
        return Shelf(self._services.settings.performances / performance)

    async def _performance(self, request: web.Request, performance: str) -> PerformanceRecord:
        """Raises HTTPNotFound."""
        ledger = self._services.ledger
        record = await self._services.ask(ledger.performance, performance=performance) if performance else None
        if record is None or record.state == "discarded":
            self._guesses.spend(request, "guesses")
            raise web.HTTPNotFound
        return record

    async def _seat(self, request: web.Request, performance: PerformanceRecord, secret: str) -> int:
        """Whose secret this is, if they sang. Raises LinkNotValid."""
        seat = await self._seat_or_none(performance, secret)
        if seat is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        return seat

    async def _seat_or_none(self, performance: PerformanceRecord, secret: str) -> int | None:
        hashed = tokens.hashed(secret)
        seats = await self._services.ask(self._services.ledger.seats, performance.room)
        mine = [seat.number for seat in seats if secret and hmac.compare_digest(seat.key_hash, hashed)]
        sang = [number for number in mine if performance.song.seating.row_of(number) is not None]
        return sang[0] if sang else None

    async def _file(self, request: web.Request) -> tuple[Shelf, int, str, PictureFacts]:
        """The file, for whoever has its key. Raises HTTPNotFound, NotAllowed."""
        check_version(request)
        shelf = self._shelf(request.match_info["performance"])
        seat, name = int(request.match_info["seat"]), request.match_info["name"]
        facts = await self._services.on_files(shelf.facts, seat, name)
        if facts is None:
            self._guesses.spend(request, "guesses")
            raise web.HTTPNotFound
        if not hmac.compare_digest(tokens.hashed(bearer(request)), facts.key_hash):
            self._guesses.spend(request, "guesses")
            raise NotAllowed(what="this picture")
        return shelf, seat, name, facts


_VERSIONED = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}


def _said(status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, headers=_VERSIONED | headers)


async def _block(request: web.Request) -> bytes:
    """What comes next of a body, empty at its end; a line that is lost keeps what came."""
    block = bytearray()
    while len(block) < _BLOCK_BYTES:
        try:
            data = await request.content.readany()
        except (ConnectionError, TimeoutError):
            break
        if not data:
            break
        block += data
    return bytes(block)


def _write(path: Path, value: msgspec.Struct) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.new")
    part.write_bytes(msgspec.json.encode(value))
    part.replace(path)
