"""The second engine: Debian's Firefox joins a courtyard that sings, hears it, and plays what was sung."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Playwright

from bench import lags
from tests.browser import courtyard
from tests.browser.cards import Audio, SoundCard
from tests.browser.firefox import Firefox
from tests.browser.outside import Tapes
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.singer import a_singer, read_sound
from tests.browser.sounding import check_with_voice

pytestmark = [pytest.mark.browser, pytest.mark.sound]

PHRASE_PEAK = 0.4
LISTEN_S = 8
JOIN_S = 10
PIECE = 3 * lags.RULER_HZ
FOUND = 1.2 * lags.CLEAR


@pytest.fixture
def leader(
    playwright: Playwright, server: Server, new_card: Callable[..., SoundCard],
) -> Iterator[tuple[Page, courtyard.Links]]:
    """A Chromium whose owner has done the sound check and may start a song; and the courtyard's links."""
    card = new_card()
    sound, rate_hz = a_singer(PHRASE_PEAK)
    browser = launch_chromium(playwright, card)
    page = browser.new_page(locale="en", reduced_motion="reduce")
    links = courtyard.open_courtyard(page, server.url, "Two engines")
    courtyard.step_out(page, links.host, "Anna", "Italy")
    check_with_voice(page, card.open_mouth(), sound[:4 * rate_hz])
    courtyard.pick_piece(page)
    yield page, links
    browser.close()


def clearest_piece(known: Audio, tape: Audio) -> float:
    """How clearly the clearest 3 s of a known sound are found anywhere on a tape (see `lags.coarse_lag_samples`)."""
    pieces, heard = lags.in_band(known), lags.in_band(tape)
    return max(lags.coarse_lag_samples(pieces[start:start + PIECE], heard, 0, len(heard) - PIECE)[1]
               for start in range(0, len(pieces) - PIECE, lags.RULER_HZ))


def listen(firefox: Firefox, link: str) -> float:
    """Open a listeners' link and press its one button; seconds from opening to the press."""
    begun_s = time.monotonic()
    firefox.goto(link)
    firefox.click("button", "Listen")
    return time.monotonic() - begun_s


def test_firefox_joins_listens_and_plays_what_was_sung(
    server: Server, new_card: Callable[..., SoundCard], leader: tuple[Page, courtyard.Links],
) -> None:
    page, links = leader
    card = new_card()
    backing, _ = read_sound(server.get("/api/pieces/ode-to-joy/backing.wav?key=0&tempo_bpm=0"))
    with Firefox(card) as firefox:
        courtyard.start_song(page)
        with Tapes() as tapes:
            tapes.add("ears", card)
            tapes.start()
            listen(firefox, links.listeners)
            page.wait_for_timeout(LISTEN_S * 1000)
            song = tapes.stop()["ears"].on_clock()
        assert lags.level_dbfs(song[-2 * 48_000:]) > -50, "Firefox plays nothing while the courtyard sings"
        assert clearest_piece(backing, song) > FOUND, "what Firefox plays is not the song"
        assert "1" in firefox.run("return document.querySelector('#listening')?.textContent || ''")
        courtyard.stop_song(page)
        address = courtyard.wait_done(page)
        with Tapes() as tapes:
            tapes.add("ears", card)
            tapes.start()
            firefox.goto(address)
            firefox.click("button", "Play", timeout_s=30)
            page.wait_for_timeout(LISTEN_S * 1000)
            played = tapes.stop()["ears"].on_clock()
        assert clearest_piece(backing, played) > FOUND, "the player does not play the song"
        assert firefox.run("return document.querySelector('#audio').error") is None


def test_firefox_steps_onto_a_balcony(
    new_card: Callable[..., SoundCard], leader: tuple[Page, courtyard.Links],
) -> None:
    page, links = leader
    with Firefox(new_card()) as firefox:
        firefox.goto(links.singers)
        firefox.fill("input", "Your name", "Carla")
        firefox.click("button", "Step onto the balcony")
        firefox.find("h2", "Sound check", JOIN_S)
        page.wait_for_function("() => [...window.unisono.room.seats.values()].some((seat) => seat.name === 'Carla')")
        firefox.click("button", "Just listen")
        firefox.find("button", "Wave", JOIN_S)
