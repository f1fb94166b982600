"""The JSON about a performance's film (docs/wire.md): how far it is, what there is of it, and who may ask for what.

Whoever has a performance's token may look, and ask for a form that nobody has asked for; the room's host may end the
making and begin it again.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from unisono.errors import LinkNotValid, NotAllowed
from unisono.live.films import Films, film_url
from unisono.live.http import PerAddress, answer, body_of
from unisono.live.services import Services
from unisono.store.records import PerformanceRecord

Token = Annotated[str, msgspec.Meta(max_length=100)]
_READY = "done"


class _Look(msgspec.Struct, frozen=True):
    token: Token
    host: Token = ""


class _Wish(_Look, frozen=True):
    form: Literal["wide", "tall", "square", "webm"] = "wide"


class FilmsApi:
    """The handlers."""

    def __init__(self, services: Services, films: Films) -> None:
        self._services, self._films = services, films
        self._guesses = PerAddress(per_hour=600, burst=60)
        self._wishes = PerAddress(per_hour=120, burst=30)

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/api/film", self.look),
            web.post("/api/film/make", self.make),
            web.post("/api/film/stop", self.stop),
        ]

    async def look(self, request: web.Request) -> web.Response:
        """How far the film is, and what there is of it."""
        wanted = await body_of(request, _Look)
        record = await self._performance(request, wanted.token)
        asked, there = await self._films.look(record.performance)
        progress = self._films.progress(record.performance)
        return answer(
            {
                "films": self._films.wanted,
                "making": None
                if progress is None
                else {
                    "form": progress.form,
                    "share": round(progress.share, 3),
                    "step": progress.step,
                    "waiting": progress.began_s is None,
                    "seconds_left": progress.left_s,
                },
                "wanted": asked.forms if asked else (),
                "code": asked.code if asked else "",
                "forms": [
                    {
                        "form": release.form,
                        "seconds": release.seconds,
                        "files": [
                            {
                                "name": file.name,
                                "url": film_url(record.media_key, release, file.name),
                                "bytes": file.size_bytes,
                                "kind": file.kind,
                            }
                            for file in release.files
                        ],
                    }
                    for release in there
                ],
                "host": bool(wanted.host) and await self._is_host(request, record, wanted.host),
            }
        )

    async def make(self, request: web.Request) -> web.Response:
        """Make the film in a form; again, if the host says so. Raises NotAllowed."""
        wish = await body_of(request, _Wish)
        record = await self._performance(request, wish.token)
        self._wishes.spend(request, "films")
        if record.state != _READY:
            raise NotAllowed(what="a film before there is a mix")
        asked, _ = await self._films.look(record.performance)
        if asked is not None and wish.form in asked.forms:
            await self._need_host(request, record, wish.host)
        await self._films.wish(record.performance, wish.form)
        return answer({})

    async def stop(self, request: web.Request) -> web.Response:
        """The host does not want it now."""
        wanted = await body_of(request, _Look)
        record = await self._performance(request, wanted.token)
        await self._need_host(request, record, wanted.host)
        await self._films.cancel(record.performance)
        return answer({})

    async def _need_host(self, request: web.Request, record: PerformanceRecord, host: str) -> None:
        if not host or not await self._is_host(request, record, host):
            self._guesses.spend(request, "guesses")
            raise NotAllowed(what="this")

    async def _is_host(self, request: web.Request, record: PerformanceRecord, host: str) -> bool:
        """Whether this token is that of the room's host; who guesses is slowed down."""
        try:
            admission = await self._services.ask(self._services.ledger.admit, host)
        except LinkNotValid:
            self._guesses.spend(request, "guesses")
            return False
        return admission.role == "host" and admission.room == record.room

    async def _performance(self, request: web.Request, token: str) -> PerformanceRecord:
        record = await self._services.ask(self._services.ledger.performance, token=token) if token else None
        if record is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        return record
