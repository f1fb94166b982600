"""A real voice through a real page: whole, and where it was sung, in the file people download.

The browser has no autoplay and no permission flags and knows no gestures but real clicks (`plain.PlainChromium`). Its
card echoes, as an earpiece held to the microphone does, and a recording is sung on top of the backing.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright

from bench import sync_measure
from tests.browser import courtyard
from tests.browser.cards import SoundCard
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.singer import read_sound
from tests.browser.solo import Solo, errors_ms
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SUNG_S = 14
AFTER_COUNT_IN_S = 5
IN_PLACE_MS = 1.0
SAME_PLACE_MS = 0.2


def test_a_recording_sung_through_the_page_is_whole_and_in_place_in_the_downloaded_stem(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard], tmp_path: Path,
) -> None:
    card = new_card(rate_hz=48_000, drift_ppm=100)
    with PlainChromium(playwright, card) as plain:
        context = plain.browser.new_context(locale="en", accept_downloads=True, reduced_motion="reduce")
        grant_microphone(context, server.url)
        with Solo(server, card, context.new_page(), sung_s=SUNG_S) as solo:
            solo.start()
            solo.sing()
            solo.page.wait_for_timeout((AFTER_COUNT_IN_S + SUNG_S) * 1000)
            performance = solo.stop()
            tape = solo.tape()
            assert plain.gestures_unmarked > 0, "the relay took nothing off: were clicks the only gestures?"
            courtyard.open_performance(solo.page, performance)
            stem, rate_hz = read_sound(courtyard.download(solo.page, "Anna", "FLAC", tmp_path))
    assert rate_hz == SAMPLE_RATE
    sung, heard = solo.opening(stem, tape), tape.on_clock()

    errors = errors_ms(sung)
    assert len(errors) >= 3
    assert max(map(abs, errors.values())) <= IN_PLACE_MS, f"the stem is not in place: {errors}"
    # Between voice and backing the tape outside the browser and the stem must agree: the voice lies where it was sung.
    true, ours = (sync_measure.follow(sung, sound).apart_ms() for sound in (heard, stem))
    moved_ms = {at: round(ours[at] - true[at], 3) for at in sorted(ours.keys() & true.keys())}
    assert len(moved_ms) >= 8
    # One half second of a held note may be fitted a period aside; a voice that has moved stays moved.
    lasting_ms = [min(abs(one), abs(other)) for one, other in pairwise(moved_ms.values())]
    assert max(lasting_ms) <= SAME_PLACE_MS, f"the voice moved against the backing: {moved_ms}"
    assert np.median(np.abs(list(moved_ms.values()))) <= SAME_PLACE_MS / 4
    assert sync_measure.lost_frames_s(heard, stem) == [], "something of what was sung is missing"
