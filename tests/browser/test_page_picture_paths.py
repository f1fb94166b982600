"""Pictures in every browser: whatever it has for cameras, codecs and storage, what is seen stands where it was heard.

The page's real workers, with a camera whose every picture can be told, a song that runs by the page's clock, and a
small server for uploads that keeps what comes.
"""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.browser import courtyard
from tests.browser.flashing import CAMERA, number_of, taken_s
from tests.browser.page_alone import FILMS, HOST, chromium, guest
from unisono.studio.film.proxies import planes_of

pytestmark = pytest.mark.browser

LIPS_MS = 40
SUNG_MS = 1000
WORDS_PX = 60
NO_TRACKS = "delete window.MediaStreamTrackProcessor;"
NO_FRAMES = NO_TRACKS + "delete window.VideoFrame;"
NO_VIDEO_ENCODER = "delete self.VideoEncoder;"
NO_H264 = """
const supported = VideoEncoder.isConfigSupported;
VideoEncoder.isConfigSupported = async (asked) =>
  (asked.codec.startsWith("avc") ? { supported: false } : supported(asked));
"""
NO_FILES = "StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('', 'SecurityError'));"
LISTEN = "dispatchEvent(new Event('online'))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all of them, since it takes a second to open."""
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser


@pytest.mark.parametrize(
    ("on_page", "in_worker", "codecs"),
    [
        ("", "", {"h264", "vp8"}),
        (NO_TRACKS, "", {"h264", "vp8"}),
        (NO_FRAMES, NO_VIDEO_ENCODER, {"mjpeg"}),
        ("", NO_H264, {"vp8"}),
        ("", NO_VIDEO_ENCODER, {"mjpeg"}),
        (NO_FILES, NO_FILES, {"h264", "vp8"}),
    ],
    ids=["as-it-is", "no-track-processor", "no-web-codecs", "no-h264", "no-video-encoder", "private-window"],
)
def test_each_picture_stands_where_it_was_heard(
    base_url: str, browser: Browser, on_page: str, in_worker: str, codecs: set[str]
) -> None:
    with guest(browser) as page:
        hide(page, on_page, in_worker)
        be_filmed(page, base_url)
        start = sing(page)
        page.get_by_text("Your picture has arrived").wait_for()
        taken_ms = page.evaluate("window.taken")
        codec, times_s, pictures = decoded(the_last(base_url)["data"])
    assert codec in codecs
    assert len(times_s) > 12
    assert np.all(np.diff(times_s) > 0)
    off_ms = np.round(1000 * times_s - (taken_s(pictures, np.array(taken_ms)) + (1e6 - start) / 48), 1)
    assert np.abs(np.median(off_ms)) <= LIPS_MS / 2, off_ms
    assert np.abs(off_ms).max() <= LIPS_MS, off_ms


def test_one_is_told_while_one_is_filmed_and_who_says_no_in_mid_song_sends_nothing_of_it(
    base_url: str, browser: Browser
) -> None:
    with guest(browser) as page:
        hide(page)
        be_filmed(page, base_url)
        expect(page.locator("#self-view-said")).to_have_text("Your camera is on; nothing is recorded")
        courtyard.start_song(page)
        expect(page.locator("#self-view-said")).to_have_text("You are being filmed")
        expect(page.locator("#self-view.filming")).to_be_visible()
        words = page.locator("#self-view-said").bounding_box()
        assert words is not None
        assert words["width"] > WORDS_PX, "not only for who hears the page"
        page.wait_for_timeout(800)
        before = len(received(base_url))
        page.get_by_role("button", name="More").click()
        page.get_by_text("My picture in films").click()
        page.get_by_label("Show my picture in the next film").uncheck()
        page.get_by_role("dialog", name="More").get_by_role("button", name="Close").click()
        expect(page.get_by_label("What your camera sees")).to_be_hidden()
        courtyard.stop_song(page)
        courtyard.wait_done(page)
        wait_for(page, lambda: kept_files(page) == 0)
        assert len(received(base_url)) == before


def test_sending_waits_for_a_song_and_goes_on_where_it_was_after_a_reload(base_url: str, browser: Browser) -> None:
    with guest(browser, expected="Failed to load resource") as page:
        hide(page)
        holding = [True]

        def cut(route: Route) -> None:
            if holding[0] and route.request.method == "PATCH":
                route.abort()
            else:
                route.fallback()

        page.route("**/pictures/**", cut)
        be_filmed(page, base_url)
        before = len(received(base_url))
        sing(page)
        expect(page.locator("#self-view-said")).to_have_text("Your camera is on; nothing is recorded")
        courtyard.wait_done(page)
        expect(page.get_by_label("Your picture is on its way to the film")).to_be_visible()
        wait_for(page, lambda: len(received(base_url)) == before + 1)
        half = the_last(base_url)["size"] // 2
        ask(base_url, "/pictures/half", {"bytes": half})  # as if so much had come before the line was lost
        courtyard.start_song(page)
        expect(page.get_by_label("Your picture is on its way to the film")).to_be_hidden()
        holding[0] = False
        page.evaluate(LISTEN)
        page.wait_for_timeout(1000)
        assert the_last(base_url)["from"] == [], "nothing is sent while somebody sings"
        page.reload()
        expect(page.get_by_role("button", name="Step onto the balcony")).to_be_visible()
        wait_for(page, lambda: the_last_but(base_url, before)["from"] == [half])
        wait_for(page, lambda: kept_files(page) == 0)
        assert len(received(base_url)) == before + 2, "the second song's picture comes by itself too"


def test_on_the_songs_page_one_takes_ones_picture_out(base_url: str, browser: Browser) -> None:
    with guest(browser) as page:
        page.goto(base_url + "/performance#sung")
        expect(page.get_by_role("heading", name="Download the song")).to_be_visible()
        expect(page.get_by_text("You are seen in this film.")).to_be_hidden()
        page.evaluate("localStorage.setItem('unisono.filmed', JSON.stringify({ anna: 'her secret' }))")
        page.reload()
        expect(page.get_by_text("You are seen in this film.")).to_be_visible()
        expect(page.locator("#film")).to_be_visible()
        page.route("**/api/film", lambda route: route.fulfill(json=FILMS | {"forms": []}))
        page.get_by_role("button", name="Take my picture out").press("Enter")
        expect(page.get_by_text("Your picture is deleted")).to_be_visible()
        expect(page.locator("#film"), "nor does its poster show them on this page").to_be_hidden(timeout=5000)
        expect(page.get_by_role("button", name="Take my picture out")).to_be_hidden()


def hide(page: Page, on_page: str = "", in_worker: str = "") -> None:
    """A browser that lacks something, on the page or in the pictures' worker."""
    page.add_init_script(path=CAMERA)
    page.add_init_script(on_page or ";")
    if not in_worker:
        return

    def lacking(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=in_worker + answer.text())

    page.route("**/engine/pictures.worker.js", lacking)


def be_filmed(page: Page, base_url: str) -> None:
    """On the balcony, sound check done, camera on, ready to start."""
    page.goto(base_url + HOST)
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Show my picture in the film").check()
    page.get_by_role("button", name="Step onto the balcony").click()
    courtyard.sound_check(page)
    expect(page.get_by_label("What your camera sees")).to_be_visible()
    courtyard.pick_piece(page, None)


def sing(page: Page) -> int:
    """A song; where it began, by the page's clock."""
    courtyard.start_song(page)
    page.wait_for_timeout(SUNG_MS)
    start = page.evaluate("window.unisono.room.song.start")
    courtyard.stop_song(page)
    return int(start)


def decoded(data: bytes) -> tuple[str, Any, Any]:
    """Codec; of every picture its time in seconds, and which of the camera's it is."""
    with av.open(io.BytesIO(data), "r") as container:
        codec = container.streams.video[0].codec_context.name
        found = [(frame.time, number_of(planes_of(frame).y)) for frame in container.decode(video=0)]
    return codec, np.array([time_s for time_s, _ in found]), np.array([number for _, number in found])


def ask(base_url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(base_url + path, json.dumps(body).encode() if body else None)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def received(base_url: str) -> list[dict[str, Any]]:
    """Every upload that the page alone was sent, in order."""
    found: list[dict[str, Any]] = ask(base_url, "/pictures")
    return found


def the_last(base_url: str) -> dict[str, Any]:
    last = received(base_url)[-1]
    return last | {"data": bytes.fromhex(last["data"])}


def the_last_but(base_url: str, before: int) -> dict[str, Any]:
    return received(base_url)[before]


def kept_files(page: Page) -> int:
    """How many pictures wait on the device."""
    script = """async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("unisono-pictures", { create: true });
      let found = 0;
      for await (const _ of folder.keys()) found += 1;
      return found;
    }"""
    found: int = page.evaluate(script)
    return found


def wait_for(page: Page, what: Callable[[], bool], seconds: float = 12) -> None:
    deadline_s = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline_s
        page.wait_for_timeout(50)  # the page's requests are answered meanwhile
