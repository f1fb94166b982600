"""The page's own camera: what is seen and what is heard at one instant stand at one position, and nothing else moves.

The camera is a canvas that flashes at moments which are known; the song is heard outside the browser on a tape with the
machine's clock. So neither the page's clocks nor its word for how late sound comes out are believed.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Playwright, expect
from scipy.signal import correlate

from tests.browser.cards import Audio, SoundCard
from tests.browser.outside import Tape
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.solo import Solo, errors_ms
from unisono.studio.film.folder import brief_of
from unisono.studio.seen import seats_seen
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

CAMERA = Path(__file__).with_name("flashing.js")
SUNG_S = 12
LIPS_MS = 40
IN_PLACE_MS = 1.0
ARRIVED_S = 20


def agree(page: Page) -> None:
    """Say under More that one is to be seen."""
    page.get_by_role("button", name="More").click()
    page.get_by_text("My picture in films").click()
    page.get_by_label("Show my picture in the next film").check()
    page.get_by_role("dialog", name="More").get_by_role("button", name="Close").click()
    expect(page.get_by_label("What your camera sees")).to_be_visible()


def brightness(picture: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of every frame: when it is shown, in seconds, and how bright it is, 0 to 1."""
    with av.open(str(picture)) as container:
        frames = [(frame.time, frame.to_ndarray(format="gray").mean() / 255) for frame in container.decode(video=0)]
    return np.array([time_s for time_s, _ in frames]), np.array([level for _, level in frames])


def song_began_s(stem: Audio, tape: Tape) -> float:
    """When the machine's clock showed position 0 of the stem, by what was heard outside."""
    heard = tape.on_clock()
    at = int(np.argmax(correlate(heard, stem, mode="full", method="fft"))) - (len(stem) - 1)
    return float(tape.clock.start_s + at / SAMPLE_RATE)


def clock_ahead_s(page: Page) -> float:
    """How far the machine's monotonic clock is ahead of the page's, from the quickest of some looks."""
    looks = []
    for _ in range(40):
        before_s = time.monotonic()
        page_s = page.evaluate("performance.now()") / 1000
        after_s = time.monotonic()
        looks.append((after_s - before_s, (before_s + after_s) / 2 - page_s))
    return float(min(looks)[1])


def test_a_flash_stands_in_the_picture_where_it_was_seen_in_the_song(
    playwright: Playwright,
    server: Server,
    new_card: Callable[..., SoundCard],
) -> None:
    card = new_card(rate_hz=48_000)
    with PlainChromium(playwright, card) as plain:
        context = plain.browser.new_context(locale="en", reduced_motion="reduce")
        context.add_init_script(path=CAMERA)
        grant_microphone(context, server.url)
        with Solo(server, card, context.new_page(), sung_s=SUNG_S) as solo:
            agree(solo.page)
            solo.start()
            solo.sing()
            solo.page.wait_for_timeout(SUNG_S * 1000)
            assert list(folder_of(server).glob("pictures/*")) == [], "nothing is sent while a song runs"
            address = solo.stop()
            folder = folder_of(server)
            picture = arrived(folder)
            ahead_s = clock_ahead_s(solo.page)
            flashes_s = np.array(solo.page.evaluate("window.flashes")) / 1000 + ahead_s
            stem, tape = solo.stem(address), solo.tape()

    times_s, bright = brightness(picture)
    seconds = len(stem) / SAMPLE_RATE
    assert len(times_s) / seconds > 15, "a camera of 30 frames brings more than that"
    assert all(a < b for a, b in pairwise(times_s)), "no picture is shown before one that was taken earlier"
    began_s = song_began_s(stem, tape)
    edges = np.flatnonzero((bright[1:] > 0.5) & (bright[:-1] < 0.5))
    seen_s = (times_s[edges] + times_s[edges + 1]) / 2  # between the last dark picture and the first bright one
    lit_s = flashes_s[(flashes_s > began_s + 0.5) & (flashes_s < began_s + seconds - 0.5)] - began_s
    off_ms = [1000 * (seen_s - lit)[np.argmin(np.abs(seen_s - lit))] for lit in lit_s]
    assert len(off_ms) >= 5
    assert np.abs(np.median(off_ms)) <= LIPS_MS / 2, f"pictures are late all along: {np.round(off_ms, 1)}"
    assert np.abs(off_ms).max() <= LIPS_MS, f"a flash is seen so many ms late: {np.round(off_ms, 1)}"
    errors = errors_ms(solo.opening(stem))
    assert errors
    assert max(map(abs, errors.values())) <= IN_PLACE_MS, f"pictures moved the voice: {errors}"

    seat = seats_seen(folder)[0]
    film = brief_of(folder)
    [voice] = [voice for voice in film.voices if voice.seen]
    assert voice.seen is not None
    assert (Path(voice.seen.path), voice.seen.take_sample(480), voice.name) == (picture, 480, "Anna")
    assert seat == int(picture.parent.name)


def folder_of(server: Server) -> Path:
    """Of the performance that was sung last."""
    return max((server.data / "performances").iterdir(), key=lambda path: path.stat().st_mtime)


def arrived(folder: Path) -> Path:
    """The one picture, once it is whole."""
    deadline_s = time.monotonic() + ARRIVED_S
    while not (found := list(folder.glob("pictures/*/*.mkv"))):
        assert time.monotonic() < deadline_s, "the picture did not arrive"
        time.sleep(0.05)
    assert len(found) == 1
    return found[0]
