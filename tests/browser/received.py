"""A server for uploads (tus) that keeps in memory what pages send, for tests of the page alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class _File:
    size: int
    data: bytearray = field(default_factory=bytearray)
    begun_at: list[int] = field(default_factory=list)


class Received:
    """`GET /pictures` tells everything that came; `POST /pictures/half` shortens the last to so many bytes."""

    def __init__(self) -> None:
        self._files: list[_File] = []

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.get("/pictures", self.told),
            web.post("/pictures", self.create),
            web.post("/pictures/half", self.half),
            web.head("/pictures/p/1/{number}", self.head),
            web.patch("/pictures/p/1/{number}", self.patch),
        ]

    async def told(self, _request: web.Request) -> web.Response:
        """Each file: its size, its bytes, and where requests went on."""
        return web.json_response(
            [{"size": file.size, "data": file.data.hex(), "from": file.begun_at} for file in self._files]
        )

    async def create(self, request: web.Request) -> web.Response:
        """A file is announced."""
        self._files.append(_File(int(request.headers["Upload-Length"])))
        where = f"/pictures/p/1/{len(self._files) - 1}"
        body = {"take": where, "key": "key", "seat": 1}
        return web.json_response(body, status=201, headers={"Location": where})

    async def half(self, request: web.Request) -> web.Response:
        """So many bytes of the last file have come."""
        self._files[-1].data = bytearray((await request.json())["bytes"])
        return web.json_response({})

    async def head(self, request: web.Request) -> web.Response:
        """Where to go on."""
        return web.Response(headers={"Upload-Offset": str(len(self._file(request).data))})

    async def patch(self, request: web.Request) -> web.Response:
        """More of it."""
        file = self._file(request)
        if int(request.headers["Upload-Offset"]) != len(file.data):
            raise web.HTTPConflict
        file.begun_at.append(len(file.data))
        file.data += await request.read()
        return web.Response(status=204, headers={"Upload-Offset": str(len(file.data))})

    def _file(self, request: web.Request) -> _File:
        return self._files[int(request.match_info["number"])]
