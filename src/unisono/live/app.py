"""App: everything a server serves on its one port, put together from api.py, pages.py, media.py and the like."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from unisono.config import Settings
from unisono.live import pages
from unisono.live.along_api import AlongApi
from unisono.live.api import Api
from unisono.live.clips import Clips
from unisono.live.films_api import FilmsApi
from unisono.live.http import ROOMS, SETTINGS, PerAddress, add_headers, kindly
from unisono.live.media import media
from unisono.live.pictures import Pictures
from unisono.live.rooms import Rooms
from unisono.live.session import serve_socket
from unisono.live.stream import Streams
from unisono.live.takes import Takes
from unisono.live.takes_api import TakesApi
from unisono.live.uploads import Uploads
from unisono.studio.jobs import run_ahead, run_film, run_mix, run_take

TAKES: web.AppKey[Takes] = web.AppKey("takes", Takes)
_SOCKETS: web.AppKey[PerAddress] = web.AppKey("sockets", PerAddress)


async def make_app(settings: Settings) -> web.Application:
    """The application, its ledger open. Raises OperatorError. Call it inside the event loop it will run in."""
    app = web.Application(middlewares=[kindly])
    app[SETTINGS] = settings
    app[ROOMS] = Rooms(settings, film=run_film, ahead=run_ahead)
    app[_SOCKETS] = PerAddress(per_hour=36_000, burst=1500)
    api = Api(app)
    app.add_routes(api.routes())
    app.add_routes(pages.routes())
    app.router.add_get("/media/{key}/{path:.+}", media)
    app.router.add_get("/live", live)
    app.add_routes(Streams(app).routes())
    _add_takes(app, api)
    app.cleanup_ctx.append(_run_rooms)
    app.cleanup_ctx.append(_run_takes)
    app.cleanup_ctx.append(_run_films)
    app.on_response_prepare.append(_headers)
    return app


async def _run_rooms(app: web.Application) -> AsyncIterator[None]:
    await app[ROOMS].start()
    yield
    await app[ROOMS].stop()


def _add_takes(app: web.Application, api: Api) -> None:
    """Clips that people add to a performance, what they sing along to it, and what their own cameras saw."""
    services = app[ROOMS].services
    clips = Clips(app[SETTINGS].performances)
    app[TAKES] = Takes(services, clips, analyse=run_take, mix=run_mix, films=app[ROOMS].films)
    app[ROOMS].films.prepare_by(app[TAKES].mixes.write_facts)
    app.add_routes(Uploads(app, services, app[TAKES], clips).routes())
    app.add_routes(TakesApi(app, services, app[TAKES]).routes())
    app.add_routes(FilmsApi(services, app[ROOMS].films).routes())
    app.add_routes(AlongApi(app, services, app[TAKES], clips, api.openings).routes())
    app.add_routes(Pictures(app[SETTINGS], services, app[ROOMS].films).routes())


async def _run_takes(app: web.Application) -> AsyncIterator[None]:
    await app[TAKES].start()
    yield
    await app[TAKES].stop()


async def _run_films(app: web.Application) -> AsyncIterator[None]:
    """After the takes: a film is made of what they say now."""
    await app[ROOMS].films.start()
    yield
    await app[ROOMS].films.stop()


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    add_headers(response)


async def live(request: web.Request) -> web.StreamResponse:
    """The room's socket."""
    request.app[_SOCKETS].spend(request, "sockets")
    rooms = request.app[ROOMS]
    return await serve_socket(request, number=rooms.next_number(), attend=rooms.attend)
