"""Media: the files of performances. The key is unguessable, ranges work, and any page may embed them."""

from __future__ import annotations

from pathlib import PurePosixPath

from aiohttp import web

from unisono.live.http import ROOMS, add_headers
from unisono.store.blobs import TYPES, RemoteFile, may_be_served

_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, Accept-Ranges",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=86400",
    "Accept-Ranges": "bytes",
}


async def media(request: web.Request) -> web.StreamResponse:
    """One finished file."""
    services = request.app[ROOMS].services
    path = request.match_info["path"]
    if not may_be_served(path):
        raise web.HTTPNotFound
    record = await services.ask(services.ledger.performance, media_key=request.match_info["key"])
    if record is None:
        raise web.HTTPNotFound
    kind = TYPES[PurePosixPath(path).suffix]
    local = services.blobs.local(record.performance, path)
    if local is not None:
        if not local.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(local, headers=_OPEN | {"Content-Type": kind})
    remote = await services.blobs.remote(record.performance, path)
    if remote is None:
        raise web.HTTPNotFound
    return await _send_remote(request, remote, kind)


async def _send_remote(request: web.Request, file: RemoteFile, kind: str) -> web.StreamResponse:
    """A file in the store, or the part of it that was asked for."""
    try:
        wanted = request.http_range
    except ValueError:
        raise web.HTTPRequestRangeNotSatisfiable from None
    start, stop, _ = wanted.indices(file.size_bytes)
    partial = wanted.start is not None or wanted.stop is not None
    if partial and start >= stop:
        raise web.HTTPRequestRangeNotSatisfiable
    response = web.StreamResponse(status=206 if partial else 200, headers=_OPEN | {"Content-Type": kind})
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size_bytes}"
    response.content_length = stop - start
    add_headers(response)
    await response.prepare(request)
    async for piece in request.app[ROOMS].services.blobs.read(file, start, stop):
        await response.write(piece)
    await response.write_eof()
    return response
