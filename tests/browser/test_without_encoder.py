"""A browser without `AudioEncoder` sings all the same: as PCM, whole and in place."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright, Route, WebSocket

from bench import sync_measure
from bench.sync_measure import Opening
from tests.browser import courtyard
from tests.browser.cards import SoundCard
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.sounding import check_with_voice, read_sound
from unisono.core.wire import Kind
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SONG_S = 12
IN_PLACE_MS = 1.0
TAKEN_AWAY = "delete globalThis.AudioEncoder;"


def without_encoder(route: Route) -> None:
    """The worker as served, in a world that never had an encoder (init scripts do not reach workers)."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    route.fulfill(status=answer.status, headers=headers, body=f"{TAKEN_AWAY}\n{answer.text()}")


def voice_flags(socket: WebSocket, flags: list[int]) -> None:
    """Collect the flags of every VOICE packet the page sends."""
    def sent(frame: str | bytes) -> None:
        if isinstance(frame, bytes) and frame[0] == Kind.VOICE:
            flags.append(struct.unpack_from("<B", frame, 1)[0])
    socket.on("framesent", sent)


def test_without_an_encoder_the_voice_goes_as_pcm_and_lies_in_place(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard], recordings: Path,
) -> None:
    card = new_card(rate_hz=44_100)
    mouth = card.open_mouth()
    sound, rate_hz = read_sound(recordings / "vocadito/vocadito_1.flac")
    flags: list[int] = []
    # Chromium cannot know from where a script came that the test hands it, and would keep its socket from localhost.
    browser = launch_chromium(playwright, card, flags=["--disable-features=LocalNetworkAccessChecks"])
    page = browser.new_page(locale="en", reduced_motion="reduce")
    page.add_init_script(TAKEN_AWAY)
    page.route("**/link.worker.js", without_encoder)
    page.on("websocket", lambda socket: voice_flags(socket, flags))
    links = courtyard.open_courtyard(page, server.url, "No encoder")
    courtyard.step_out(page, links.host, "Bruno", "Spain")
    assert page.evaluate("'AudioEncoder' in window") is False
    check_with_voice(page, mouth, 3 * sound[:4 * rate_hz])
    courtyard.pick_piece(page)
    courtyard.start_song(page)
    page.wait_for_timeout(SONG_S * 1000)
    courtyard.stop_song(page)
    token = courtyard.wait_done(page).rsplit("#", 1)[1]
    browser.close()

    assert flags, "no VOICE packet was seen"
    assert all(flag & 1 for flag in flags), "a page without an encoder sent something else than PCM"
    told = server.ask("/api/performance", {"token": token})
    url = next(file["url"] for file in told["stems"][0]["files"] if file["url"].endswith(".flac"))
    stem, _ = read_sound(server.get(url))
    backing, _ = read_sound(server.get("/api/pieces/ode-to-joy/backing.wav?key=0&tempo_bpm=0"))
    assert len(stem) > 0.9 * SONG_S * SAMPLE_RATE
    silence = np.zeros(SAMPLE_RATE, np.float32)
    sung = Opening(backing=backing[:len(stem)], voice=silence, stems={0: stem}, tapes={}, tape_starts_s={})
    errors_ms = [window.error_ms for window in sync_measure.stem_windows(sung) if window.sure]
    assert len(errors_ms) >= 2
    assert np.abs(errors_ms).max() <= IN_PLACE_MS, f"the stem is not in place: {errors_ms}"
    assert sync_measure.lost_frames_s(backing[:len(stem)], stem) == [], "something of what was heard is missing"
