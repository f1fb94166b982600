"""The film on the pages: being made, watched together in the courtyard, played and taken home on the song's page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from tests.browser import courtyard
from tests.browser.page_alone import FILMS, HOST, visitor
from tests.browser.test_page_names import complaints
from tests.browser.test_page_sizes import sideways_px

pytestmark = pytest.mark.browser

SIZES = [(1280, 800), (390, 844)]
URL = "/media/sung/film/wide.webm?v=1"
SONG: dict[str, Any] = {
    "type": "song",
    "piece": None,
    "key": 0,
    "tempo_bpm": 0,
    "start": 10**9,
    "stop": None,
    "leader": 1,
}
SONG |= {"delays_samples": [0], "listener_delay_samples": 0, "rows": [[1]], "backing": None, "count_in_samples": 0}


@pytest.fixture(scope="module")
def canned() -> bytes:
    """Three seconds of grey that a browser without licences plays."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as out:
        stream = out.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(75):
            grey = np.full((135, 160), 40 + 2 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture(params=SIZES, ids=["wide", "phone"])
def page(request: pytest.FixtureRequest, playwright: Playwright, canned: bytes) -> Iterator[Page]:
    def serve(route: Route) -> None:
        if ".vtt" in route.request.url:
            route.fulfill(body="WEBVTT\n\n00:00.000 --> 00:02.000\nFreude\n", content_type="text/vtt")
        else:
            route.fulfill(body=canned, content_type="video/webm", headers={"Accept-Ranges": "bytes"})

    with visitor(playwright, size=request.param) as page:
        page.route("**/media/sung/film/**", serve)
        yield page


def until(page: Page, ready: str) -> None:
    """Until a script says so; the pages' own rules forbid Playwright's way of waiting for one."""
    for _ in range(600):
        if page.evaluate(ready):
            return
        page.wait_for_timeout(50)
    raise AssertionError(ready)


def told(page: Page, /, **message: Any) -> None:
    """The server says something to the courtyard."""
    page.evaluate("(message) => unisono.room.apply(message)", message)


def film(**more: Any) -> dict[str, Any]:
    nothing = {"seconds_left": None, "url": None, "webm": None, "poster": None, "words": None, "samples": 0}
    return {"type": "film", "performance": "p", "share": 0.4, "step": "render"} | nothing | more


def test_the_courtyard_sees_the_film_being_made_and_watches_it_together(page: Page, base_url: str) -> None:
    page.goto(base_url + HOST)
    until(page, "window.unisono?.room.title")
    page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
    told(page, **film(seconds_left=40))
    cinema = page.locator("#cinema")
    expect(cinema.get_by_text("The film is being made: 40 %")).to_be_visible()
    expect(cinema.get_by_text("about 40 seconds left")).to_be_visible()
    expect(cinema.get_by_role("progressbar", name="How far the film is")).to_have_attribute("value", "0.4")
    assert sideways_px(page) <= 0
    told(page, **film(share=1, step="ready", url=URL, words="/media/sung/film/wide.vtt", samples=3 * 48_000))
    told(page, type="screening", performance="p", start=0, url=URL, poster=None, words=None, samples=1, by=2)
    expect(page.locator("#screening")).to_be_hidden()
    page.evaluate("Object.defineProperty(unisono.engine, 'roomPosition', { get: () => performance.now() * 48 })")
    cinema.get_by_role("button", name="Watch the film together").press("Enter")
    until(page, "unisono.engine.sent.some((one) => one.type === 'watch' && one.performance === 'p')")
    page.evaluate(
        """(url) => unisono.room.apply({ type: "screening", performance: "p", url,
        start: performance.now() * 48 + 48000, poster: null,
        words: "/media/sung/film/wide.vtt", samples: 3 * 48000, by: 1 })""",
        URL,
    )
    expect(page.get_by_text("It begins in 1 s")).to_be_visible()
    until(page, "document.querySelector('#screen video').currentTime > 1")
    apart = page.evaluate(
        """() => document.querySelector("#screen video").currentTime
        - (unisono.engine.roomPosition - unisono.room.screening.start) / 48000"""
    )
    assert abs(apart) < 0.25
    mode = page.evaluate("document.querySelector('#screen track').track.mode")
    assert mode != "showing", "the words stand in the picture already"
    expect(page.locator("#screening").get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    assert sideways_px(page) <= 0
    page.keyboard.press("Escape")
    expect(page.locator("#screening")).to_be_hidden()
    told(page, **film(step="", share=0))
    expect(cinema).to_be_hidden()


def test_the_film_being_made_is_in_sight_while_the_song_is_heard(page: Page, base_url: str) -> None:
    if page.evaluate("innerWidth") < 500:
        page.set_viewport_size({"width": 360, "height": 740})
    page.goto(base_url + HOST)
    until(page, "window.unisono?.room.title")
    page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
    told(page, **SONG | {"performance": "p", "state": "premiere"})
    told(page, type="mix", performance="p", share=1, step="files", page="/performance#its-token")
    told(page, **film(seconds_left=40))
    expect(page.get_by_role("link", name="To the song: hear, download, share")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("The film is being made: 40 %")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("about 40 seconds left")).to_be_in_viewport(ratio=1)
    told(page, **film(share=1, step="ready", url=URL, samples=3 * 48_000))
    watch = page.get_by_role("button", name="Watch the film together")
    expect(watch).to_be_in_viewport(ratio=1)
    page.locator("#ending").get_by_role("button", name="Close").click()
    expect(watch).to_be_in_viewport(ratio=1)
    page.locator("#cinema").get_by_role("button", name="Close").click()
    expect(page.locator("#stage")).to_be_hidden()
    assert sideways_px(page) <= 0


def test_no_empty_stage_is_seen_while_others_still_sing(page: Page, base_url: str) -> None:
    page.goto(base_url + HOST)
    until(page, "window.unisono?.room.title")
    page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
    stage = page.locator("#stage")
    expect(stage).to_be_hidden()
    for state in ("singing", "discarded", "count_in"):  # of none of them this page hears anything
        told(page, **SONG | {"performance": "q", "state": state})
        told(page, **film(step="" if state == "discarded" else "render"))
        expect(stage).to_be_hidden()
    told(page, **SONG | {"performance": "q", "state": "ending", "stop": 10**9})
    told(page, **film(share=0.5))
    expect(stage.get_by_text("The last row is still singing …")).to_be_visible()
    expect(stage.get_by_text("The film is being made")).to_be_hidden()
    told(page, **SONG | {"performance": "q", "state": "mixing", "stop": 10**9})
    expect(stage.get_by_text("The film is being made: 50 %")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB", "it-IT"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 740)])
def test_the_house_stays_in_view_above_the_song_and_its_film(
    base_url: str, playwright: Playwright, size: tuple[int, int], locale: str
) -> None:
    with visitor(playwright, size=size, locale=locale) as page:
        page.goto(base_url + HOST)
        until(page, "window.unisono?.room.title")
        page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
        page.evaluate("unisono.engine.send({ type: 'who', name: 'Anna', flag: null, place: '' })")
        expect(page.locator("#dock")).to_be_visible()
        told(page, **SONG | {"performance": "p", "state": "premiere"})
        told(page, type="mix", performance="p", share=1, step="files", page="/performance#its-token")
        for shown in (film(seconds_left=40), film(share=1, step="ready", url=URL, samples=3 * 48_000)):
            told(page, **shown)
            house, covered = page.locator("main").bounding_box(), page.locator("#stage").bounding_box()
            assert house is not None
            assert covered is not None
            assert covered["height"] <= 0.4 * house["height"]
            assert sideways_px(page) <= 0
        pressed = page.locator("#stage").locator("button:visible, a:visible")
        assert pressed.count() == 4
        for one in pressed.all():
            one.focus()
            expect(one).to_be_in_viewport(ratio=1)
            assert one.evaluate("one => one.offsetHeight >= 44 && one.offsetWidth >= 44"), "a thumb hits it"
        assert complaints(page) == []


NO_H264 = """
const can = HTMLMediaElement.prototype.canPlayType;
HTMLMediaElement.prototype.canPlayType = function (kind) { return kind.includes("mp4") ? "" : can.call(this, kind); };
"""


def test_a_browser_without_h264_watches_the_webm_where_there_is_one(page: Page, base_url: str) -> None:
    asked: list[Any] = []

    def make(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={})

    page.route("**/api/film/make", make)
    page.add_init_script(NO_H264)
    page.goto(base_url + HOST)
    until(page, "window.unisono?.room.title")
    page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
    mp4 = URL.replace("webm", "mp4")
    told(page, type="mix", performance="p", share=1, step="files", page="/performance#its-token")
    told(page, **film(share=1, step="ready", url=mp4, samples=3 * 48_000))
    cinema = page.locator("#cinema")
    expect(cinema.get_by_text("This browser does not play the film as it is.")).to_be_visible()
    expect(cinema.get_by_role("button", name="Watch the film together")).to_have_count(0)
    cinema.get_by_role("button", name="Make it: WebM, for free players").press("Enter")
    expect(cinema.get_by_text("The film will be made soon.")).to_be_visible()
    assert asked == [{"token": "its-token", "form": "webm"}]
    assert sideways_px(page) <= 0
    told(page, **film(share=1, step="ready", url=mp4, webm=URL, samples=3 * 48_000))
    cinema.get_by_role("button", name="Watch the film together").click()
    shown = {"type": "screening", "performance": "p", "start": 10**12, "poster": None, "words": None, "by": 1}
    told(page, **shown | {"url": mp4, "webm": URL, "samples": 3 * 48_000})
    expect(page.locator("#screen video")).to_have_attribute("src", URL)
    until(page, "document.querySelector('#screen video').readyState >= 1")


def test_a_song_that_begins_closes_the_film(page: Page, base_url: str) -> None:
    page.goto(base_url + HOST)
    until(page, "window.unisono?.room.title")
    page.evaluate("for (const open of document.querySelectorAll('dialog[open]')) open.close()")
    told(page, **film(share=1, step="ready", url=URL, samples=3 * 48_000))
    page.get_by_role("button", name="Watch the film together").click()
    told(page, type="screening", performance="p", start=10**12, url=URL, poster=None, words=None, samples=10, by=1)
    expect(page.locator("#screening")).to_be_visible()
    told(page, **SONG | {"performance": "q", "state": "count_in"})
    expect(page.locator("#screening")).to_be_hidden()


def test_the_songs_page_plays_the_film_and_hands_it_out(page: Page, base_url: str) -> None:
    asked: list[str] = []
    forms: Any = FILMS["forms"]
    wide = forms[0]
    shown = [dict(file, url=file["url"].replace("mp4", "webm")) for file in wide["files"]]
    page.route("**/api/film", lambda route: route.fulfill(json=FILMS | {"forms": [wide | {"files": shown}]}))

    def make(route: Route) -> None:
        asked.append(route.request.post_data or "")
        route.fulfill(json={})

    page.route("**/api/film/make", make)
    courtyard.open_performance(page, base_url + "/performance#sung")
    video = page.locator("#film")
    expect(video).to_be_visible()
    assert video.evaluate("(video) => [video.paused, video.controls, video.autoplay]") == [True, True, False]
    above = page.evaluate(
        "document.querySelector('#film').getBoundingClientRect().bottom <= "
        "document.querySelector('#player').getBoundingClientRect().top"
    )
    assert above
    video.focus()
    page.keyboard.press("Space")
    until(page, "!document.querySelector('#film').paused")
    link = page.get_by_role("link", name="Download: The film")
    expect(link).to_have_attribute("download", "Ode an die Freude.mp4")
    page.get_by_role("button", name="Make it: Upright, for phones (9:16)").press("Enter")
    page.wait_for_timeout(200)
    assert '"form":"tall"' in asked[0]
    assert complaints(page) == []
    assert sideways_px(page) <= 0


def test_the_host_sees_how_far_it_is_and_stops_it(page: Page, base_url: str) -> None:
    making = {"form": "wide", "share": 0.4, "step": "render", "waiting": False, "seconds_left": 70.0}
    page.route("**/api/film", lambda route: route.fulfill(json=FILMS | {"making": making, "forms": [], "host": True}))
    stopped: list[bool] = []

    def stop(route: Route) -> None:
        stopped.append(True)
        route.fulfill(json={})

    page.route("**/api/film/stop", stop)
    courtyard.open_performance(page, base_url + "/performance#sung")
    expect(page.get_by_text("The film is being made: 40 %")).to_be_visible()
    expect(page.get_by_text("about 70 seconds left")).to_be_visible()
    page.get_by_role("button", name="Stop making it").click()
    page.wait_for_timeout(200)
    assert stopped


def test_other_forms_show_how_far_they_are_and_are_taken_home_by_their_kind(page: Page, base_url: str) -> None:
    forms: Any = FILMS["forms"]
    file = {"name": "film/webm.webm", "url": "/media/sung/film/webm.webm?v=2", "bytes": 9_000_000, "kind": "webm"}
    webm = {"form": "webm", "seconds": 52.0, "files": [file]}
    making = {"form": "tall", "share": 0.25, "step": "render", "waiting": False, "seconds_left": 30.0}
    now = FILMS | {"forms": [*forms, webm], "making": making, "wanted": ["wide", "webm", "tall"]}
    page.route("**/api/film", lambda route: route.fulfill(json=now))
    courtyard.open_performance(page, base_url + "/performance#sung")
    expect(page.get_by_text("Upright, for phones (9:16) is being made: 25 %")).to_be_visible()
    link = page.get_by_role("link", name="Download: WebM, for free players")
    expect(link).to_have_attribute("download", "Ode an die Freude.webm")
    expect(page.get_by_role("button", name="Make it: Square (1:1)")).to_be_visible()
    expect(page.get_by_role("button", name="Make it: WebM")).to_have_count(0)
    assert complaints(page) == []
    assert sideways_px(page) <= 0
