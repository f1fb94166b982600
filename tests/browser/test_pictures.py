"""The page's own camera: what is seen and what is heard at one instant stand at one position, and nothing else moves.

The camera is one of arithmetic, each of whose pictures bears its number, and the moments at which they were taken are
known; the song is heard outside the browser on a tape with the machine's clock. So neither the page's clocks nor its
word for how late sound comes out are believed, and every single picture says how early or late it stands.
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
from tests.browser.flashing import CAMERA, NUMBERS, number_of, taken_s
from tests.browser.outside import Tape
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.solo import Solo, errors_ms
from tests.browser.sounding import step_back_out
from unisono.studio.film import camera
from unisono.studio.film.brief import FRAME_RATE, Shape
from unisono.studio.film.compose import corner
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import make
from unisono.studio.film.pieces import Folder
from unisono.studio.film.plan import Plan
from unisono.studio.film.proxies import planes_of
from unisono.studio.seen import pictures_of, seats_seen
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

log = logging.getLogger(__name__)
SUNG_S = 10
LEAD_S = 4
SUNG_AGAIN_S = 9
LIPS_MS, LIPS_ALL_ALONG_MS = 40, 20
UNTOLD_S = 0.2
"""Before a page went it told when its pictures were taken, but of the very last."""
IN_PLACE_MS = 1.0
ARRIVED_S = 20


def agree(page: Page) -> None:
    """Say under More that one is to be seen."""
    page.get_by_role("button", name="More").click()
    page.get_by_text("My picture in films").click()
    page.get_by_label("Show my picture in the next film").check()
    page.get_by_role("dialog", name="More").get_by_role("button", name="Close").click()
    expect(page.get_by_label("What your camera sees")).to_be_visible()


def numbered(picture: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of every frame: when it is shown, in seconds, and which of the camera's pictures it is."""
    with av.open(str(picture)) as container:
        frames = [(frame.time, number_of(planes_of(frame).y)) for frame in container.decode(video=0)]
    return np.array([time_s for time_s, _ in frames]), np.array([number for _, number in frames], np.int64)


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


def taken_of(page: Page) -> NDArray[np.float64]:
    """When the page's camera took each of its pictures, in seconds of the machine's clock."""
    ahead_s = clock_ahead_s(page)
    return np.array(page.evaluate("window.taken")) / 1000 + ahead_s


def test_pictures_stand_in_the_film_where_they_were_taken_in_the_song_though_the_page_was_reloaded(
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
            taken = [taken_of(solo.page)]
            solo.page.reload()
            step_back_out(solo.page)
            expect(solo.page.get_by_label("What your camera sees")).to_be_visible()
            solo.check()
            solo.page.wait_for_timeout(SUNG_AGAIN_S * 1000)
            assert list(folder_of(server).glob("pictures/*")) == [], "nothing is sent while a song runs"
            address = solo.stop()
            folder = folder_of(server)
            pictures = arrived(folder, 2)
            taken.append(taken_of(solo.page))
            stem, tape = solo.stem(address), solo.tape()

    began_s = song_began_s(stem, tape)
    rates: list[float] = []
    kept: list[NDArray[np.float64]] = []
    for picture, part in zip(pictures, taken, strict=True):
        times_s, numbers = numbered(picture)
        assert all(a < b for a, b in pairwise(times_s)), "no picture is shown before one that was taken earlier"
        rates.append(len(times_s) / (times_s[-1] - times_s[0]))
        log.info("%.1f pictures a second", rates[-1])
        told = times_s < times_s[-1] - UNTOLD_S
        kept.append(taken_s(numbers[told], part))
        assert_lips("on the page", 1000 * (times_s[told] - (kept[-1] - began_s)))
    assert rates[0] > 15, "a camera of 30 frames brings more than that"
    errors = errors_ms(solo.opening(stem))
    assert errors
    assert max(map(abs, errors.values())) <= IN_PLACE_MS, f"pictures moved the voice: {errors}"

    film = replace(brief_of(folder), shape=Shape(width=640, height=360, preset="ultrafast"))
    [voice] = [voice for voice in film.voices if voice.seen]
    assert voice.name == "Anna"
    make(film, tmp_path / "work", tmp_path / "film.mp4", workers=2)
    [home] = [path for path in (tmp_path / "work").iterdir() if (path / "film.json").is_file()]
    assert_lips_in_film(tmp_path / "film.mp4", Folder(home).plan(), tape, taken, kept)


def assert_lips(where: str, off_ms: NDArray[np.float64]) -> None:
    """off_ms: of each picture, how much later it is seen than it was taken, against what was heard then."""
    least, early, median, late, most = np.percentile(off_ms, (0, 5, 50, 95, 100)).tolist()
    told = f"{where} {len(off_ms)} pictures are late by {median:.1f} ms, 5 to 95 % by {early:.1f} to {late:.1f} ms"
    log.info("%s, all by %.1f to %.1f ms", told, least, most)
    assert abs(median) <= LIPS_ALL_ALONG_MS, told
    assert max(-least, most) <= LIPS_MS, f"{told}, all by {least:.1f} to {most:.1f} ms"


def assert_lips_in_film(
    film: Path, plan: Plan, tape: Tape, taken: list[NDArray[np.float64]], kept: list[NDArray[np.float64]]
) -> None:
    """Its sound says when its first sample was heard outside. A frame shows its picture while it lasts: what counts is
    its middle, and of several frames with one picture that which is nearest to it, where all of them can be read.

    taken: when each page's camera took its pictures; kept: those that the film may show and that are looked for.
    """
    with av.open(str(film)) as container:
        sound = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)])
        assert container.streams.audio[0].rate == SAMPLE_RATE
    began_s = song_began_s(sound.astype(np.float32), tape)
    seen: dict[int, list[float]] = {}
    before: int | None = None
    whole: set[int] = set()  # what is shown, if its first frame was seen
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            tile = tile_of(plan, number, planes_of(frame).y)
            picture = None if tile is None else number_of(tile)
            begins = before not in {None, picture}
            if picture is not None and (begins or picture in whole):
                seen.setdefault(picture, []).append(began_s + (number + 0.5) / FRAME_RATE)
            whole = {picture} if picture is not None and (begins or picture in whole) else set()
            before = picture
    wanted_s = set(np.concatenate(kept).tolist())
    all_s = np.concatenate(taken)
    numbers = np.concatenate([np.arange(len(part)) % NUMBERS for part in taken])
    off_ms: dict[float, float] = {}
    for picture, times_s in seen.items():
        moments_s = all_s[numbers == picture]
        for time_s in times_s:
            at_s = float(moments_s[np.argmin(np.abs(moments_s - time_s))])
            if at_s not in wanted_s:
                continue
            off_ms[at_s] = min(off_ms.get(at_s, np.inf), 1000 * (time_s - at_s), key=abs)
    assert len(off_ms) > len(wanted_s) / 2, "most pictures are recognised in the film"
    assert_lips("in the film", np.array(list(off_ms.values())))


def tile_of(plan: Plan, number: int, luma: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The window of the only one who is seen, in a frame in which the camera rests and all of it is in the picture."""
    view = camera.view(plan.shots, number)
    if view.onto is not None or number >= plan.credits_start - FRAME_RATE:
        return None
    shot = plan.shots[view.shot]
    level = plan.level(plan.bays[-1] if shot.close else plan.bays[0])
    [voice] = [index for index, one in enumerate(plan.film.voices) if one.seen]
    x, y, w, h = level.spots[voice].opening
    left, top = corner(level, shot, number)
    inside = 0 <= x - left <= luma.shape[1] - w and 0 <= y - top <= luma.shape[0] - h
    return luma[y - top : y - top + h, x - left : x - left + w] if inside else None


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
