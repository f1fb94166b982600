"""Stream: the plain stream's way out over HTTP. A ticket stands for the token, which is never part of an address."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import aclosing

import msgspec
from aiohttp import web

from unisono.live.http import ROOMS, PerAddress, add_headers, answer, body_of
from unisono.store import tokens

_TICKET_SECONDS = 12 * 3600
_TICKETS_MAX = 20_000


class _Body(msgspec.Struct, frozen=True):
    token: str


class Streams:
    """Tickets, and the streams they open."""

    def __init__(self, app: web.Application) -> None:
        self._rooms = app[ROOMS]
        self._tickets: OrderedDict[str, tuple[int, str, float]] = OrderedDict()
        self._asks = PerAddress(per_hour=600, burst=60)

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/api/stream", self.ticket),
            web.get("/api/stream/{ticket}.ogg", self.listen, allow_head=False),
        ]

    async def ticket(self, request: web.Request) -> web.Response:
        """An address that plays what listeners of this room hear."""
        self._asks.spend(request, "streams")
        token = (await body_of(request, _Body)).token
        services = self._rooms.services
        admission = await services.ask(services.ledger.admit, token)
        ticket = tokens.fresh_token()
        self._tickets[ticket] = (admission.room, token, time.monotonic() + _TICKET_SECONDS)
        while len(self._tickets) > _TICKETS_MAX:
            self._tickets.popitem(last=False)
        return answer({"url": f"/api/stream/{ticket}.ogg"})

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """The stream, until somebody goes. A link revoked since opens nothing any more. Raises RoomFull."""
        room, token, until = self._tickets.get(request.match_info["ticket"], (0, "", 0.0))
        if time.monotonic() > until:
            raise web.HTTPNotFound
        services = self._rooms.services
        admission = await services.ask(services.ledger.admit, token)
        runner = await self._rooms.runner(room)
        response = web.StreamResponse(headers={"Content-Type": "audio/ogg", "Cache-Control": "no-store"})
        add_headers(response)
        async with aclosing(runner.tune_in(admission.link)) as pages:
            head = await anext(pages)  # a full room says so before anything is answered
            await response.prepare(request)
            await response.write(head)
            async for page in pages:
                await response.write(page)
        await response.write_eof()
        return response
