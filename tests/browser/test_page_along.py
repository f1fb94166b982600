"""Singing along, in a real browser against a real server: from a song's page to a courtyard with one piece to sing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.browser import courtyard
from tests.browser.clip_stage import PageStage, page_stage
from tests.browser.page_alone import visitor
from tests.browser.test_page_clips import choose, open_page
from tests.browser.test_page_names import complaints
from tests.browser.test_page_sizes import sideways_px

pytestmark = pytest.mark.browser


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[PageStage]:
    with page_stage(tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_a_songs_page_leads_to_a_courtyard_in_which_it_is_the_one_piece(
    stage: PageStage, playwright: Playwright, size: tuple[int, int]
) -> None:
    with visitor(playwright, size=size) as page:
        courtyard.open_performance(page, stage.page)
        assert sideways_px(page) <= 0
        page.get_by_role("button", name="Sing along").press("Enter")
        page.wait_for_url("**/courtyard#*")
        page.wait_for_function("() => document.body.classList.contains('along')")
        page.wait_for_function("() => document.querySelectorAll('#pieces input').length === 1")
        assert page.evaluate("document.querySelector('#pieces input').value") == "along"
        assert sideways_px(page) <= 0


def test_who_kept_a_newer_try_goes_back_to_the_earlier(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright, size=(360, 740)) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        open_page(page, stage)
        for name in ("first.wav", "second.wav"):
            choose(page, stage.clip(name))
            expect(page.get_by_text(f"{name} has arrived. Thank you!")).to_be_visible()
        expect(page.locator("#takes").get_by_text("In the mix.")).to_have_count(2)
        stage.as_tries()
        page.reload()
        now, earlier = page.locator("#takes > li"), page.locator("#tries-list > li")
        expect(now).to_have_count(1)
        expect(earlier).to_be_hidden()
        page.locator("#tries > summary").press("Enter")
        expect(earlier.get_by_text("and not in the mix: another one is.")).to_be_visible()
        assert sideways_px(page) <= 0
        assert complaints(page) == []
        before = now.get_attribute("data-now")
        earlier.get_by_role("button", name="Use this one instead: Ola").press("Enter")
        expect(page.get_by_role("status").filter(has_text="Ola is heard as you chose.")).to_be_visible()
        expect(now).to_have_count(1)
        expect(earlier).to_have_count(1)
        assert now.get_attribute("data-now") != before
        earlier.get_by_role("button", name="Let both sound: Ola").click()
        expect(now).to_have_count(2)
        expect(page.locator("#tries")).to_be_hidden()
        stage.as_fallen()
        page.reload()
        expect(now).to_have_count(1)
        page.locator("#tries > summary").press("Enter")
        expect(earlier.get_by_text("Another one is heard instead.")).to_be_visible()
        expect(earlier.get_by_role("button", name="Use this one instead")).to_have_count(0)
        expect(earlier.get_by_role("button", name="Try again: Ola")).to_be_visible()
        assert sideways_px(page) <= 0
