"""Singing along with a real voice: from a song's page into its mix, exactly where it was sung, as often as one likes.

The browser has no helping flags and no gestures but real clicks (`plain.PlainChromium`). Its card echoes, so the
microphone hears the song as well: a tape of the ears outside the browser tells where in the song the voice was sung.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect

from bench import sync_measure
from bench.sync_measure import Opening
from tests.browser import courtyard
from tests.browser.cards import Audio, SoundCard
from tests.browser.outside import Tape, Tapes
from tests.browser.plain import PlainChromium
from tests.browser.program import Closing
from tests.browser.rig import grant_microphone
from tests.browser.serving import Server
from tests.browser.singer import a_singer, read_sound
from tests.browser.solo import PHRASE_SAMPLES, VOICE_PEAK
from tests.browser.sounding import check_with_voice, resampled
from tests.unit.test_desk import START, song_of
from tests.unit.test_studio_jobs import performance
from unisono import songbook
from unisono.live.pulse import anchor_now
from unisono.songbook.backing import render_backing
from unisono.store.ledger import Ledger
from unisono.studio.produce import produce
from unisono.units import SAMPLE_RATE

pytestmark = [pytest.mark.browser, pytest.mark.sound]

SONG_SECONDS = 9
SONG_SAMPLES = SONG_SECONDS * SAMPLE_RATE
AFTER_COUNT_IN_SAMPLES = 5 * SAMPLE_RATE
FALSE_START_MS = 1500
IN_PLACE_MS = 1.0
STEPS_COMPARED = 6
AUDIBLE = 0.003
TITLE = "Ode an die Freude"


@contextmanager
def a_song(folder: Path) -> Iterator[tuple[Server, str]]:
    """A server on which a song was sung before, by nobody but its accompaniment, and the address of its page."""
    data = folder / "data"
    ledger = Ledger(f"sqlite:///{data / 'unisono.db'}")
    host = ledger.open_room(title="Via Roma", place="Siena", anchor=anchor_now()).host
    song = song_of(stop=START + SONG_SAMPLES)
    song.piece, song.state = "ode-to-joy", "done"
    ledger.keep_song(ledger.admit(host).room, song, title=TITLE)
    backing = render_backing(songbook.piece("ode-to-joy"), 0, 0)[AFTER_COUNT_IN_SAMPLES:][:SONG_SAMPLES]
    sung = data / "performances" / song.performance
    performance(sung, SONG_SECONDS, 0, backing=backing, more={"start": START, "stop": START + SONG_SAMPLES})
    produce(sung, lambda *_: None)
    record = ledger.performance(performance=song.performance)
    assert record is not None
    ledger.close()
    with Server(folder) as server:
        yield server, f"{server.url}/performance#{record.token}"


class Singer(Closing):
    """Somebody at a song's page, with a voice, and a tape at their ears."""

    def __init__(self, card: SoundCard, page: Page) -> None:
        self.page, self._card = page, card
        sound, rate_hz = a_singer(VOICE_PEAK)
        self.voice = resampled(sound, rate_hz, SAMPLE_RATE)[: (SONG_SECONDS - 1) * SAMPLE_RATE]
        self._mouth = card.open_mouth()
        self._tapes = Tapes()
        self._began_s = self._over_s = 0.0

    def step_out(self) -> None:
        """From the song's page onto a balcony of a courtyard in which this song is sung, and ready."""
        page = self.page
        page.get_by_role("button", name="Sing along").click()
        page.wait_for_url("**/courtyard#*")
        page.get_by_label("Your name").fill("Anna")
        page.get_by_role("button", name="Step onto the balcony").click()
        # Before the check: a recorder that comes later shortens the card's buffer, and so the loop that was measured.
        self._tapes.add("ears", self._card)
        self._tapes.start()
        phrase = resampled(self.voice[:PHRASE_SAMPLES], SAMPLE_RATE, self._card.plan.rate_hz)
        check_with_voice(page, self._mouth, phrase)

    def sing_a_little(self) -> None:
        """A false start, ended by the singer."""
        courtyard.start_song(self.page)
        self.page.wait_for_timeout(FALSE_START_MS)
        courtyard.stop_song(self.page)

    def hear_it_again(self) -> tuple[float, float]:
        """What was sung, from its page's buttons; when it began and ended, on the machine's clock."""
        hear = self.page.get_by_role("button", name="Hear it again")
        began_s = time.monotonic()
        hear.click()
        expect(hear).to_have_attribute("aria-pressed", "true")
        expect(hear).to_have_attribute("aria-pressed", "false")
        return began_s, time.monotonic()

    def sing_again(self) -> None:
        """All of it, to its end."""
        self._began_s = time.monotonic()
        self.page.get_by_role("button", name="Sing it again").click()
        courtyard.wait_recording(self.page)
        self._mouth.sing(resampled(self.voice, SAMPLE_RATE, self._card.plan.rate_hz))
        expect(self.page.get_by_text("The song is being recorded")).to_be_hidden(timeout=2000 * SONG_SECONDS)
        self._over_s = time.monotonic()

    def tapes(self, *others_s: tuple[float, float]) -> list[Tape]:
        """What the ears heard of the song, and between other moments."""
        ears = self._tapes.stop()["ears"]
        return [ears.between(*span_s) for span_s in ((self._began_s, self._over_s), *others_s)]

    def opening(self, tape: Tape, guide: Audio) -> Opening:
        """What was heard and sung, for `bench.sync_measure`."""
        ran = tape.clock.rate_hz / tape.clock.nominal_hz
        return Opening(
            backing=guide,
            voice=resampled(self.voice, SAMPLE_RATE * ran, SAMPLE_RATE),
            stems={},
            tapes={},
            tape_starts_s={},
        )

    def close(self) -> None:
        """End the tape, if it still runs."""
        self._tapes.close()


def test_who_sings_along_likes_the_second_try_and_stands_in_the_mix_where_it_was_sung(
    playwright: Playwright, new_card: Callable[..., SoundCard], tmp_path: Path
) -> None:
    card = new_card(rate_hz=48_000, drift_ppm=60)
    with a_song(tmp_path) as (server, song), PlainChromium(playwright, card) as plain:
        context = plain.browser.new_context(locale="en", accept_downloads=True, reduced_motion="reduce")
        grant_microphone(context, server.url)
        page = context.new_page()
        courtyard.open_performance(page, song)
        guide, _ = read_sound(courtyard.download(page, TITLE, "WAV", tmp_path))
        with Singer(card, page) as singer:
            singer.step_out()
            singer.sing_a_little()
            heard_s = singer.hear_it_again()
            singer.sing_again()
            page.locator("#ending").get_by_role("button", name="Keep this one").click(timeout=courtyard.MIX_MS)
            tape, heard = singer.tapes(heard_s)
        expect(page.get_by_text("Your voice is kept.")).to_be_visible()
        row = page.locator("#takes > li").filter(has_text="Anna")
        expect(row.get_by_text("In the mix.")).to_be_visible()
        row.locator("summary").click()
        expect(row.get_by_text("placed by the clock that it shared with the guide")).to_be_visible()
        expect(page.get_by_role("button", name="Hear Anna alone")).to_be_visible()
        (tmp_path / "new").mkdir()
        mix, _ = read_sound(courtyard.download(page, TITLE, "WAV", tmp_path / "new"))
    assert np.sqrt(np.mean(heard.sound**2)) > AUDIBLE, "nothing was heard of the first try"
    opening = singer.opening(tape, guide)
    # Between the song and the voice the tape outside the browser and the mix must agree.
    true, ours = (sync_measure.follow(opening, sound).apart_ms() for sound in (tape.on_clock(), mix))
    moved_ms = {at: round(ours[at] - true[at], 3) for at in sorted(ours.keys() & true.keys())}
    assert len(moved_ms) >= STEPS_COMPARED, f"too little of voice and song is told apart: {true} {ours}"
    # One half second of a held note may be fitted a period aside; a voice that has moved stays moved.
    lasting_ms = [min(abs(one), abs(other)) for one, other in pairwise(moved_ms.values())]
    assert max(lasting_ms) <= IN_PLACE_MS, f"the voice is not where it was sung: {moved_ms}"
    assert np.median(np.abs(list(moved_ms.values()))) <= IN_PLACE_MS / 4, moved_ms
