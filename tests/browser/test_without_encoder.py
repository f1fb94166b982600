"""A browser without `AudioEncoder` sings all the same: as PCM, whole and in place."""

import struct
from collections.abc import Callable

import pytest
from playwright.sync_api import Playwright, Route, WebSocket

from bench import sync_measure
from tests.browser.cards import SoundCard
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.solo import Solo, errors_ms
from unisono.core.wire import Kind
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SONG_S, SUNG_S = 12, 8
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
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard],
) -> None:
    card = new_card(rate_hz=44_100)
    flags: list[int] = []
    # Chromium cannot know from where a script came that the test hands it, and would keep its socket from localhost.
    browser = launch_chromium(playwright, card, flags=["--disable-features=LocalNetworkAccessChecks"])
    page = browser.new_page(locale="en", reduced_motion="reduce")
    page.add_init_script(TAKEN_AWAY)
    page.route("**/link.worker.js", without_encoder)
    page.on("websocket", lambda socket: voice_flags(socket, flags))
    with Solo(server, card, page, sung_s=SUNG_S) as solo:
        assert page.evaluate("'AudioEncoder' in window") is False
        solo.start()
        solo.sing()
        page.wait_for_timeout(SONG_S * 1000)
        stem = solo.stem(solo.stop())
        tape = solo.tape()
    browser.close()

    assert flags, "no VOICE packet was seen"
    assert all(flag & 1 for flag in flags), "a page without an encoder sent something else than PCM"
    assert len(stem) > 0.9 * SONG_S * SAMPLE_RATE
    errors = errors_ms(solo.opening(stem, tape))
    assert len(errors) >= 2
    assert max(map(abs, errors.values())) <= IN_PLACE_MS, f"the stem is not in place: {errors}"
    assert sync_measure.lost_frames_s(tape.on_clock(), stem) == [], "something of what was heard is missing"
