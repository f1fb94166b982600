"""The street: who listens is seen there, waves and raises a hand, and the balconies notice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

TELL = "message => unisono.room.apply(message)"


def _named(seat: int, name: str) -> dict[str, object]:
    facts = {"seat": seat, "name": name, "flag": None, "place": "", "role": "listener", "present": True}
    return facts | {"hand": False, "talking": False, "row": None, "method": None, "output": None}


def _host(page: Page, base_url: str) -> None:
    courtyard.step_out(page, base_url + HOST, "Anna")
    courtyard.sound_check(page, "listen")
    courtyard.open_panel(page, "Who is here")


def test_a_wave_from_the_street_is_told_shown_and_listed(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        _host(page, base_url)
        page.evaluate(TELL, {"type": "seat", "seat": _named(501, "Nonna Pia")})
        page.evaluate(TELL, {"type": "wave", "seat": 500})
        expect(page.locator("#toasts").get_by_text("Somebody in the street waves.")).to_be_visible()
        expect(page.locator(".street.waving")).to_have_count(1)
        page.evaluate(TELL, {"type": "wave", "seat": 501})
        expect(page.locator("#toasts").get_by_text("Nonna Pia waves from the street.")).to_be_visible()
        people = page.locator("#people")
        expect(people.get_by_role("listitem").filter(has_text="Nonna Pia")).to_contain_text("waves")
        expect(people.get_by_role("listitem").filter(has_text="Somebody in the street")).to_contain_text("waves")
        expect(people.get_by_text("waves")).to_have_count(0, timeout=12_000)


def test_hands_in_the_street_are_told_counted_and_listed_until_they_are_down(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright) as page:
        _host(page, base_url)
        page.evaluate(TELL, {"type": "hand", "seat": 500, "up": True})
        page.evaluate(TELL, {"type": "hand", "seat": 501, "up": True})
        expect(page.locator("#toasts").get_by_text("Somebody in the street raises a hand.")).to_be_visible()
        count = page.locator("#facade").get_by_text("14 people are listening · 2 hands are up")
        expect(count).to_be_visible()
        listed = page.locator("#people").get_by_text("hand up")
        expect(listed).to_have_count(2)
        page.evaluate(TELL, {"type": "hand", "seat": 500, "up": False})
        page.evaluate(TELL, {"type": "left", "seat": 501})
        expect(listed).to_have_count(0)
        expect(count).to_be_hidden()


def test_who_waves_in_the_street_is_not_told_so(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"role": "listener"}) as page:
        courtyard.listen(page, f"{base_url}/courtyard#listeners")
        page.get_by_role("button", name="Wave").click()
        expect(page.locator(".street.waving")).to_have_count(1)
        expect(page.locator("#toasts").get_by_text("waves")).to_have_count(0)
