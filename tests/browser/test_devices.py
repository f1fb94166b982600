"""What happens to people's devices in the middle of a song, one song after the other on the same page.

What was sung before is whole and in place in each case. What is sung afterwards is in place too, or marked. `python -m
bench devices` does the same at greater length, and more: a browser held to a sixth of a core, two clocks, sound lost.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect, sync_playwright

from bench import devices_stage as stage
from bench.devices_measure import Judged, judge
from bench.devices_stage import Mishap, Neighbour
from tests.browser import courtyard
from tests.browser.cards import CardPlan
from tests.browser.realtime import RealtimeSound
from tests.browser.serving import Server
from tests.browser.sounding import step_back_out

pytestmark = [pytest.mark.browser, pytest.mark.sound]

BEFORE_S, AFTER_S = 4.0, 5.0
IN_PLACE_MS = 1.0
# The last of it may still have been in the codec when it happened.
HELD_BACK_S = 1.0


@pytest.fixture(scope="module")
def one(server: Server) -> Iterator[Neighbour]:
    """Somebody alone, ready to sing."""
    expect.set_options(timeout=30_000)
    with ExitStack() as stack:
        stack.enter_context(RealtimeSound())
        playwright = stack.enter_context(sync_playwright())
        yield stack.enter_context(Neighbour(server, playwright, CardPlan(rate_hz=48_000, drift_ppm=50)))


def sung(one: Neighbour, mishap: Mishap) -> Judged:
    """A song in which something happens; whatever its page was sure of is in place, from the beginning until then."""
    one.sing(mishap.__name__, mishap, before_s=BEFORE_S, after_s=AFTER_S)
    song = one.songs[-1]
    judged = judge(next(stage.stems_of(one.server, song)))
    before = [start for start in judged.errors_ms if start + 1 < song.begun_s - HELD_BACK_S]
    assert len(before) >= 2, f"what was sung before is not whole: {judged}"
    assert judged.error_ms_max is not None
    assert judged.error_ms_max <= IN_PLACE_MS, f"not in place, and not marked: {judged}"
    assert judged.misfits == 0, f"nowhere near its place, and not marked: {judged}"
    return judged


def sleep_behind_another_tab(one: Neighbour) -> float:
    """The page is in the background for a while before everything sleeps."""
    stage.background(one)
    return stage.sleep(one)


def test_the_background_costs_nothing_and_ten_seconds_of_sleep_cost_those_ten_seconds(one: Neighbour) -> None:
    judged = sung(one, sleep_behind_another_tab)
    assert len(judged.errors_ms) >= BEFORE_S + stage.AFTER_S - 2, f"the background cost something: {judged}"
    assert "jumps" in judged.marks
    assert judged.seconds_to_sing_again is not None
    assert judged.seconds_to_sing_again < 2


def test_a_crashed_tab_delivers_when_its_person_comes_back_and_sings_on(one: Neighbour) -> None:
    judged = sung(one, stage.crash)
    assert judged.seconds_until_sure is not None, f"nothing in place after the crash: {judged}"


def test_other_headphones_are_noticed_and_a_new_sound_check_puts_all_in_place(one: Neighbour) -> None:
    judged = sung(one, stage.headphones)
    # What is stamped between the change and the check is marked; where the streams stand still at once, nothing is.
    assert "jumps" in judged.marks
    assert "unsure" in judged.marks or judged.windows_unsure == 0
    assert max(judged.errors_ms) > BEFORE_S + 5, f"nothing in place after the sound check: {judged}"


def test_a_second_tab_of_the_same_link_is_a_second_person(one: Neighbour) -> None:
    second = one.page.context.new_page()
    second.goto(one.solo.links.host)
    step_back_out(second)
    assert courtyard.people(second) == ["Anna", "Anna"]
    expect(one.page.get_by_role("button", name="Start")).to_be_enabled()
