"""What a screen reader gets: axe-core's rules on every state of the page, and no picture that speaks without a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def complaints(page: Page) -> list[str]:
    """axe-core's violations, one line each. Contrast against the drawn house is not measurable by it and stays out."""
    if not AXE.is_file():
        pytest.fail("axe-core is missing: npm ci")
    page.evaluate(AXE.read_text())
    answer: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{found['id']}: {node['html'][:160]}" for found in answer["violations"] for node in found["nodes"]]


def _home(page: Page, url: str) -> None:
    page.goto(url)


def _opened(page: Page, url: str) -> None:
    courtyard.open_courtyard(page, url, "Our courtyard", "Firenze")


def _step(page: Page, url: str) -> None:
    page.goto(url + HOST)
    page.get_by_role("combobox", name="Your flag").fill("ital")
    page.get_by_role("option", name="Italy").wait_for()


def _own_colours(page: Page, url: str) -> None:
    page.goto(url + HOST)
    page.get_by_role("button", name="Own colours").click()


def _check(page: Page, url: str) -> None:
    courtyard.step_out(page, url + HOST, "Anna", "Italy")


def _measure(page: Page, url: str) -> None:
    _check(page, url)
    courtyard.open_microphone(page)
    page.get_by_role("button", name="Continue").click()


def _ready(page: Page, url: str) -> None:
    _check(page, url)
    courtyard.sound_check(page)


def _panel(name: courtyard.Panel) -> Callable[[Page, str], None]:
    def go(page: Page, url: str) -> None:
        _ready(page, url)
        courtyard.open_panel(page, name)

    return go


def _singing(page: Page, url: str) -> None:
    _ready(page, url)
    courtyard.pick_piece(page)
    courtyard.start_song(page)


def _done(page: Page, url: str) -> None:
    _singing(page, url)
    courtyard.stop_song(page)
    courtyard.wait_done(page)


def _performance(page: Page, url: str) -> None:
    courtyard.open_performance(page, f"{url}/performance#sung")


STATES = [_home, _opened, _step, _own_colours, _check, _measure, _singing, _done, _performance]


@pytest.mark.parametrize("go", STATES, ids=lambda go: go.__name__.strip("_"))
def test_axe_finds_nothing_to_complain_of(
    base_url: str, playwright: Playwright, go: Callable[[Page, str], None]
) -> None:
    with visitor(playwright) as page:
        go(page, base_url)
        assert complaints(page) == []


@pytest.mark.parametrize("name", courtyard.PANELS)
def test_axe_finds_nothing_in_the_panels(base_url: str, playwright: Playwright, name: courtyard.Panel) -> None:
    with visitor(playwright) as page:
        _panel(name)(page, base_url)
        assert complaints(page) == []


def test_a_balcony_says_who_where_and_which_flag(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        _ready(page, base_url)
        balcony = page.get_by_role("listitem").filter(has_text="Giulia")
        assert balcony.get_attribute("aria-label") == "Giulia, Torino, Italy"
        mine = page.get_by_role("listitem").filter(has_text="Anna").first
        assert mine.get_attribute("aria-label") == "Anna, Italy, leads"
