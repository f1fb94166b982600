"""The page by keyboard alone: every step, panels, and the space bar that talks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

FOCUSED = "() => document.activeElement?.labels?.[0]?.innerText ?? document.activeElement?.innerText"


def press_until(page: Page, name: str, key: str = "Tab", most: int = 60) -> None:
    """Walks by keyboard until the control of this name has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"no {key} led to {name!r}")


def test_a_singer_gets_to_singing_by_keyboard_alone(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.goto(base_url + HOST)
        expect(page.get_by_label("Your name")).to_be_focused()
        page.keyboard.type("Anna")
        press_until(page, "Your flag")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("ital")
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name="Your flag")).to_have_value("Italy")
        press_until(page, "Step onto the balcony")
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", name="How do you hear us?")).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="Bluetooth headphones")).to_be_checked()
        page.keyboard.press("ArrowUp")
        press_until(page, "Open the microphone")
        page.keyboard.press("Enter")
        expect(page.get_by_text("We hear you")).to_be_visible()
        press_until(page, "Continue")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Measure", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Done").locator("visible=true")).to_be_focused()
        page.keyboard.press("Enter")

        press_until(page, "Start")
        page.keyboard.press("Enter")
        courtyard.wait_recording(page)
        press_until(page, "Stop", key="Shift+Tab")
        page.keyboard.press("Enter")
        assert "/performance#" in courtyard.wait_done(page)


def test_escape_closes_a_panel_and_gives_the_focus_back(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, size=(900, 800)) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        tab = page.get_by_role("button", name="Who is here")
        tab.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Who is here")).to_be_visible()
        press_until(page, "Close", key="Shift+Tab")
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Who is here")).to_be_hidden()
        expect(tab).to_be_focused()


def test_the_space_bar_talks_while_it_is_held_and_still_types_spaces(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.down("Space")
        expect(page.get_by_role("button", name="You are talking")).to_be_visible()
        page.wait_for_timeout(400)
        page.keyboard.up("Space")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()
        sent = page.evaluate("unisono.engine.sent.filter(one => one.type === 'talk').map(one => one.on)")
        assert sent == [True, False]
        courtyard.write(page, "ciao a tutti")
        assert page.evaluate("unisono.engine.sent.filter(one => one.type === 'talk').length") == 2


def test_letting_go_of_the_space_bar_elsewhere_ends_the_talk(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.open_panel(page, "Write")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.down("Space")
        expect(page.get_by_role("button", name="You are talking")).to_be_visible()
        page.wait_for_timeout(400)
        page.get_by_label("Write to everybody").focus()
        page.keyboard.up("Space")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()


def test_before_loudspeakers_the_others_fall_silent_while_one_talks(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, output="loudspeakers")
        page.evaluate("document.activeElement.blur()")
        talk_gain = "unisono.engine.faders.talk"
        assert page.evaluate(talk_gain) == 1
        page.keyboard.down("Space")
        expect(page.get_by_role("button", name="You are talking")).to_be_visible()
        assert page.evaluate(talk_gain) == 0
        page.keyboard.up("Space")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()
        assert page.evaluate(talk_gain) == 1
