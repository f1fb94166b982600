"""The rig itself: what it says of cards, clocks and loops must be true before it may judge the page."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright

from tests.browser.cards import SHARED_MEMORY, CardPlan, MissingTool, SoundCard, require
from tests.browser.outside import Tapes, fit_clock
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone, launch_chromium

PAGE = "http://localhost/loop"
BURST_SAMPLES = 400

pytestmark = [pytest.mark.browser, pytest.mark.sound]


def bursts(rate_hz: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Four seconds with a different short noise every half second; the first at sample 0."""
    sound = np.zeros(4 * rate_hz, np.float32)
    rng = np.random.default_rng(2020)
    for start in range(0, len(sound), rate_hz // 2):
        sound[start:start + BURST_SAMPLES] = 0.2 * rng.standard_normal(BURST_SAMPLES)
    return sound


def open_loop_page(page: Page) -> None:
    html = (Path(__file__).parent / "loop_page.html").read_text()
    page.route(PAGE, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(PAGE)


def places(sound: np.ndarray[Any, Any], played: np.ndarray[Any, Any], rate_hz: int) -> list[int]:
    """Where each of the bursts of `played` begins in `sound`."""
    return [int(np.argmax(np.correlate(sound, played[start:start + BURST_SAMPLES])))
            for start in range(0, len(played), rate_hz // 2)]


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_chromium_plays_and_records_every_sample_through_its_card(
    playwright: Playwright, new_card: Callable[..., SoundCard], rate_hz: int,
) -> None:
    card = new_card(rate_hz=rate_hz)
    browser = launch_chromium(playwright, card)
    played = bursts(rate_hz)
    with Tapes() as tapes:
        tapes.add("ears", card)
        tapes.start()
        page = browser.new_page()
        open_loop_page(page)
        looped = page.evaluate("([sound, seconds]) => playAndRecord(sound, seconds)", [played.tolist(), 4])
        tape = tapes.stop()["ears"]
    browser.close()
    assert looped["rate"] == rate_hz
    outside = places(tape.sound, played, rate_hz)
    assert np.diff(outside).tolist() == [rate_hz // 2] * 7, "the card's own recording is not whole"
    inside = np.array(places(np.array(looped["recorded"]), played, rate_hz)) + looped["first"] - looped["started"]
    round_trips_ms = (inside - np.arange(8) * rate_hz // 2) / rate_hz * 1e3
    assert 20 < round_trips_ms[0] < 250
    assert np.ptp(round_trips_ms) < 0.1, f"the open stream's round trip moved: {round_trips_ms}"


def test_drifting_cards_are_measured_as_such(new_card: Callable[..., SoundCard]) -> None:
    drifts_ppm = (-100, 100)
    with Tapes() as tapes:
        for drift_ppm in drifts_ppm:
            tapes.add(f"{drift_ppm}", new_card(rate_hz=48_000, drift_ppm=drift_ppm))
        tapes.start()
        started_s = time.monotonic()
        time.sleep(17)  # that much sound is recorded, in real time
        stopped_s = time.monotonic()
        taped = tapes.stop()
    # Without the first second, in which a sink may still change how far ahead it works. In 16 s, 25 ppm is 0.4 ms of
    # one chunk's arrival: what a busy machine's least late chunks differ by.
    measured_ppm = [taped[f"{drift_ppm}"].between(started_s + 1, stopped_s).clock.drift_ppm for drift_ppm in drifts_ppm]
    assert measured_ppm == pytest.approx(drifts_ppm, abs=25)


def test_a_card_with_a_clock_of_its_own_leaves_nothing_behind() -> None:
    before = set(SHARED_MEMORY.glob("*faketime*"))
    with SoundCard(CardPlan(drift_ppm=100)):
        own = set(SHARED_MEMORY.glob("*faketime*")) - before
    assert own
    assert not any(left.exists() for left in own)


def test_two_tapes_of_one_card_agree_on_when_a_sound_was(new_card: Callable[..., SoundCard]) -> None:
    card = new_card(rate_hz=48_000, drift_ppm=100)
    played = bursts(48_000)
    with Tapes() as tapes:
        tapes.add("one", card)
        tapes.add("other", card)
        tapes.start()
        mouth = card.open_mouth()
        mouth.sing(played)
        time.sleep(6)  # as long as the bursts sound, and a little
        taped = tapes.stop()
    heard_s = [tape.clock.seconds_at(places(tape.sound, played, 48_000)[3]) for tape in taped.values()]
    assert heard_s[0] == pytest.approx(heard_s[1], abs=0.002)


def test_what_is_sung_into_a_singers_card_is_in_the_microphone_and_not_in_the_ears(
    new_card: Callable[..., SoundCard],
) -> None:
    card = new_card(rate_hz=48_000, kind="singer")
    played = bursts(48_000)
    with Tapes() as tapes:
        tapes.add("ears", card)
        tapes.add("microphone", card, "microphone")
        tapes.start()
        card.open_mouth().sing(played)
        time.sleep(6)  # as long as the bursts sound, and a little
        taped = tapes.stop()
    assert np.diff(places(taped["microphone"].sound, played, 48_000)).tolist() == [24_000] * 7
    assert np.abs(taped["ears"].sound).max() == 0


def test_a_plain_browser_keeps_silent_until_clicked_and_its_microphone_until_granted(
    playwright: Playwright, new_card: Callable[..., SoundCard],
) -> None:
    card = new_card()
    with PlainChromium(playwright, card) as plain, Tapes() as tapes:
        tapes.add("ears", card)
        tapes.start()
        context = plain.browser.new_context()
        page = context.new_page()
        open_loop_page(page)
        assert page.evaluate("new AudioContext().state") == "suspended"
        assert page.evaluate("navigator.permissions.query({name: 'microphone'}).then((it) => it.state)") != "granted"
        grant_microphone(context, "http://localhost")
        page.get_by_role("button", name="Go").click()
        assert page.evaluate("window.opened") == "running"
        page.evaluate("([sound, seconds]) => playAndRecord(sound, seconds)", [bursts(48_000).tolist(), 1])
        assert np.abs(tapes.stop()["ears"].sound).max() > 0.1, "a plain browser plays into its card"


def test_the_clock_is_the_line_under_late_stamps() -> None:
    rng = np.random.default_rng(7)
    samples = np.arange(1, 2_000) * 480.0
    late_s = rng.exponential(0.004, len(samples)) + 0.5 * (rng.uniform(size=len(samples)) < 0.01)
    clock = fit_clock(samples, 1_000 + samples / 48_004.8 + late_s, 48_000)
    assert clock.drift_ppm == pytest.approx(100, abs=2)
    assert clock.seconds_at(480_000) == pytest.approx(1_000 + 480_000 / 48_004.8, abs=1e-4)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(MissingTool, match="no-such-program"):
        require("no-such-program", "sh")
