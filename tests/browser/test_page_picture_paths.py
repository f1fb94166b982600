"""Pictures in every browser: whatever it has for cameras, codecs and storage, what is seen stands where it was heard.

The page's real workers, with a camera that flashes at known moments, a song that runs by the page's clock, and a small
server for uploads that keeps what comes.
"""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

CAMERA = Path(__file__).with_name("flashing.js")
LIPS_MS = 40
SUNG_MS = 3500
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
def test_a_flash_stands_where_it_was_heard(
    base_url: str, playwright: Playwright, on_page: str, in_worker: str, codecs: set[str]
) -> None:
    with visitor(playwright) as page:
        hide(page, on_page, in_worker)
        be_filmed(page, base_url)
        start, flashes = sing(page)
        expect(page.get_by_text("Your picture has arrived")).to_be_visible()
        codec, times_s, bright = decoded(the_last(base_url)["data"])
    assert codec in codecs
    assert len(times_s) > 12
    assert np.all(np.diff(times_s) > 0)
    edges = np.flatnonzero((bright[1:] > 0.5) & (bright[:-1] < 0.5))
    seen_s = (times_s[edges] + times_s[edges + 1]) / 2
    drawn_s = (np.array(flashes) * 48 + 1e6 - start) / 48000
    inside = drawn_s[(drawn_s > times_s[0] + 0.1) & (drawn_s < times_s[-1] - 0.1)]
    assert len(inside)
    off_ms = [1000 * np.abs(seen_s - at).min() for at in inside]
    slack_ms = 500 * np.diff(times_s)[edges].max()  # what a machine that has trouble left out
    assert np.median(off_ms) <= LIPS_MS + max(0, slack_ms - 20), off_ms


def test_one_is_told_and_the_window_shows_it_while_one_is_filmed(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        hide(page)
        be_filmed(page, base_url)
        expect(page.locator("#self-view-said")).to_have_text("Your camera is on; nothing is recorded")
        courtyard.start_song(page)
        expect(page.locator("#self-view-said")).to_have_text("You are being filmed")
        expect(page.locator("#self-view.filming")).to_be_visible()
        courtyard.stop_song(page)
        expect(page.locator("#self-view-said")).to_have_text("Your camera is on; nothing is recorded")


def test_who_says_no_in_mid_song_sends_nothing_of_it(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        hide(page)
        be_filmed(page, base_url)
        courtyard.start_song(page)
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


def test_sending_waits_for_a_song_and_goes_on_where_it_was_after_a_reload(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright, expected="Failed to load resource") as page:
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
        courtyard.wait_done(page)
        expect(page.get_by_label("Your picture is on its way to the film")).to_be_visible()
        wait_for(page, lambda: len(received(base_url)) == before + 1)
        half = the_last(base_url)["size"] // 2
        ask(base_url, "/pictures/half", {"bytes": half})  # as if so much had come before the line was lost
        courtyard.start_song(page)
        expect(page.get_by_label("Your picture is on its way to the film")).to_be_hidden()
        holding[0] = False
        page.evaluate(LISTEN)
        page.wait_for_timeout(1500)
        assert the_last(base_url)["from"] == [], "nothing is sent while somebody sings"
        page.reload()
        expect(page.get_by_role("button", name="Step onto the balcony")).to_be_visible()
        wait_for(page, lambda: the_last_but(base_url, before)["from"] == [half])
        wait_for(page, lambda: kept_files(page) == 0)
        assert len(received(base_url)) == before + 2, "the second song's picture comes by itself too"


def test_on_the_songs_page_one_takes_ones_picture_out(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.goto(base_url + "/performance#sung")
        expect(page.get_by_role("heading", name="Download the song")).to_be_visible()
        expect(page.get_by_text("You are seen in this film.")).to_be_hidden()
        page.evaluate("localStorage.setItem('unisono.filmed', JSON.stringify({ anna: 'her secret' }))")
        page.reload()
        expect(page.get_by_text("You are seen in this film.")).to_be_visible()
        page.get_by_role("button", name="Take my picture out").press("Enter")
        expect(page.get_by_text("Your picture is deleted")).to_be_visible()
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


def sing(page: Page) -> tuple[int, list[float]]:
    """A song; where it began, and when the camera flashed, by the page's clock."""
    courtyard.start_song(page)
    page.wait_for_timeout(SUNG_MS)
    start = page.evaluate("window.unisono.room.song.start")
    courtyard.stop_song(page)
    return int(start), page.evaluate("window.flashes")


def decoded(data: bytes) -> tuple[str, Any, Any]:
    """Codec, times in seconds, brightness 0..1 of every picture."""
    with av.open(io.BytesIO(data), "r") as container:
        codec = container.streams.video[0].codec_context.name
        found = [(frame.time, frame.to_ndarray(format="gray").mean() / 255) for frame in container.decode(video=0)]
    return codec, np.array([time_s for time_s, _ in found]), np.array([level for _, level in found])


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
