"""HTTP in common: errors as {code, text}, JSON bodies, who asks, how often, and the headers of every answer."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Network, ip_address
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from unisono.config import Settings
from unisono.core.limits import Bucket
from unisono.errors import (
    ClipsFull,
    ClipTooBig,
    Flood,
    GuideGone,
    LinkNotValid,
    NoRoomForClip,
    NotAllowed,
    NotReady,
    UnisonoError,
    UserError,
)
from unisono.live.rooms import Rooms
from unisono.units import SAMPLE_RATE

ROOMS: Final = web.AppKey("rooms", Rooms)
SETTINGS: Final = web.AppKey("settings", Settings)

_BODY_BYTES_MAX = 4096
_IPV6_PREFIX = 64
_STATUS: dict[type[UnisonoError], int] = {
    LinkNotValid: 401,
    NotAllowed: 403,
    ClipsFull: 403,
    NotReady: 409,
    GuideGone: 410,
    ClipTooBig: 413,
    Flood: 429,
    NoRoomForClip: 507,
}
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self' blob:; connect-src 'self'; "
        "style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), screen-wake-lock=(self), camera=(self), geolocation=()",
}
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def answer(body: object, *, status: int = 200) -> web.Response:
    """JSON that nobody keeps."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def body_of(request: web.Request, kind: type[_T], *, bytes_max: int = _BODY_BYTES_MAX) -> _T:
    """The request's JSON body as `kind`. Raises HTTPBadRequest and the like, told as {code, text}."""
    data = await request.content.read(bytes_max + 1)
    while data and len(data) <= bytes_max and (more := await request.content.read(bytes_max)):
        data += more
    if len(data) > bytes_max:
        raise web.HTTPRequestEntityTooLarge(max_size=bytes_max, actual_size=len(data))
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise web.HTTPBadRequest(reason="the body is not what it should be") from error


@web.middleware
async def kindly(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every error is told as {code, text}, and every answer carries the same headers."""
    try:
        response = await handler(request)
    except UnisonoError as error:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        status = status if isinstance(error, UserError | Flood) else 500
        response = answer({"code": error.code, "text": str(error)}, status=status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = error.reason.lower().replace(" ", "_") if error.status != 400 else "bad_request"
        response = answer({"code": code, "text": error.reason}, status=error.status)
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        _log.exception("%s %s", request.method, _route_of(request))
        response = answer({"code": "server_error", "text": "something went wrong on our side"}, status=500)
    if not response.prepared:
        if request.path.startswith("/static/"):
            # A worker of an isolated page must ask for isolation itself, or the browser refuses to start it.
            response.headers.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
        add_headers(response)
    return response


def _route_of(request: web.Request) -> str:
    """What was asked for, without the keys that a path may hold."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(nothing served)"


def add_headers(response: web.StreamResponse) -> None:
    """The headers of every answer, unless it has its own."""
    for name, value in _SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-cache")


def address_of(request: web.Request) -> str:
    """Who asks: the socket's other end, or whom a trusted proxy names. IPv6 neighbours of one network count as one."""
    address = request.remote or ""
    if request.app[SETTINGS].proxied:
        named = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
        address = named or address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((parsed, _IPV6_PREFIX), strict=False))


class PerAddress:
    """A limit for each address, of the last few thousand that asked."""

    def __init__(self, *, per_hour: float, burst: float) -> None:
        self._per_second = per_hour / 3600
        self._burst = burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def spend(self, request: web.Request, what: str, amount: float = 1.0) -> None:
        """Raises Flood if this address has had enough."""
        address = address_of(request)
        now = int(time.monotonic() * SAMPLE_RATE)
        bucket = self._buckets.pop(address, None) or Bucket(per_second=self._per_second, burst=self._burst, now=now)
        self._buckets[address] = bucket
        while len(self._buckets) > 5000:
            self._buckets.popitem(last=False)
        if not bucket.take(now, amount):
            raise Flood(what=what)
