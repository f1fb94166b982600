"""A page whose line stands still again and again opens a second one, and then nothing comes late any more."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Playwright

from tests.browser import courtyard
from tests.browser.cards import SoundCard
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.stalling import EVERY_S, StallingWay

pytestmark = [pytest.mark.browser, pytest.mark.sound]

PATIENCE_S = 30
CALM_S = 3 * EVERY_S


def test_a_line_that_stumbles_gets_a_second_one_and_nothing_comes_late_any_more(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard],
) -> None:
    links = server.ask("/api/rooms", {"title": "Via Roma", "place": ""})
    choir = subprocess.Popen(
        [sys.executable, "-m", "unisono", "robots", f"{server.url}/courtyard#{links['host']}",
         "--lead", "--voices", "3", "--songs", "0"],
        stdout=subprocess.DEVNULL,
    )
    try:
        with StallingWay(server.port) as way:
            page = launch_chromium(playwright, new_card()).new_page(locale="en", reduced_motion="reduce")
            courtyard.listen(page, f"http://localhost:{way.port}/courtyard#{links['listeners']}")
            page.wait_for_function("() => window.unisono.engine.diagnostics?.frames_heard?.before > 100",
                                   timeout=PATIENCE_S * 1000)
            assert way.lines == 1, "a line that does not stumble is enough"
            way.stalls = True
            for _ in range(PATIENCE_S):
                page.wait_for_timeout(1_000)
                if way.lines == 2:
                    break
            page.wait_for_timeout(EVERY_S * 1_000)
            before = courtyard.diagnostics(page)
            page.wait_for_timeout(CALM_S * 1_000)
            after = courtyard.diagnostics(page)
            page.context.browser.close()  # type: ignore[union-attr]
    finally:
        choir.terminate()
        choir.wait(10)

    assert way.lines == 2, "it opened one more, and no other"
    late = {tape: count - before["frames_late"][tape] for tape, count in after["frames_late"].items()}
    heard = {tape: count - before["frames_heard"][tape] for tape, count in after["frames_heard"].items()}
    assert heard["leader"] > 0.9 * CALM_S * 50
    assert heard["before"] > 0.9 * CALM_S * 50
    assert late["leader"] + late["before"] == 0, f"{late} of {heard} frames came late, with two lines"
    assert sum(before["frames_late"].values()) > 0, "while there was one line, they did"
