"""People with a voice: the page's flows that need somebody to sing into a card while somebody clicks."""

import re
from contextlib import suppress

import numpy as np
import soxr
from playwright.sync_api import Page, expect

from tests.browser import courtyard
from tests.browser.cards import Audio, Mouth

HEARD_MS, PHRASE_MS = 40_000, 6_000
MEASURED_MS = 30_000
SILENCE_MS = 600
LOOP_MS_MAX = 400


def resampled(sound: Audio, from_hz: float, to_hz: float) -> Audio:
    """`sound` at another rate; its first sample stays where it is."""
    return np.asarray(soxr.resample(sound, from_hz, to_hz, quality="VHQ"), np.float32)


def step_back_out(page: Page) -> None:
    """After a reload: one's name and flag are remembered, the sound check opens by itself."""
    page.get_by_role("button", name="Step onto the balcony").click()
    expect(page.get_by_role("dialog", name="Sound check")).to_be_visible()


def _sing_until_heard(page: Page, mouth: Mouth, phrase: Audio) -> None:
    """Sing, and again if nobody heard, as people do who watch a light."""
    done = page.get_by_role("dialog", name="Sound check").get_by_role("button", name="Continue")
    for _ in range(HEARD_MS // PHRASE_MS):
        mouth.sing(phrase)
        with suppress(AssertionError):
            expect(done).to_be_enabled(timeout=PHRASE_MS)
            break
    expect(done).to_be_enabled()
    mouth.hush()


def _ms_in(words: str) -> int:
    """The milliseconds there and back in the page's words."""
    found = re.search(r"\d+", words)
    assert found is not None, words
    return int(found.group())


def check_with_voice(page: Page, mouth: Mouth, phrase: Audio, *, attempts: int = 4) -> str:
    """The whole open sound check: the page hears `phrase` (at the mouth's rate) sung, then measures in silence.

    Returns the page's words. A refusal is tried again, as a person would, `attempts` times in all.
    """
    dialog = page.get_by_role("dialog", name="Sound check")
    courtyard.open_microphone(page)
    _sing_until_heard(page, mouth, phrase)
    page.wait_for_timeout(SILENCE_MS)
    dialog.get_by_role("button", name="Continue").click()
    for _ in range(attempts):
        dialog.locator("#measure").click()
        expect(dialog.get_by_role("progressbar", name="Measuring")).to_be_hidden(timeout=MEASURED_MS)
        if dialog.get_by_text("That worked").is_visible():
            words = dialog.get_by_text("That worked").inner_text()
            assert _ms_in(words) < LOOP_MS_MAX, f"no loop of these cards takes so long: {words}"
            dialog.get_by_role("button", name="Done").locator("visible=true").click()
            expect(dialog).to_be_hidden()
            return words
    refusal = page.locator("#measure-result").inner_text()
    raise AssertionError(f"the sound check was refused {attempts} times: {refusal}")
