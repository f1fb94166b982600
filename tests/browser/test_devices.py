"""What happens to people's devices in the middle of a song: sleep, a reload, a crash of the tab, the background.

What was sung before is whole and in place in each case. What is sung afterwards is in place too, or the stem is marked.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.cards import SoundCard
from tests.browser.rig import launch_chromium, processes_on
from tests.browser.serving import Server
from tests.browser.solo import Solo, errors_ms
from tests.browser.sounding import step_back_out

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SUNG_S = 11
SUNG_ON_S = 12
SLEEP_S = 10
IN_PLACE_MS = 1.0
WINDOW_S = 5.0
# The last of it may still have been in the codec when it happened.
HELD_BACK_S = 1.0


@pytest.fixture
def solo(playwright: Playwright, server: Server, new_card: Callable[..., SoundCard]) -> Iterator[Solo]:
    """Somebody alone, ready to sing."""
    card = new_card(rate_hz=48_000, drift_ppm=50)
    browser = launch_chromium(playwright, card)
    page = browser.new_context(locale="en", reduced_motion="reduce").new_page()
    with Solo(server, card, page, sung_s=SUNG_S) as ready:
        yield ready
    browser.close()


def sung_s(page: Page) -> float:
    """How long the song has gone on for this page's ears, in seconds."""
    found: float = page.evaluate("(window.unisono.engine.heardPosition - window.unisono.room.song.start) / 48000")
    return found


def judged(solo: Solo, address: str) -> tuple[dict[float, float], list[str]]:
    """The errors by window, in ms, and the stem's marks."""
    marks: list[str] = solo.told(address)["stems"][0]["marks"]
    return errors_ms(solo.opening(solo.stem(address))), marks


def assert_in_place(errors: dict[float, float], from_s: float, to_s: float, at_least: int) -> None:
    """Every window inside `from_s` to `to_s` is in place, and there are `at_least` so many."""
    inside = {start: error for start, error in errors.items() if start >= from_s and start + WINDOW_S <= to_s}
    assert len(inside) >= at_least, f"of {from_s:.1f} to {to_s:.1f} s only these could be judged: {inside} of {errors}"
    assert max(map(abs, inside.values())) <= IN_PLACE_MS, f"not in place: {inside}"


def test_ten_seconds_of_sleep_cost_those_ten_seconds_and_the_background_nothing(solo: Solo) -> None:
    solo.start()
    solo.page.context.new_page().bring_to_front()
    solo.page.wait_for_timeout(SUNG_S * 1000)
    slept_s = sung_s(solo.page)
    processes = processes_on(solo.card)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    time.sleep(SLEEP_S)  # what is tested: real sound goes on outside while the browser stands still
    for process in processes:
        os.kill(process, signal.SIGCONT)
    solo.page.bring_to_front()
    solo.page.wait_for_timeout(SUNG_ON_S * 1000)
    errors, marks = judged(solo, solo.stop())
    assert_in_place(errors, 0, slept_s - HELD_BACK_S, at_least=2)
    assert "jumps" in marks
    if "unsure" not in marks:
        assert_in_place(errors, slept_s + SLEEP_S + HELD_BACK_S, 1e9, at_least=1)


def test_a_crashed_tab_delivers_when_its_person_comes_back_and_sings_on(solo: Solo) -> None:
    solo.start()
    solo.page.wait_for_timeout(SUNG_S * 1000)
    crashed_s = sung_s(solo.page)
    context, link = solo.page.context, solo.links.host
    with solo.page.expect_event("crash"), suppress(PlaywrightError):
        solo.page.goto("chrome://crash")
    solo.page = context.new_page()
    solo.page.goto(link)
    step_back_out(solo.page)
    solo.check()
    back_s = sung_s(solo.page)
    solo.page.wait_for_timeout(SUNG_ON_S * 1000)
    errors, _ = judged(solo, solo.stop())
    assert_in_place(errors, 0, crashed_s - HELD_BACK_S, at_least=2)
    assert_in_place(errors, back_s + HELD_BACK_S, 1e9, at_least=1)


def test_a_second_tab_of_the_same_link_is_a_second_person(solo: Solo) -> None:
    second = solo.page.context.new_page()
    second.goto(solo.links.host)
    step_back_out(second)
    assert courtyard.people(second) == ["Anna", "Anna"]
    expect(solo.page.get_by_role("button", name="Start")).to_be_enabled()
