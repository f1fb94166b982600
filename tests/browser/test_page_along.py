"""Singing along, in a real browser against a real server: from a song's page to a courtyard with one piece to sing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.browser import courtyard
from tests.browser.clip_stage import PageStage, page_stage
from tests.browser.page_alone import visitor
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
