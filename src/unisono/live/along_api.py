"""The JSON about singing along (docs/wire.md): a room of one's own for a performance, and keeping what was sung in it.

Whoever has a performance's token may open such a room. Its host keeps what was sung: each voice becomes a take of the
performance, its stem copied as it is, placed by the positions that were stamped as it was sung.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from unisono.core.memory import Memory
from unisono.core.messages import Picked
from unisono.errors import ClipsFull, GuideGone, LinkNotValid, NoRoomForClip, NotAllowed, NothingSung, NotReady
from unisono.live import along as guides
from unisono.live.clips import Clips
from unisono.live.http import SETTINGS, PerAddress, answer, body_of
from unisono.live.pulse import anchor_now
from unisono.live.services import Services
from unisono.live.takes import FIRST_SEAT, Takes, is_full, opens
from unisono.store import tokens
from unisono.store.records import Admission, Along, PerformanceRecord, StemRecord, SungAlong, TakeRecord
from unisono.store.stems import stem_path
from unisono.store.takes import now as wall_now
from unisono.studio.performance import read_report

Token = Annotated[str, Meta(max_length=100)]
_BODY_BYTES_MAX = 200_000
_KEYS_MAX = 500
_SUNG = frozenset({"premiere", "done", "failed"})
"""States of a performance whose stems are as whole as they will be."""


class _WithToken(msgspec.Struct, frozen=True):
    token: Token


class _Keep(msgspec.Struct, frozen=True):
    """add: beside what the same person kept before, not instead of it. keys: those of earlier takes, by take."""

    token: Token
    performance: Token
    add: bool = False
    keys: Annotated[dict[Token, Token], Meta(max_length=_KEYS_MAX)] = {}


class AlongApi:
    """The handlers. `openings` are counted together with those of other rooms."""

    def __init__(
        self, app: web.Application, services: Services, takes: Takes, clips: Clips, openings: PerAddress
    ) -> None:
        self._services, self._takes, self._clips, self._openings = services, takes, clips, openings
        self._performances = app[SETTINGS].performances
        self._guesses = PerAddress(per_hour=600, burst=60)
        self._keepings = PerAddress(per_hour=240, burst=60)
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/api/along", self.open_room),
            web.post("/api/along/room", self.room),
            web.post("/api/along/keep", self.keep),
        ]

    async def open_room(self, request: web.Request) -> web.Response:
        """A room of one's own, in which everything is ready for singing along."""
        token = (await body_of(request, _WithToken)).token
        record = await self._services.ask(self._services.ledger.performance, token=token) if token else None
        if record is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        if record.state != "done":
            raise NotReady
        self._openings.spend(request, "rooms")
        piece = record.song.piece
        if piece == guides.PIECE:  # it was itself sung along to something
            inner = (await self._services.ask(self._services.ledger.room, record.room)).along
            piece = inner.piece if inner else None
        along = await self._services.on_files(guides.begin, record, piece, self._performances)
        await self._services.blobs.publish(
            self._performances / record.performance, record.performance, under=guides.FOLDER
        )
        picked = Picked(piece=guides.PIECE, key=along.key, tempo_bpm=along.tempo_bpm, by=0)
        keys = await self._services.ask(
            self._services.ledger.open_room,
            title=record.title,
            place=record.place,
            anchor=anchor_now(),
            along=along,
            memory=Memory(picked=picked),
        )
        return answer({"host": keys.host, "recovery": keys.recovery})

    async def room(self, request: web.Request) -> web.Response:
        """What a room sings along to; null for every other room."""
        admission = await self._guarded(request, (await body_of(request, _WithToken)).token)
        along = await self._along(admission)
        if along is None:
            return answer(None)
        original = await self._services.ask(self._services.ledger.performance, performance=along.performance)
        takes = await self._services.ask(self._services.ledger.takes.of, along.performance)
        shelf = guides.AlongShelf(along, self._services.songs.piece(along.piece or ""), self._performances)
        shown = {
            "title": along.title,
            "page": f"/performance#{original.token}" if original else None,
            "piece": shelf.for_page(),
            "backing": guides.guide_url(along),
            "kept": sum(take.sung is not None and take.sung.room == admission.room for take in takes),
        }
        return answer(shown)

    async def keep(self, request: web.Request) -> web.Response:
        """What was sung becomes a part of the performance; twice is once."""
        wanted = await body_of(request, _Keep, bytes_max=_BODY_BYTES_MAX)
        admission = await self._guarded(request, wanted.token)
        if admission.role != "host":
            raise NotAllowed(what="this")
        self._keepings.spend(request, "wishes")
        along = await self._along(admission)
        ask, ledger = self._services.ask, self._services.ledger
        sung = await ask(ledger.performance, performance=wanted.performance) if wanted.performance else None
        if along is None or sung is None or sung.room != admission.room:
            raise web.HTTPNotFound
        if sung.state not in _SUNG:
            raise NotReady
        async with self._one_at_a_time:
            original = await ask(ledger.performance, performance=along.performance)
            if original is None or original.state != "done":
                raise GuideGone
            voices = await self._heard(sung)
            kept = [await self._keep(wanted, voice, sung, original) for voice in voices]
        if not kept:
            raise NothingSung
        keys = [await ask(ledger.take_key, wanted.token, take.take) for take in kept]
        takes = [{"take": take.take, "key": key, "seat": take.seat} for take, key in zip(kept, keys, strict=True)]
        return answer({"takes": takes, "page": f"/performance#{original.token}"})

    async def _guarded(self, request: web.Request, token: str) -> Admission:
        try:
            return await self._services.ask(self._services.ledger.admit, token)
        except LinkNotValid:
            self._guesses.spend(request, "guesses")
            raise

    async def _along(self, admission: Admission) -> Along | None:
        return (await self._services.ask(self._services.ledger.room, admission.room)).along

    async def _heard(self, sung: PerformanceRecord) -> list[StemRecord]:
        """The voices in which there is something to hear."""
        folder = self._performances / sung.performance
        stems = await self._services.ask(self._services.ledger.stems, sung.performance)
        report = await self._services.on_files(read_report, folder)
        silent = {stem.seat for stem in report.stems if "silent" in stem.marks} if report else set[int]()
        return [stem for stem in stems if stem.seat not in silent and stem_path(folder, stem.seat).is_file()]

    async def _keep(
        self, wanted: _Keep, voice: StemRecord, sung: PerformanceRecord, original: PerformanceRecord
    ) -> TakeRecord:
        """One voice as a take. Raises UserError."""
        takes = await self._services.ask(self._services.ledger.takes.of, original.performance)
        own = [one for one in takes if one.sung and _is_theirs(one, one.sung, wanted, voice, sung)]
        same = next((one for one in own if one.sung and one.sung.performance == sung.performance), None)
        before = [] if wanted.add else [one for one in own if one is not same and not one.aside]
        others = [one for one in takes if one is not same]
        if (same is None or same.aside) and is_full(others, instead_of=before):
            raise ClipsFull(whose="this performance")
        take = same or await self._kept(wanted.token, voice, sung, original)
        if same is not None and same.state == "stopped":
            await self._lay_down(same, voice, sung)
        if before or take.aside:
            await self._takes.use(take, instead_of=before)
        return take

    async def _kept(
        self, token: str, voice: StemRecord, sung: PerformanceRecord, original: PerformanceRecord
    ) -> TakeRecord:
        """A new take, on its way through the studio. Raises NoRoomForClip."""
        facts = await self._facts(sung, voice)
        if not await self._services.on_files(self._clips.has_room_for, facts["size_bytes"]):
            raise NoRoomForClip
        take = await self._new(token, original, facts)
        await self._lay_down(take, voice, sung)
        return take

    async def _lay_down(self, take: TakeRecord, voice: StemRecord, sung: PerformanceRecord) -> None:
        """Its stem, and the studio begins. Raises NoRoomForClip."""
        source = stem_path(self._performances / sung.performance, voice.seat)
        try:
            await self._services.on_files(self._clips.keep, take, source)
        except OSError as error:
            raise NoRoomForClip from error
        await self._takes.anew(take)

    async def _facts(self, sung: PerformanceRecord, voice: StemRecord) -> dict[str, Any]:
        source = stem_path(self._performances / sung.performance, voice.seat)
        return _facts(sung, voice, await self._services.on_files(lambda: source.stat().st_size))

    async def _new(self, token: str, original: PerformanceRecord, facts: dict[str, Any]) -> TakeRecord:
        """A take that rests until its stem lies there: a server that is stopped in between leaves nothing half done."""
        take = tokens.fresh_id()
        key = await self._services.ask(self._services.ledger.take_key, token, take)
        record = TakeRecord(
            take=take,
            performance=original.performance,
            seat=0,
            picture=False,
            state="stopped",
            code="",
            offset_samples=None,
            hidden=False,
            created_at=wall_now(),
            key_hash=tokens.hashed(key),
            **facts,
        )
        return await self._services.ask(self._services.ledger.takes.add, record, first_seat=FIRST_SEAT)


def _is_theirs(take: TakeRecord, along: SungAlong, wanted: _Keep, voice: StemRecord, sung: PerformanceRecord) -> bool:
    """Whether a take was sung by the same person: from the same balcony, or in this browser under the same name."""
    if along.room == sung.room:
        return along.seat == voice.seat
    return opens(wanted.keys.get(take.take, ""), take) and take.name.casefold() == voice.name.casefold()


def _facts(sung: PerformanceRecord, voice: StemRecord, size_bytes: int) -> dict[str, Any]:
    """What the take has of this very singing."""
    song = sung.song
    assert song.stop is not None, "it is over"
    return {
        "name": voice.name,
        "place": voice.place,
        "flag": voice.flag,
        "part": voice.part,
        "original": f"original-{sung.performance}.stem",
        "size_bytes": size_bytes,
        "sung": SungAlong(
            room=sung.room, performance=sung.performance, seat=voice.seat, start=song.start, stop=song.stop
        ),
    }
