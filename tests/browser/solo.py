"""One person alone in a courtyard who leads and sings: what tests of a whole song share.

The card echoes, as an earpiece held to the microphone does, so that the page sings back what it hears; a recording is
sung on top of it. The ears are taped outside from before the sound check.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from playwright.sync_api import Page

from bench import sync_measure
from bench.sync_measure import Opening
from tests.browser import courtyard
from tests.browser.cards import Audio, SoundCard
from tests.browser.outside import Tape, Tapes
from tests.browser.program import Closing
from tests.browser.serving import Server
from tests.browser.singer import a_singer, read_sound
from tests.browser.sounding import check_with_voice, resampled
from unisono.units import SAMPLE_RATE

VOICE_PEAK = 0.4
PHRASE_SAMPLES = 4 * SAMPLE_RATE


class Solo(Closing):
    """`with Solo(server, card, page) as solo:` stands on the balcony, its sound check done, ready to start."""

    def __init__(
        self, server: Server, card: SoundCard, page: Page, *, sung_s: float, taped: Sequence[str] = ("ears.monitor",),
    ) -> None:
        self.server, self.card, self.page = server, card, page
        sound, rate_hz = a_singer(VOICE_PEAK)
        self.voice = resampled(sound, rate_hz, SAMPLE_RATE)[:int(sung_s * SAMPLE_RATE)]
        self.mouth = card.open_mouth()
        self._tapes = Tapes()
        self._begun_s = self._zero_s = self._over_s = 0.0
        self._spans_s: list[tuple[float, float]] = []
        self._taped: dict[str, Tape] = {}
        self.links = courtyard.open_courtyard(page, server.url, "One voice")
        courtyard.step_out(page, self.links.host, "Anna", "Italy")
        # Before the check: a recorder that comes later shortens the card's buffer, and so the loop that was measured.
        for source in taped:
            self._tapes.add(source, card, source)
        self._tapes.start()
        self.check()

    def check(self) -> str:
        """The open sound check, with a sung phrase; the page's words."""
        phrase = resampled(self.voice[:PHRASE_SAMPLES], SAMPLE_RATE, self.card.plan.rate_hz)
        return check_with_voice(self.page, self.mouth, phrase)

    def start(self) -> None:
        """Pick the ode and start it: from now on the echo sings."""
        courtyard.pick_piece(self.page)
        self._begun_s = time.monotonic()
        courtyard.start_song(self.page)
        self._zero_s = time.monotonic() - heard_s(self.page)

    def sing(self) -> None:
        """Sing the recording on top."""
        self.mouth.sing(resampled(self.voice, SAMPLE_RATE, self.card.plan.rate_hz))

    def stop(self) -> str:
        """Stop the song and wait for the mix; the address of the performance's page."""
        courtyard.stop_song(self.page)
        return self.finish()

    def finish(self) -> str:
        """Wait for the mix of a song that has been stopped, or has come to its end."""
        self._over_s = time.monotonic() + 1
        self._spans_s.append((self._begun_s, self._over_s))
        return courtyard.wait_done(self.page)

    def now_s(self) -> float:
        """How long the song has gone on, in seconds, whatever the page does just then."""
        return time.monotonic() - self._zero_s

    def told(self, address: str) -> dict[str, Any]:
        """What the server says of the performance."""
        found: dict[str, Any] = self.server.ask("/api/performance", {"token": address.rsplit("#", 1)[1]})
        return found

    def stem(self, address: str) -> Audio:
        """One's own voice as people download it, float32 (samples,) at 48 kHz."""
        files = self.told(address)["stems"][0]["files"]
        return read_sound(self.server.get(next(file["url"] for file in files if file["name"].endswith(".flac"))))[0]

    def tape(self) -> Tape:
        """What the ears heard while the song went on."""
        return self.tapes()[-1]

    def tapes(self, source: str = "ears.monitor") -> list[Tape]:
        """What a taped source brought, song by song, after the last one."""
        self._taped = self._taped or self._tapes.stop()
        return [self._taped[source].between(begun_s, over_s) for begun_s, over_s in self._spans_s]

    def opening(self, stem: Audio, tape: Tape | None = None) -> Opening:
        """For `bench.sync_measure`; without a tape only the backing is known."""
        backing, _ = read_sound(self.server.get("/api/pieces/ode-to-joy/backing.wav?key=0&tempo_bpm=0"))
        voice = np.zeros(SAMPLE_RATE, np.float32)
        if tape is not None:
            voice = resampled(self.voice, SAMPLE_RATE * tape.clock.rate_hz / tape.clock.nominal_hz, SAMPLE_RATE)
        return Opening(backing=backing[:len(stem)], voice=voice, stems={0: stem}, tapes={}, tape_starts_s={})

    def close(self) -> None:
        """End the tape, if it still runs."""
        self._tapes.close()


def heard_s(page: Page) -> float:
    """How long the song has gone on for this page's ears, in seconds."""
    found: float = page.evaluate("(window.unisono.engine.heardPosition - window.unisono.room.song.start) / 48000")
    return found


def errors_ms(opening: Opening) -> dict[float, float]:
    """By the window's beginning in seconds: how far the stem lies from the backing, where that can be told."""
    return {window.start_s: window.error_ms for window in sync_measure.stem_windows(opening) if window.sure}
