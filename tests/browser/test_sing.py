"""A real voice through a real page: whole, and where it was sung, in the file people download.

The browser has no autoplay and no permission flags and knows no gestures but real clicks (`plain.PlainChromium`). Its
card echoes, as an earpiece held to the microphone does, and a recording is sung on top of the backing.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright

from bench import sync_measure
from bench.sync_measure import Opening
from tests.browser import courtyard
from tests.browser.cards import Audio, SoundCard
from tests.browser.outside import Tape, Tapes
from tests.browser.plain import PlainChromium
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.sounding import check_with_voice, read_sound, resampled
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SUNG_S = 14
AFTER_COUNT_IN_S = 5
IN_PLACE_MS = 1.0
SAME_PLACE_MS = 0.2


def voice_of(recordings: Path) -> Audio:
    """The first seconds of a real singer, float32 at 48 kHz, well below full scale."""
    sound, rate_hz = read_sound(recordings / "vocadito/vocadito_1.flac")
    return resampled(0.4 * sound[:SUNG_S * rate_hz] / np.abs(sound).max(), rate_hz, SAMPLE_RATE)


def opening_of(stem: Audio, backing: Audio, voice: Audio, tape: Tape) -> Opening:
    return Opening(backing=backing[:len(stem)], voice=voice, stems={0: stem}, tapes={0: tape.on_clock()},
                   tape_starts_s={0: tape.clock.start_s})


def test_a_recording_sung_through_the_page_is_whole_and_in_place_in_the_downloaded_stem(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard], recordings: Path, tmp_path: Path,
) -> None:
    card = new_card(rate_hz=48_000, drift_ppm=100)
    mouth = card.open_mouth()
    voice = voice_of(recordings)
    with PlainChromium(playwright, card) as plain, Tapes() as tapes:
        context = plain.browser.new_context(locale="en", accept_downloads=True, reduced_motion="reduce")
        grant_microphone(context, server.url)
        page = context.new_page()
        links = courtyard.open_courtyard(page, server.url, "One voice")
        courtyard.step_out(page, links.host, "Anna", "Italy")
        # Before the check: a recorder that comes later shortens the card's buffer, and so the loop that was measured.
        tapes.add("ears", card)
        tapes.start()
        check_with_voice(page, mouth, voice[:4 * SAMPLE_RATE])
        courtyard.pick_piece(page)
        begun_s = time.monotonic()
        courtyard.start_song(page)
        mouth.sing(voice)
        page.wait_for_timeout((AFTER_COUNT_IN_S + SUNG_S) * 1000)
        courtyard.stop_song(page)
        over_s = time.monotonic() + 1
        performance = courtyard.wait_done(page)
        tape = tapes.stop()["ears"].between(begun_s, over_s)
        assert plain.gestures_unmarked > 0, "the relay took nothing off: were clicks the only gestures?"
        courtyard.open_performance(page, performance)
        stem, rate_hz = read_sound(courtyard.download(page, "Anna", "FLAC", tmp_path))
    assert rate_hz == SAMPLE_RATE
    backing, _ = read_sound(server.get("/api/pieces/ode-to-joy/backing.wav?key=0&tempo_bpm=0"))
    played = resampled(voice, SAMPLE_RATE * tape.clock.rate_hz / tape.clock.nominal_hz, SAMPLE_RATE)
    sung = opening_of(stem, backing, played, tape)

    errors_ms = [window.error_ms for window in sync_measure.stem_windows(sung) if window.sure]
    assert len(errors_ms) >= 3
    assert np.abs(errors_ms).max() <= IN_PLACE_MS, f"the stem is not in place: {errors_ms}"
    # Between voice and backing the tape outside the browser and the stem must agree: the voice lies where it was sung.
    true, ours = (sync_measure.follow(sung, sound).apart_ms() for sound in (tape.on_clock(), stem))
    moved_ms = {at: round(ours[at] - true[at], 3) for at in sorted(ours.keys() & true.keys())}
    assert len(moved_ms) >= 8
    assert max(map(abs, moved_ms.values())) <= SAME_PLACE_MS, f"the voice moved against the backing: {moved_ms}"
    assert sync_measure.lost_frames_s(tape.on_clock(), stem) == [], "something of what was sung is missing"
