"""The devices bench's stage: real Chromium pages that sing while something happens to the devices of their people.

Every card echoes: the page sings back what it hears, and where that belongs is arithmetic.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from bench.devices_measure import Sung, apart_ppm
from tests.browser import courtyard, mishaps
from tests.browser.cards import CardPlan, SoundCard
from tests.browser.outside import Tape
from tests.browser.program import Closing
from tests.browser.rig import launch_chromium
from tests.browser.serving import Server
from tests.browser.singer import read_sound
from tests.browser.solo import Solo
from tests.browser.sounding import check_with_voice, step_back_out
from unisono.store.stems import read_packets, stem_path

BEFORE_S, AFTER_S = 4.0, 5.0
SLEEP_S, HELD_S = 10.0, 8.0
SIXTH = 1 / 6
PHRASE_S = 4.0
FIRST_TAB, SECOND_TAB, SECOND_DEVICE = "two tabs: the first", "two tabs: the second", "a second device"
HEADPHONES_LATER_MS = 150
PATIENCE_MS = 20_000

Mishap = Callable[["Neighbour"], float]


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for figures."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One song that was sung, still to be judged; by seat its `names` and `others_samples`, as in `devices_measure`."""

    name: str
    performance: str
    start: int
    address: str
    begun_s: float
    over_s: float
    names: dict[int, str] = field(default_factory=dict)
    others_samples: dict[int, tuple[int, ...]] = field(default_factory=dict)


class Neighbour(Closing):
    """One person with a card, a browser on it and a page; stands on a balcony, the sound check done."""

    def __init__(self, server: Server, playwright: Playwright, plan: CardPlan, *, far_ppm: float = 0.0) -> None:
        self._stack = ExitStack()
        self.server = server
        self.card = self._stack.enter_context(SoundCard(plan))
        if far_ppm:
            self._stack.enter_context(mishaps.FarMicrophone(self.card, ppm=far_ppm))
        self.browser: Browser = launch_chromium(playwright, self.card)
        self._stack.callback(self.browser.close)
        page = self.browser.new_context(locale="en", reduced_motion="reduce").new_page()
        taped = ["ears.monitor", *(["usb"] if far_ppm else [])]
        self.solo = self._stack.enter_context(Solo(server, self.card, page, sung_s=PHRASE_S, taped=taped))
        self.songs: list[Song] = []

    @property
    def page(self) -> Page:
        """The page that sings."""
        return self.solo.page

    @page.setter
    def page(self, page: Page) -> None:
        self.solo.page = page

    def wait(self, seconds: float) -> None:
        """Sing on."""
        self.page.wait_for_timeout(seconds * 1000)

    def sing(
        self, name: str, mishap: Mishap, *, before_s: float = BEFORE_S, after_s: float = AFTER_S,
        company: "Company | None" = None,
    ) -> None:
        """A song in which something happens; `mishap` answers at which second of the song it was over."""
        self.solo.start()
        song = self.page.evaluate("() => window.unisono.room.song")
        self.wait(before_s)
        begun_s = self.solo.now_s()
        over_s = mishap(self)
        self.wait(after_s)
        sung = Song(name=name, performance=song["performance"], start=song["start"], begun_s=begun_s, over_s=over_s,
                    address=self.solo.stop(), **(company.facts(song) if company else {}))
        self.songs.append(sung)
        marks = self.solo.told(sung.address)["stems"][0]["marks"]
        found = courtyard.diagnostics(self.page)["round_trip_found"]
        say(f"  {name}: {begun_s:.1f} to {over_s:.1f} s, {marks}, {found}")
        if courtyard.diagnostics(self.page)["unsure"]:
            courtyard.open_panel(self.page, "Sound")
            self._check(self.page.locator("#check-again"))

    def check_again(self, because: str) -> None:
        """The sound check that the page offers, in words with `because` in them."""
        offer = self.page.locator(".offer").filter(has_text=because)
        self._check(offer.get_by_role("button", name="Sound check"))

    def _check(self, button: Locator) -> None:
        button.click(timeout=PATIENCE_MS)
        say(f"  {self.solo.check()}")

    def come_back(self) -> None:
        """After a reload or in a new tab: as oneself, with a sound check."""
        step_back_out(self.page)
        say(f"  {self.solo.check()}")

    def apart_ppm(self) -> float:
        """How much faster than the ears the microphone ran, by their tapes, in the middle song; after the last one."""
        return median(apart_ppm(ears.sound, usb.sound)
                      for ears, usb in zip(self.solo.tapes(), self.solo.tapes("usb"), strict=True))

    def stems(self) -> Iterator[Sung]:
        """Every stem of every song, ready to be judged; ends the tape."""
        for song, tape in zip(self.songs, self.solo.tapes(), strict=True):
            yield from stems_of(self.server, song, tape)

    def close(self) -> None:
        """Leave."""
        self._stack.close()


def stems_of(server: Server, song: Song, tape: Tape | None = None) -> Iterator[Sung]:
    """Each stem of one song, as people download it and as its packets stand on the disk; `tape` of the ears."""
    told: dict[str, Any] = server.ask("/api/performance", {"token": song.address.rsplit("#", 1)[1]})
    backing, _ = read_sound(server.get("/api/pieces/ode-to-joy/backing.wav?key=0&tempo_bpm=0"))
    folder: Path = server.data / "performances" / song.performance
    for stem in told["stems"]:
        seat = int(stem["seat"])
        file = next(each["url"] for each in stem["files"] if each["name"].endswith(".flac"))
        sound, _ = read_sound(server.get(file))
        yield Sung(
            name=song.names.get(seat, song.name), start=song.start, stem=sound, backing=backing[:len(sound)],
            packets=list(read_packets(stem_path(folder, seat))), marks=tuple(stem["marks"]),
            # Another card's ears are not on this tape.
            heard=tape.on_clock() if tape and song.names.get(seat) != SECOND_DEVICE else None,
            begun_s=song.begun_s, over_s=song.over_s, others_samples=song.others_samples.get(seat, ()))


class Company(Closing):
    """A second tab in the same browser and a second device, both come by the link of the one who leads."""

    def __init__(self, one: Neighbour, playwright: Playwright, plan: CardPlan) -> None:
        self._stack = ExitStack()
        self._one = one
        self.tab = one.page.context.new_page()
        self.tab.goto(one.solo.links.host)
        step_back_out(self.tab)
        say(f"  {check_with_voice(self.tab, one.solo.mouth, one.solo.voice)}")
        card = self._stack.enter_context(SoundCard(plan))
        browser = launch_chromium(playwright, card)
        self._stack.callback(browser.close)
        self.device = browser.new_context(locale="en", reduced_motion="reduce").new_page()
        courtyard.step_out(self.device, one.solo.links.host, "Anna", "Italy")
        say(f"  {check_with_voice(self.device, card.open_mouth(), one.solo.voice)}")
        for page in (self.tab, self.device):
            # What comes by the network holds the first tab's echo of the second: a ring that would howl.
            page.evaluate("() => ['leader', 'before'].forEach((name) => window.unisono.engine.setFader(name, 0))")

    def facts(self, song: dict[str, Any]) -> dict[str, Any]:
        """Who is who in a song, and by how much later each tab's microphone hears the other tab."""
        first, second, device = (int(page.evaluate("() => window.unisono.room.me"))
                                 for page in (self._one.page, self.tab, self.device))
        row = next(number for number, seats in enumerate(song["rows"]) if second in seats)
        behind = int(song["delays_samples"][row])
        return {"names": {first: FIRST_TAB, second: SECOND_TAB, device: SECOND_DEVICE},
                "others_samples": {first: (behind,), second: (-behind,)}}

    def look(self, one: Neighbour) -> float:
        """Each tab is in the background for half of the time."""
        began_s = one.solo.now_s()
        self.tab.bring_to_front()
        one.wait(AFTER_S)
        one.page.bring_to_front()
        return began_s

    def close(self) -> None:
        """They leave."""
        self._stack.close()


def background(one: Neighbour) -> float:
    """Another tab is looked at for a while."""
    began_s = one.solo.now_s()
    other = one.page.context.new_page()
    other.bring_to_front()
    one.wait(AFTER_S)
    one.page.bring_to_front()
    other.close()
    return began_s


def sleep(one: Neighbour) -> float:
    """The laptop is closed and opened again."""
    with mishaps.asleep(one.card):
        time.sleep(SLEEP_S)  # real sound goes on outside while the browser stands still
    return one.solo.now_s()


def reload(one: Neighbour) -> float:
    """The page is loaded anew, and its person steps out again."""
    began_s = one.solo.now_s()
    one.page.reload()
    one.come_back()
    return began_s


def crash(one: Neighbour) -> float:
    """The tab dies; its person opens the link again."""
    began_s = one.solo.now_s()
    context, link = one.page.context, one.solo.links.host
    with one.page.expect_event("crash"), suppress(PlaywrightError):
        one.page.goto("chrome://crash")
    one.page = context.new_page()
    one.page.goto(link)
    one.come_back()
    return began_s


def headphones(one: Neighbour) -> float:
    """Other headphones are plugged in, by which everything sounds later; their person does what the page says."""
    began_s = one.solo.now_s()
    mishaps.plug_in_headphones(one.card, later_ms=HEADPHONES_LATER_MS)
    one.check_again("changed")
    return began_s


def dead_streams(one: Neighbour) -> float:
    """The browser's audio service dies, and every open stream with it."""
    began_s = one.solo.now_s()
    mishaps.kill_audio_service(one.card)
    one.check_again("gone")
    return began_s


def sixth_of_a_core(one: Neighbour) -> float:
    """The machine has no time left for the browser."""
    with mishaps.held_to(one.card, SIXTH):
        one.wait(HELD_S)
    return one.solo.now_s()


def nothing(one: Neighbour) -> float:
    """Nothing happens."""
    return one.solo.now_s()
