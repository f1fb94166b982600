"""Uploads: clips arrive here, by tus 1.0 (tus.io/protocols/resumable-upload: core, creation, termination,
expiration, checksum).

A clip goes to disk as it comes, block by block, on the threads for files; how long its file is says where to go on,
after a lost line as after a restart. Secrets travel in the `Authorization` header: a performance's token to begin a
clip, the clip's own key for everything after. Of two requests that write the same clip the later one wins: it comes
from somebody whose line was lost, while the server still waits on the earlier.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from unisono.core.messages import Flag
from unisono.core.texts import clean
from unisono.errors import ClipEmpty, ClipsFull, ClipTooBig, Flood, LinkNotValid, NoRoomForClip, NotAllowed, NotReady
from unisono.live.clips import Clips, original_name
from unisono.live.http import SETTINGS, PerAddress, answer
from unisono.live.services import Services
from unisono.live.takes import FIRST_SEAT, PART_MAX, PLACE_MAX, WHO_MAX, Takes, is_full
from unisono.store import tokens
from unisono.store.records import PerformanceRecord, TakeRecord
from unisono.store.takes import now as wall_now

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

VERSION: Final = "1.0.0"
CHECKSUMS: Final = ("sha1", "sha256")
_BLOCK_BYTES = 1 << 20
_SILENCE_SECONDS_MAX = 60.0
_METADATA_CHARACTERS_MAX = 4000
_MB, _GB = 10**6, 10**9


class ChecksumMismatch(web.HTTPClientError):
    """What came is not what was sent."""

    status_code = 460


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What somebody promises to send: `sum` is of what has come so far."""

    digest: bytes
    sum: Hash

    def is_kept(self) -> bool:
        """Whether that came."""
        return hmac.compare_digest(self.sum.digest(), self.digest)


class Uploads:
    """The handlers, and which clip is being written by whom."""

    def __init__(self, app: web.Application, services: Services, takes: Takes, clips: Clips) -> None:
        settings = app[SETTINGS]
        self._services, self._takes, self._clips = services, takes, clips
        self._bytes_max = settings.clip_mb_max * _MB
        self._performance_bytes_max = settings.clips_gb_max * _GB
        self._hours_max = settings.clip_hours_max
        per_day = settings.clips_gb_per_day * _GB
        self._amounts = PerAddress(per_hour=per_day / 24, burst=per_day)
        self._beginnings = PerAddress(per_hour=240, burst=120)
        self._guesses = PerAddress(per_hour=600, burst=60)
        self._writers: dict[str, asyncio.Task[int]] = {}

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.options("/uploads", self.options),
            web.post("/uploads", self.create),
            web.options("/uploads/{take}", self.options),
            web.head("/uploads/{take}", self.head),
            web.patch("/uploads/{take}", self.patch),
            web.delete("/uploads/{take}", self.terminate),
        ]

    async def options(self, _request: web.Request) -> web.Response:
        """What this server can do."""
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": "creation,termination,expiration,checksum",
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
            "Tus-Max-Size": str(self._bytes_max),
        }
        return self._said(204, headers)

    async def create(self, request: web.Request) -> web.Response:
        """A clip is announced; who announces it gets its key."""
        check_version(request)
        self._beginnings.spend(request, "clips")
        performance = await self._performance(request)
        size_bytes = whole_number(request, "Upload-Length")
        told = metadata(request.headers.get("Upload-Metadata", ""))
        await self._check_amount(request, performance, size_bytes)
        key = tokens.fresh_token()
        take = await self._services.ask(
            self._services.ledger.takes.add, _record(performance, told, size_bytes, key), first_seat=FIRST_SEAT
        )
        try:
            await self._services.on_files(self._clips.begin, take)
        except OSError as error:
            await self._services.ask(self._services.ledger.takes.forget, take.take)
            raise NoRoomForClip from error
        said = answer({"take": take.take, "key": key, "seat": take.seat}, status=201)
        said.headers.update({"Location": f"/uploads/{take.take}", "Tus-Resumable": VERSION, **self._expires()})
        return said

    async def _check_amount(self, request: web.Request, performance: PerformanceRecord, size_bytes: int) -> None:
        """Raises UserError if this clip is not to be taken."""
        if performance.state != "done":
            raise NotReady
        if size_bytes == 0:
            raise ClipEmpty
        if size_bytes > self._bytes_max:
            raise ClipTooBig(size_bytes=size_bytes, most_bytes=self._bytes_max)
        there = await self._services.ask(self._services.ledger.takes.of, performance.performance)
        if is_full(there) or sum(t.size_bytes for t in there) + size_bytes > self._performance_bytes_max:
            raise ClipsFull(whose="this performance")
        if not await self._services.on_files(self._clips.has_room_for, size_bytes):
            raise NoRoomForClip
        try:
            self._amounts.spend(request, "clips", size_bytes)
        except Flood as flood:
            raise ClipsFull(whose="this address") from flood

    async def head(self, request: web.Request) -> web.Response:
        """Where to go on."""
        take = await self._take(request)
        await self._interrupt(take.take)
        offset = await self._services.on_files(self._clips.arrived_bytes, take)
        if offset == take.size_bytes and take.state == "uploading":
            await self._takes.arrived(take)  # it was whole when the server was stopped, or its disk was full
        headers = {"Upload-Offset": str(offset), "Upload-Length": str(take.size_bytes), "Cache-Control": "no-store"}
        return self._said(200, headers | self._expires())

    async def patch(self, request: web.Request) -> web.Response:
        """More of it."""
        take = await self._take(request)
        if request.content_type != "application/offset+octet-stream":
            raise web.HTTPUnsupportedMediaType(reason="a PATCH carries application/offset+octet-stream")
        await self._interrupt(take.take)
        there = await self._services.on_files(self._clips.arrived_bytes, take)
        if whole_number(request, "Upload-Offset") != there:
            raise web.HTTPConflict(reason="it goes on somewhere else: ask with HEAD")
        if request.content_length is not None and there + request.content_length > take.size_bytes:
            raise ClipTooBig(size_bytes=there + request.content_length, most_bytes=take.size_bytes)
        offset = await self._received(request, take, there, checksum(request))
        if offset == take.size_bytes:
            await self._takes.arrived(take)
        return self._said(204, {"Upload-Offset": str(offset)} | self._expires())

    async def terminate(self, request: web.Request) -> web.Response:
        """Take it away again, whole or not."""
        take = await self._take(request)
        await self._interrupt(take.take)
        await self._takes.withdraw(take)
        return self._said(204, {})

    async def _received(self, request: web.Request, take: TakeRecord, offset: int, promised: Checksum | None) -> int:
        """Write what comes; how much is there then. Raises HTTPConflict if a later request took over."""
        writing = self._receive(request, take, offset, promised)
        writer = asyncio.create_task(writing if promised is None else self._verified(writing, take, offset, promised))
        self._writers[take.take] = writer
        try:
            return await writer
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            raise web.HTTPConflict(reason="a later request writes this clip") from None
        finally:
            if self._writers.get(take.take) is writer:
                del self._writers[take.take]

    async def _verified(
        self, writing: Coroutine[Any, Any, int], take: TakeRecord, offset: int, promised: Checksum
    ) -> int:
        """Nothing stays of what is not whole, or is not what was promised: nobody could tell which of it is right."""
        stays = False
        try:
            there = await writing
            if not promised.is_kept():
                raise ChecksumMismatch(reason="Checksum Mismatch")
            stays = True
            return there
        finally:
            if not stays:
                await self._services.on_files_to_the_end(self._clips.cut, take, offset)

    async def _receive(self, request: web.Request, take: TakeRecord, offset: int, promised: Checksum | None) -> int:
        """What has come is written however it ends: by a lost line, by silence, by another request."""
        waiting = bytearray()

        async def write() -> None:
            nonlocal offset
            block = bytes(waiting)
            waiting.clear()
            try:
                offset = await self._services.on_files_to_the_end(self._clips.append, take, offset, block)
                if promised is not None:
                    await self._services.on_files(promised.sum.update, block)
            except OSError as error:
                raise NoRoomForClip from error

        try:
            while True:
                async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                    chunk = await request.content.readany()
                if not chunk:
                    break
                waiting += chunk
                if offset + len(waiting) > take.size_bytes:
                    waiting.clear()
                    raise ClipTooBig(size_bytes=offset + len(chunk), most_bytes=take.size_bytes)
                if len(waiting) >= _BLOCK_BYTES:
                    await write()
                    if not await self._services.on_files(self._clips.has_room_for, 0):
                        raise NoRoomForClip
        except (TimeoutError, ConnectionError):
            raise web.HTTPRequestTimeout(reason="nothing came for a while") from None
        finally:
            if waiting:
                await write()
        return offset

    async def _interrupt(self, take: str) -> None:
        """End an earlier request that still waits for more of this clip; what it had is written then."""
        writer = self._writers.get(take)
        if writer is not None:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await asyncio.wait([writer])

    async def _performance(self, request: web.Request) -> PerformanceRecord:
        token = bearer(request)
        record = await self._services.ask(self._services.ledger.performance, token=token) if token else None
        if record is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        return record

    async def _take(self, request: web.Request) -> TakeRecord:
        """The clip, for whoever has its key. Raises HTTPNotFound, NotAllowed."""
        check_version(request)
        take = await self._services.ask(self._services.ledger.takes.find, request.match_info["take"])
        if take is None:
            self._guesses.spend(request, "guesses")
            raise web.HTTPNotFound
        if not hmac.compare_digest(tokens.hashed(bearer(request)), take.key_hash):
            self._guesses.spend(request, "guesses")
            raise NotAllowed(what="this clip")
        return take

    def _expires(self) -> dict[str, str]:
        return {"Upload-Expires": formatdate(time.time() + self._hours_max * 3600, usegmt=True)}

    def _said(self, status: int, headers: dict[str, str]) -> web.Response:
        return web.Response(status=status, headers={"Tus-Resumable": VERSION, "Cache-Control": "no-store"} | headers)


def check_version(request: web.Request) -> None:
    """Raises HTTPPreconditionFailed for whoever speaks another tus, or none."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise web.HTTPPreconditionFailed(reason=f"this server speaks tus {VERSION}")


def bearer(request: web.Request) -> str:
    """The secret that a request carries, or an empty string."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip()[:100] if scheme.lower() == "bearer" else ""


def whole_number(request: web.Request, header: str) -> int:
    """A header that counts bytes. Raises HTTPBadRequest."""
    text = request.headers.get(header, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise web.HTTPBadRequest(reason=f"{header} must be a whole number")
    return int(text)


def checksum(request: web.Request) -> Checksum | None:
    """What `Upload-Checksum` promises, if it is there. Raises HTTPBadRequest for what is none, or of another kind."""
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, text = header.strip().partition(" ")
    if algorithm not in CHECKSUMS:
        raise web.HTTPBadRequest(reason=f"Upload-Checksum: this server knows {' and '.join(CHECKSUMS)}")
    empty = hashlib.new(algorithm)
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != empty.digest_size:
        raise web.HTTPBadRequest(reason=f"Upload-Checksum: that is no {algorithm} in base64")
    return Checksum(digest=digest, sum=empty)


def metadata(header: str) -> dict[str, str]:
    """The pairs of `Upload-Metadata`. Raises HTTPBadRequest for what is none."""
    if len(header) > _METADATA_CHARACTERS_MAX:
        raise web.HTTPBadRequest(reason="Upload-Metadata is too long")
    found = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise web.HTTPBadRequest(reason=f"Upload-Metadata: {name[:20]!r} is not base64 of UTF-8") from None
    return found


def _record(performance: PerformanceRecord, told: dict[str, str], size_bytes: int, key: str) -> TakeRecord:
    """A new clip by what its sender says of it. Raises HTTPBadRequest."""
    name = clean(told.get("name", ""), characters_max=WHO_MAX)
    if not name:
        raise web.HTTPBadRequest(reason="whose clip it is must be said")
    try:
        flag = msgspec.json.decode(told["flag"], type=Flag | None) if told.get("flag") else None
    except msgspec.MsgspecError:
        raise web.HTTPBadRequest(reason="flag is none") from None
    return TakeRecord(
        take=tokens.fresh_id(),
        performance=performance.performance,
        seat=0,
        name=name,
        place=clean(told.get("place", ""), characters_max=PLACE_MAX),
        flag=flag,
        part=clean(told.get("part", ""), characters_max=PART_MAX),
        picture=told.get("picture") == "yes",
        state="uploading",
        code="",
        original=original_name(told.get("filename", "")),
        size_bytes=size_bytes,
        offset_samples=None,
        hidden=False,
        created_at=wall_now(),
        key_hash=tokens.hashed(key),
    )
