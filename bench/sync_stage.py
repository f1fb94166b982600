"""The sync bench's stage: neighbours in real Chromium pages, each on a drifting card of their own, singing together.

Every neighbour is a thread with its own Playwright, so that three people do their sound checks at once, as people do.
"""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from playwright.sync_api import Page, expect, sync_playwright

from bench.lags import Audio
from bench.sync_measure import Opening
from tests.browser import courtyard
from tests.browser.cards import CardPlan, SoundCard
from tests.browser.outside import Tape, Tapes
from tests.browser.realtime import RealtimeSound
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.singer import a_singer, read_sound
from tests.browser.sounding import check_with_voice, resampled, step_back_out
from unisono.units import SAMPLE_RATE

Answer = TypeVar("Answer")
PIECE, PIECE_TITLE = "ode-to-joy", "Ode an die Freude"
PHRASE_S = 5
ROWS_BEHIND_S = 1.5
VOICE_PEAK = 0.3
PATIENCE_S = 90.0
# While a browser plays, PulseAudio's null sink runs about 120 ppm fast besides: it counts its blocks in whole
# microseconds and drops the rest. So these cards are about +100, -100 and -100 ppm off; the bench prints what it finds.
PLANS = (
    CardPlan(rate_hz=48_000, drift_ppm=-20), CardPlan(rate_hz=44_100, drift_ppm=-220),
    CardPlan(rate_hz=48_000, drift_ppm=-220),
)
NAMES = ("Anna", "Bruno", "Carla")
# Seconds from the last row's last note until the room begins to play the finished song, or says that it is done.
FIRST_MIX_S = """() => new Promise((resolve) => {
  const { room, engine } = window.unisono, { stop, delays_samples } = room.song;
  const timer = setInterval(() => {
    if (room.song && !["premiere", "done"].includes(room.song.state)) return;
    clearInterval(timer);
    resolve((engine.roomPosition - stop - delays_samples.at(-1)) / 48_000);
  }, 20);
})"""


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for figures."""
    print(text, file=sys.stderr, flush=True)


class Neighbour:
    """One person: a card, a browser on it, a page; everything Playwright does for them happens in their own thread."""

    def __init__(self, name: str, plan: CardPlan) -> None:
        self.name = name
        self.card = SoundCard(plan)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._stack = ExitStack()
        self.mouth = self.card.open_mouth()
        self.page: Page = self.do(self._open).result()

    def _open(self) -> Page:
        playwright = self._stack.enter_context(sync_playwright())
        browser = launch_chromium(playwright, self.card)
        self._stack.callback(browser.close)
        # Without a graphics card every animation is painted by the processor that the sound needs.
        page = browser.new_page(locale="en", reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_S * 1000)
        return page

    def do(self, act: Callable[..., Answer], *arguments: Any) -> "Future[Answer]":
        """Have `act(*arguments)` done in this person's thread."""
        return self._thread.submit(act, *arguments)

    def sing(self, voice: Audio, rate_hz: int) -> None:
        """Sing `voice`, recorded at `rate_hz`, into the microphone."""
        self.mouth.sing(resampled(voice, rate_hz, self.card.plan.rate_hz))

    def open_streams(self, voice: Audio, rate_hz: int) -> str:
        """Do the sound check; who has done one loads the page again and comes back as oneself, every stream anew."""
        if not self.page.get_by_role("dialog", name="Sound check").is_visible():
            self.page.reload()
            step_back_out(self.page)
        phrase = resampled(voice[:PHRASE_S * rate_hz], rate_hz, self.card.plan.rate_hz)
        return check_with_voice(self.page, self.mouth, phrase)

    def close(self) -> None:
        """Leave."""
        self.do(self._stack.close).result()
        self._thread.shutdown()
        self.card.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sung:
    """One song as the rig saw it: the opening to measure, the cards' drifts, what each row's page said of itself."""

    opening: Opening
    drifts_ppm: Mapping[str, float]
    delays_ms: list[float]
    first_mix_s: float
    pages: Mapping[int, dict[str, Any]]
    """`link_at_start` is what a page had told the room of its ways, and why, as the song began."""


class Stage:
    """A server, a courtyard and the neighbours in it."""

    def __init__(self, folder: Path) -> None:
        expect.set_options(timeout=PATIENCE_S * 1000)
        self._stack = ExitStack()
        self._voice, self._voice_rate_hz = a_singer(VOICE_PEAK)
        self.realtime = self._stack.enter_context(RealtimeSound())
        with ThreadPoolExecutor() as together:
            serving = together.submit(Server, folder)
            self.neighbours = list(together.map(Neighbour, NAMES, PLANS))
        self.server = self._stack.enter_context(serving.result())
        for neighbour in self.neighbours:
            self._stack.callback(neighbour.close)
        self.leader = self.neighbours[0]
        self._step_out()

    def _step_out(self) -> None:
        links = self.leader.do(courtyard.open_courtyard, self.leader.page, self.server.url, "Sync bench").result()
        doors = [links.host, links.singers, links.singers]
        acts = [neighbour.do(courtyard.step_out, neighbour.page, link, neighbour.name, "Italy")
                for neighbour, link in zip(self.neighbours, doors, strict=True)]
        for act in acts:
            act.result()

    def open_streams(self) -> None:
        """Everybody opens their streams, again or for the first time, all at the same time."""
        acts = [each.do(each.open_streams, self._voice, self._voice_rate_hz) for each in self.neighbours]
        for each, act in zip(self.neighbours, acts, strict=True):
            say(f"  {each.name}: {act.result()}")

    def sing(self, song_s: float, title: str, *, reopen: bool = True, rest_s: float = 0.0) -> Sung:
        """Sing for about `song_s` seconds and wait for the stems; `title` is told to the person at the terminal.

        Everybody's streams are opened anew before, unless not to `reopen`; then all rest for `rest_s`.
        """
        say(title)
        page = self.leader.page
        with Tapes() as tapes:
            for neighbour in self.neighbours:
                tapes.add(neighbour.name, neighbour.card)
            tapes.start()
            if reopen:
                self.open_streams()
            time.sleep(rest_s)
            self.leader.do(courtyard.pick_piece, page, PIECE_TITLE).result()
            begun_s = time.monotonic()
            self.leader.do(courtyard.start_song, page).result()
            links = {each.name: each.do(courtyard.diagnostics, each.page).result()["link"] for each in self.neighbours}
            song = self.leader.do(page.evaluate, "() => window.unisono.room.song").result()
            self.leader.sing(self._voice, self._voice_rate_hz)
            time.sleep(song_s)
            self.leader.do(courtyard.stop_song, page).result()
            time.sleep(ROWS_BEHIND_S)
            over_s = time.monotonic()
            first_mix_s = self.leader.do(page.evaluate, FIRST_MIX_S).result()
            link = self.leader.do(courtyard.wait_done, page).result()
            taped = {name: tape.between(begun_s, over_s) for name, tape in tapes.stop().items()}
        self.leader.mouth.hush()
        delays_ms = [samples * 1000 / SAMPLE_RATE for samples in song["delays_samples"]]
        return self._gather(link, taped, links, delays_ms, first_mix_s)

    def _on_axis(self, leader: Tape) -> Audio:
        """The recording as it lies on the room's axis when played by the leader's card at the rate it really had."""
        stretch = leader.clock.rate_hz / leader.clock.nominal_hz
        return resampled(self._voice, self._voice_rate_hz * stretch, SAMPLE_RATE)

    def _gather(
        self, link: str, taped: Mapping[str, Tape], links: Mapping[str, Any], delays_ms: list[float],
        first_mix_s: float,
    ) -> Sung:
        told = self.server.ask("/api/performance", {"token": link.rsplit("#", 1)[1]})
        by_name = {neighbour.name: neighbour for neighbour in self.neighbours}
        stems, tapes, starts_s, pages = {}, {}, {}, {}
        for stem in told["stems"]:
            row, name = int(stem["row"]), str(stem["name"])
            stems[row] = self._download(stem["files"])
            tapes[row], starts_s[row] = taped[name].on_clock(), taped[name].clock.start_s
            diagnosed = by_name[name].do(courtyard.diagnostics, by_name[name].page).result()
            pages[row] = {"marks": stem["marks"], "link_at_start": links[name], **diagnosed}
        backing, _ = read_sound(self.server.get(f"/api/pieces/{PIECE}/backing.wav?key=0&tempo_bpm=0"))
        sung = min(len(stem) for stem in stems.values())
        return Sung(
            opening=Opening(backing=backing[:sung], voice=self._on_axis(taped[self.leader.name]), stems=stems,
                            tapes=tapes, tape_starts_s=starts_s),
            drifts_ppm={name: round(tape.clock.drift_ppm, 1) for name, tape in taped.items()},
            delays_ms=delays_ms, first_mix_s=first_mix_s, pages=pages)

    def _download(self, files: list[dict[str, Any]]) -> Audio:
        wav = next(file for file in files if file["name"].endswith((".wav", ".flac")))
        return read_sound(self.server.get(wav["url"]))[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._stack.close()
