"""The page's own camera: what is seen and what is heard at one instant stand at one position, and nothing else moves.

The camera is a canvas that flashes at moments which are known; the song is heard outside the browser on a tape with the
machine's clock. So neither the page's clocks nor its word for how late sound comes out are believed.
"""

import logging
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from playwright.sync_api import Page, Playwright, expect
from scipy.signal import correlate

from tests.browser.cards import Audio, SoundCard
from tests.browser.outside import Tape
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.solo import Solo, errors_ms
from tests.browser.sounding import step_back_out
from unisono.studio.film.brief import Shape
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import make
from unisono.studio.seen import pictures_of, seats_seen
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

CAMERA = Path(__file__).with_name("flashing.js")
log = logging.getLogger(__name__)
SUNG_S = 10
LEAD_S = 4
NEAR_FRAMES = 6
FLASH = 0.01
SUNG_AGAIN_S = 9
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


def flashes_of(page: Page) -> NDArray[np.float64]:
    """When the page drew its flashes, in seconds of the machine's clock."""
    ahead_s = clock_ahead_s(page)
    return np.array(page.evaluate("window.flashes")) / 1000 + ahead_s


def test_a_flash_stands_in_the_film_where_it_was_seen_in_the_song_though_the_page_was_reloaded(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard], tmp_path: Path
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
            lit = [flashes_of(solo.page)]
            solo.page.reload()
            step_back_out(solo.page)
            expect(solo.page.get_by_label("What your camera sees")).to_be_visible()
            solo.check()
            solo.page.wait_for_timeout(SUNG_AGAIN_S * 1000)
            assert list(folder_of(server).glob("pictures/*")) == [], "nothing is sent while a song runs"
            address = solo.stop()
            folder = folder_of(server)
            pictures = arrived(folder, 2)
            lit.append(flashes_of(solo.page))
            stem, tape = solo.stem(address), solo.tape()

    began_s = song_began_s(stem, tape)
    rates: list[float] = []
    filmed: list[NDArray[np.float64]] = []
    for picture, part in zip(pictures, lit, strict=True):
        times_s, bright = brightness(picture)
        assert all(a < b for a, b in pairwise(times_s)), "no picture is shown before one that was taken earlier"
        rates.append(len(times_s) / (times_s[-1] - times_s[0]))
        drawn_s = part - began_s
        filmed.append(part[(drawn_s > times_s[0] + 0.5) & (drawn_s < times_s[-1] - 0.5)])
        edges = np.flatnonzero((bright[1:] > 0.5) & (bright[:-1] < 0.5))
        seen_s = (times_s[edges] + times_s[edges + 1]) / 2  # between the last dark picture and the first bright one
        off = off_ms(seen_s, part - began_s, times_s[0] + 0.5, times_s[-1] - 0.5)
        log.info("%.1f pictures a second; a flash is seen so many ms after it was drawn: %s", rates[-1], off)
        assert np.abs(np.median(off)) <= LIPS_MS, f"pictures are late all along: {off}"
        assert np.abs(off).max() <= at_most_ms(rates[-1]), f"a flash is seen so many ms late: {off}"
    assert rates[0] > 15, "a camera of 30 frames brings more than that"
    errors = errors_ms(solo.opening(stem))
    assert errors
    assert max(map(abs, errors.values())) <= IN_PLACE_MS, f"pictures moved the voice: {errors}"

    film = replace(brief_of(folder), shape=Shape(width=640, height=360, preset="ultrafast"))
    [voice] = [voice for voice in film.voices if voice.seen]
    assert voice.name == "Anna"
    make(film, tmp_path / "work", tmp_path / "film.mp4", workers=2)
    assert_lips_in_film(tmp_path / "film.mp4", tape, filmed, rates)


def at_most_ms(rate: float) -> float:
    """Of one flash: when it was is known to half a picture of the camera. All along, lips keep to LIPS_MS."""
    return LIPS_MS + 500 / rate


def assert_lips_in_film(film: Path, tape: Tape, lit: list[NDArray[np.float64]], rates: list[float]) -> None:
    """Its sound says when its first sample was heard outside; each flash is a frame near the moment it was drawn."""
    with av.open(str(film)) as container:
        sound = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)])
        assert container.streams.audio[0].rate == SAMPLE_RATE
    began_s = song_began_s(sound.astype(np.float32), tape)
    times_s, bright = brightness(film)
    rises = np.diff(bright)
    for part, rate in zip(lit, rates, strict=True):
        drawn_s = part - began_s
        drawn_s = drawn_s[(drawn_s > LEAD_S + 1) & (drawn_s < times_s[-1] - 4)]
        flash = [_flash_frame(times_s, rises, at) for at in drawn_s]
        near = np.round([1000 * (seen_s - at) for seen_s, at in zip(flash, drawn_s, strict=True) if seen_s], 1)
        log.info(
            "in the film a flash's frame comes so many ms after it was drawn (%.0f pictures a second): %s", rate, near
        )
        assert len(near) >= 4
        assert np.abs(np.median(near)) <= LIPS_MS, f"the film's pictures are late all along: {near}"
        assert np.abs(near).max() <= at_most_ms(rate), f"a flash is seen so many ms late: {near}"


def _flash_frame(times_s: NDArray[np.float64], rises: NDArray[np.float64], drawn_s: float) -> float | None:
    """The time of the frame near a moment that is much brighter than the one before; None where none is."""
    first = max(0, int(np.searchsorted(times_s, drawn_s)) - NEAR_FRAMES)
    near = rises[first : first + 2 * NEAR_FRAMES]
    return float(times_s[first + 1 + int(np.argmax(near))]) if len(near) and near.max() > FLASH else None


def off_ms(
    seen_s: NDArray[np.float64], drawn_s: NDArray[np.float64], begin_s: float, end_s: float
) -> NDArray[np.float64]:
    """Of each flash that was drawn in `[begin_s, end_s)`: how much later the one nearest to it is seen."""
    lit = drawn_s[(drawn_s > begin_s) & (drawn_s < end_s)]
    off = [1000 * (seen_s - at)[np.argmin(np.abs(seen_s - at))] for at in lit]
    return np.round(off, 1)


def folder_of(server: Server) -> Path:
    """Of the performance that was sung last."""
    return max((server.data / "performances").iterdir(), key=lambda path: path.stat().st_mtime)


def arrived(folder: Path, wanted: int) -> list[Path]:
    """A seat's pictures in the order of the song, once all of them are whole."""
    deadline_s = time.monotonic() + ARRIVED_S
    while len(list(folder.glob("pictures/*/*.mkv"))) < wanted:
        assert time.monotonic() < deadline_s, "the pictures did not arrive"
        time.sleep(0.05)  # between two looks, until the deadline
    [seat] = seats_seen(folder)
    found = pictures_of(folder, seat)
    assert len(found) == wanted
    return list(found)
