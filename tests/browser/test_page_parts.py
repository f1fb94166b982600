"""Saying what one sings: in the song panel, by keyboard, and for others as their host."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor
from tests.browser.test_page_keyboard import press_until
from tests.browser.test_page_sizes import sideways_px

pytestmark = pytest.mark.browser

LABEL = "Your part, if there are several"


def said(page: Page) -> list[dict[str, object]]:
    """What this page told the room about parts."""
    found: list[dict[str, object]] = page.evaluate("unisono.engine.sent.filter(one => one.type === 'part')")
    return found


def among_people(page: Page, name: str) -> str:
    courtyard.open_panel(page, "Who is here")
    return page.locator("#people li").filter(has_text=name).first.inner_text()


def test_a_part_is_chosen_or_written_by_keyboard_and_shown_to_everybody(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        mine = page.get_by_label(LABEL)
        expect(mine.get_by_role("option")).to_have_text(
            ["None in particular", "soprano", "alto", "tenor", "bass", "Another …"]
        )
        expect(page.get_by_label("What your part is called")).to_be_hidden()
        press_until(page, page.locator("label[for=my-part]").inner_text(), key="Shift+Tab")
        page.keyboard.press("a")
        expect(mine).to_have_value("alto")
        assert said(page) == [{"type": "part", "part": "alto"}]

        mine.select_option("Another …")
        own = page.get_by_label("What your part is called")
        expect(own).to_be_focused()
        page.keyboard.type("no")
        page.keyboard.press("Escape")
        expect(own).to_be_hidden()
        expect(mine).to_have_value("alto")
        expect(mine, "and the panel is open").to_be_focused()
        mine.select_option("Another …")
        page.keyboard.type("Viol")
        page.evaluate("unisono.room.apply({type: 'hand', seat: 1, up: true})")
        expect(own, "what goes on in the room disturbs nobody who writes").to_have_value("Viol")
        page.keyboard.type("in")
        page.keyboard.press("Enter")
        expect(own).to_be_hidden()
        expect(mine).to_be_focused()
        expect(mine).to_have_value("Violin")
        assert said(page)[-1] == {"type": "part", "part": "Violin"}
        assert "Violin" in among_people(page, "Anna")


def test_a_host_says_it_for_somebody_on_a_phone(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, size=(360, 740), locale="it-IT") as page:
        page.goto(base_url + HOST)
        page.get_by_label("Il tuo nome").fill("Anna")
        page.get_by_role("button", name="Esci sul balcone").click()
        page.locator("dialog#check[open]").evaluate("sheet => sheet.close()")
        page.get_by_role("button", name="Chi c’è").click()
        whose = page.get_by_role("combobox", name="Chi", exact=True)
        whose.select_option("Giulia")
        theirs = page.get_by_role("combobox", name="Parte", exact=True)
        theirs.select_option("tenore")
        expect(page.locator("#people li").filter(has_text="Giulia")).to_contain_text("tenore · Torino")
        theirs.select_option("Un'altra …")
        page.get_by_label("Come si chiama la parte").fill("Contralto")
        page.keyboard.press("Enter")
        expect(page.locator("#people li").filter(has_text="Giulia")).to_contain_text("contralto · Torino")
        assert [one["part"] for one in said(page)] == ["tenor", "alto"]
        assert {one["seat"] for one in said(page)} == {1}
        assert sideways_px(page) <= 0
