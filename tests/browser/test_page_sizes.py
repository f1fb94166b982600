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
