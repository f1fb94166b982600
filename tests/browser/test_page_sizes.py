"""The page on small screens, at double size, and with words beside a panel."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

PHONE = (360, 640)


def sideways_px(page: Page) -> int:
    """How far the page can be scrolled sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("size", [PHONE, (390, 844)])
def test_nothing_scrolls_sideways_on_a_phone(base_url: str, playwright: Playwright, size: tuple[int, int]) -> None:
    with visitor(playwright, size=size, pretend={"neighbours": 40}) as page:
        courtyard.open_courtyard(page, base_url, "Our courtyard")
        assert sideways_px(page) <= 0
        courtyard.step_out(page, base_url + HOST, "Anna")
        assert sideways_px(page) <= 0
        courtyard.sound_check(page)
        assert sideways_px(page) <= 0
        for name in courtyard.PANELS:
            courtyard.open_panel(page, name)
            assert sideways_px(page) <= 0
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        expect(page.get_by_role("heading", name="Song")).to_be_hidden()
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_in_viewport(ratio=1)
        assert sideways_px(page) <= 0
        courtyard.open_performance(page, f"{base_url}/performance#sung")
        assert sideways_px(page) <= 0


def test_at_double_size_everything_can_still_be_reached(base_url: str, playwright: Playwright) -> None:
    """200 % zoom of a 1280 x 800 screen is a page of 640 x 400."""
    with visitor(playwright, size=(640, 400)) as page:
        courtyard.step_out(page, base_url + HOST, "Anna", "Italy")
        courtyard.sound_check(page)
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        courtyard.stop_song(page)
        courtyard.wait_done(page)


def test_words_stay_on_one_line_beside_an_open_panel(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        courtyard.open_panel(page, "Song")
        lines = "() => new Set([...document.querySelectorAll('.line.current span')].map(one => one.offsetTop)).size"
        expect(page.locator(".line.current")).to_contain_text("Götterfunken")
        assert page.evaluate(lines) == 1
        size_px = page.locator(".line.current").evaluate("line => parseFloat(getComputedStyle(line).fontSize)")
        assert size_px >= 40


@pytest.mark.parametrize("size", [(1280, 800), (1280, 640), PHONE])
def test_how_many_listen_is_seen_without_scrolling(
    base_url: str, playwright: Playwright, size: tuple[int, int]
) -> None:
    with visitor(playwright, size=size, pretend={"listeners": 1}) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        count = page.locator("#facade").get_by_text("1 person is listening")
        expect(count).to_be_in_viewport(ratio=1)
        words, bar = count.bounding_box(), page.locator("#dock").bounding_box()
        assert words is not None
        assert bar is not None
        assert words["y"] + words["height"] <= bar["y"]
        if size == (1280, 800):
            hidden_px = page.locator("main").evaluate("main => main.scrollHeight - main.clientHeight")
            assert hidden_px <= 0, "a house of three storeys fits"
        courtyard.start_song(page)
        expect(page.locator(".line.current")).to_contain_text("Götterfunken")
        expect(count).to_be_in_viewport(ratio=1)
        assert count.evaluate(TOPMOST), "the song covers how many listen to it"


def test_key_tempo_and_note_are_in_view_on_a_phone(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, size=PHONE) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.open_panel(page, "Song")
        for name in ("Lower", "Higher", "Slower", "Faster", "Starting note", "Start"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)


def test_words_and_lamp_stay_in_view_on_a_phone_while_a_panel_is_open(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, size=PHONE) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.start_song(page)
        words, lamp = page.locator(".line.current"), page.locator("#lamp")
        expect(words).to_contain_text("Götterfunken")
        for name in courtyard.PANELS:
            courtyard.open_panel(page, name)
            expect(words).to_be_in_viewport(ratio=1)
            assert words.evaluate(TOPMOST), f"the panel {name} covers the words"
            assert lamp.evaluate(TOPMOST)


TOPMOST = """one => {
  const { left, right, top, bottom } = one.getBoundingClientRect();
  const middle = (left + right) / 2;
  const own = one.closest('#stage, #lamp') ?? one;
  return [top + 2, bottom - 2].every(y => own.contains(document.elementFromPoint(middle, y)));
}"""


OVERLAPS = """() => {
  const low = badge => badge.getBoundingClientRect().bottom;
  const doing = [...document.querySelectorAll('un-balcony .doing span')];
  const tops = [...document.querySelectorAll('.opening')].map(one => one.getBoundingClientRect());
  return doing.filter(one => {
    const { left, right, top } = one.getBoundingClientRect();
    return tops.some(w => w.top > top && w.top < low(one) && w.left < right && w.right > left);
  }).map(one => one.textContent);
}"""


BUSY = """() => {
  const { room } = unisono;
  for (const seat of room.performers) room.apply({type: 'seat', seat: {...seat, hand: true, talking: true}});
  room.apply({type: 'leader', seat: 1});
}"""


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
@pytest.mark.parametrize("locale", ["en-GB", "it-IT"])
def test_three_badges_do_not_lie_on_the_window_below(
    base_url: str, playwright: Playwright, size: tuple[int, int], locale: str
) -> None:
    with visitor(playwright, size=size, locale=locale, pretend={"neighbours": 12, "leader": 1}) as page:
        page.goto(base_url + HOST)
        page.wait_for_function("() => window.unisono?.room.seats.size")
        page.evaluate(BUSY)
        expect(page.locator("un-balcony .doing span")).to_have_count(25)
        assert page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize(
    ("locale", "step", "go_on"),
    [
        ("en-GB", "Step onto the balcony", "Open the microphone"),
        ("it-IT", "Esci sul balcone", "Apri il microfono"),
    ],
)
def test_what_goes_on_in_the_sound_check_is_in_view_on_a_phone(
    base_url: str, playwright: Playwright, locale: str, step: str, go_on: str
) -> None:
    with visitor(playwright, size=PHONE, locale=locale) as page:
        page.goto(base_url + HOST)
        page.locator("#name").fill("Anna")
        page.get_by_role("button", name=step).click()
        button = page.get_by_role("button", name=go_on)
        expect(button).to_be_in_viewport(ratio=1)
        page.locator("input[value=loudspeakers]").check()
        expect(button).to_be_in_viewport(ratio=1)
