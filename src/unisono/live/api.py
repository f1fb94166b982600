"""The JSON half of docs/wire.md's HTTP: rooms, links, performances, the songbook."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import segno
from aiohttp import web

from unisono.core.texts import clean
from unisono.errors import LinkNotValid
from unisono.live.http import ROOMS, SETTINGS, PerAddress, answer, body_of
from unisono.live.performances import files_of, seconds_of, stem_of, stems_of
from unisono.live.pulse import anchor_now
from unisono.store import tokens
from unisono.store.records import Admission, Keys, PerformanceRecord

_TITLE_MAX, _PLACE_MAX = 80, 60
_READY = frozenset({"done"})
"""A performance's own state, not its song's: all files are there, though the courtyard may still be listening."""
Token = Annotated[str, msgspec.Meta(max_length=100)]


class _NewRoom(msgspec.Struct, frozen=True):
    title: Annotated[str, msgspec.Meta(max_length=500)]
    place: Annotated[str, msgspec.Meta(max_length=500)] = ""


class _WithToken(msgspec.Struct, frozen=True):
    token: Token


class _Revoke(msgspec.Struct, frozen=True):
    token: Token
    role: Literal["host", "performer", "listener"]
    key: Token | None = None


class _Picture(msgspec.Struct, frozen=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class _Recovery(msgspec.Struct, frozen=True):
    recovery: Token


class Api:
    """The handlers; each address may open so many rooms, and guess so few tokens."""

    def __init__(self, app: web.Application) -> None:
        self._rooms = app[ROOMS]
        self._services = app[ROOMS].services
        per_hour = app[SETTINGS].rooms_per_hour
        self.openings = PerAddress(per_hour=per_hour, burst=per_hour)
        self._drawings = PerAddress(per_hour=600, burst=60)
        self._guesses = PerAddress(per_hour=600, burst=60)

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/api/rooms", self.open_room),
            web.post("/api/room", self.room),
            web.post("/api/room/links", self.revoke),
            web.post("/api/recover", self.recover),
            web.post("/api/performances", self.performances),
            web.post("/api/performance", self.performance),
            web.get("/api/pieces", self.pieces),
            web.get("/api/pieces/{piece}/backing.wav", self.backing),
            web.post("/api/qr", self.qr),
            web.get("/health", self.health),
        ]

    async def open_room(self, request: web.Request) -> web.Response:
        """A new courtyard."""
        wanted = await body_of(request, _NewRoom)
        self.openings.spend(request, "rooms")
        title = clean(wanted.title, characters_max=_TITLE_MAX)
        if not title:
            raise web.HTTPBadRequest(reason="a courtyard needs a title")
        keys = await self._services.ask(
            self._services.ledger.open_room,
            title=title,
            place=clean(wanted.place, characters_max=_PLACE_MAX),
            anchor=anchor_now(),
        )
        return answer(_links(keys) | {"recovery": keys.recovery})

    async def room(self, request: web.Request) -> web.Response:
        """What a link opens; all links, for a host."""
        token = (await body_of(request, _WithToken)).token
        found = await self._guarded(request, token)
        links = None
        if found.role == "host":
            links = _links(await self._services.ask(self._services.ledger.keys, token))
        return answer({"title": found.title, "place": found.place, "role": found.role, "links": links})

    async def _guarded(self, request: web.Request, token: str) -> Admission:
        """What the token opens; who guesses is slowed down."""
        try:
            return await self._services.ask(self._services.ledger.admit, token)
        except LinkNotValid:
            self._guesses.spend(request, "guesses")
            raise

    async def revoke(self, request: web.Request) -> web.Response:
        """A new link for a role; who came by the old one goes, the asking host's own seat excepted."""
        wanted = await body_of(request, _Revoke)
        found = await self._guarded(request, wanted.token)
        keys, revoked = await self._services.ask(self._services.ledger.revoke, wanted.token, wanted.role)
        spared = tokens.hashed(wanted.key) if wanted.key else None
        self._rooms.revoke(found.room, revoked, apart_from_key=spared)
        return answer(_links(keys))

    async def recover(self, request: web.Request) -> web.Response:
        """A new host's link from the recovery code."""
        wanted = await body_of(request, _Recovery)
        self._guesses.spend(request, "guesses")
        keys, revoked = await self._services.ask(self._services.ledger.recover, wanted.recovery)
        found = await self._services.ask(self._services.ledger.admit, keys.host)
        self._rooms.revoke(found.room, revoked)
        return answer(_links(keys) | {"recovery": keys.recovery})

    async def performances(self, request: web.Request) -> web.Response:
        """What was sung in this room."""
        found = await self._guarded(request, (await body_of(request, _WithToken)).token)
        records = await self._services.ask(self._services.ledger.performances, found.room)
        return answer([_listed(record) for record in records if record.state != "discarded"])

    async def performance(self, request: web.Request) -> web.Response:
        """One performance: its files and stems."""
        token = (await body_of(request, _WithToken)).token
        record = await self._services.ask(self._services.ledger.performance, token=token) if token else None
        if record is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        stems = await self._services.ask(self._services.ledger.stems, record.performance)
        takes = await self._services.ask(self._services.ledger.takes.of, record.performance)
        stems += [stem_of(take) for take in takes if take.state == "placed" and not take.hidden]
        folder = self._services.settings.performances / record.performance
        shown = {
            "title": record.title,
            "place": record.place,
            "sung_at": record.sung_at.isoformat(),
            "seconds": seconds_of(record.song),
            "state": record.state,
            "backing": bool(record.song.piece and record.song.backing),
            "parts": self._services.songs.parts(record.song.piece),
        }
        if record.state in _READY:
            shown["files"] = await self._services.on_files(files_of, folder, record.media_key)
            shown["stems"] = await self._services.on_files(stems_of, folder, record.media_key, stems)
        else:
            shown |= {"files": [], "stems": []}
        return answer(shown)

    async def pieces(self, _request: web.Request) -> web.Response:
        """The songbook."""
        return answer([piece.for_page() for piece in self._services.songs.pieces()])

    async def backing(self, request: web.Request) -> web.StreamResponse:
        """A piece's backing as WAV."""
        piece = self._services.songs.piece(request.match_info["piece"])
        if piece is None:
            raise web.HTTPNotFound
        key, tempo_bpm = _number(request, "key", -6, 6), _number(request, "tempo_bpm", 0, 208)
        if 0 < tempo_bpm < 40:
            raise web.HTTPBadRequest(reason="tempo_bpm must be 0 or 40 to 208")
        songs = self._services.songs
        if not songs.is_ready(piece.id, key, tempo_bpm):
            # A choir behind one address fetches what its room has had rendered: only more than that is counted.
            self._drawings.spend(request, "backings")
        wav = await self._services.on_requests(songs.backing_wav, piece.id, key, tempo_bpm)
        headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
        return web.Response(body=wav, content_type="audio/wav", headers=headers)

    async def qr(self, request: web.Request) -> web.Response:
        """A link as a picture that a phone can read; it is kept nowhere."""
        text = (await body_of(request, _Picture)).text
        self._drawings.spend(request, "pictures")
        return answer({"svg": await self._services.on_requests(_picture, text)})

    async def health(self, _request: web.Request) -> web.Response:
        """The server answers."""
        return answer({"ok": True})


def _picture(text: str) -> str:
    return segno.make_qr(text, error="m").svg_inline(border=2, scale=8, light="#ffffff")


def _number(request: web.Request, name: str, low: int, high: int) -> int:
    try:
        number = int(request.query.get(name, "0"))
    except ValueError:
        raise web.HTTPBadRequest(reason=f"{name} must be a whole number") from None
    if not low <= number <= high:
        raise web.HTTPBadRequest(reason=f"{name} must be {low} to {high}")
    return number


def _links(keys: Keys) -> dict[str, str]:
    return {"host": keys.host, "singers": keys.singers, "listeners": keys.listeners}


def _listed(record: PerformanceRecord) -> dict[str, object]:
    return {
        "performance": record.performance,
        "title": record.title,
        "sung_at": record.sung_at.isoformat(),
        "seconds": seconds_of(record.song),
        "page": f"/performance#{record.token}" if record.state in _READY else None,
        "state": record.state,
    }
