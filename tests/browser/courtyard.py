"""The page's flows, as somebody does them who sees or hears the page: by role and by name, never by place.

Playwright's sync API. Every function waits until what it does has happened and returns nothing, or what the page then
shows. Names are the English ones: open pages with an English locale.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Locator, Page, expect

Check = Literal["measure", "tap", "listen"]
Panel = Literal["Song", "Sound", "Write", "Who is here"]
Output = Literal["headphones", "bluetooth", "loudspeakers"]

MEASURE_MS = 30_000
MIX_MS = 120_000
PANELS: tuple[Panel, ...] = ("Song", "Sound", "Write", "Who is here")
_TAPS = 16
_TAP_BPM = 96

_OUTPUTS: dict[Output, str] = {
    "headphones": "Headphones with a cable",
    "bluetooth": "Bluetooth headphones",
    "loudspeakers": "Loudspeakers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What a host gets: full addresses, tokens behind `#`, and the recovery code."""

    host: str
    singers: str
    listeners: str
    recovery: str


def open_courtyard(page: Page, base_url: str, title: str, place: str = "") -> Links:
    """Home: opens a courtyard and reads its three links and the recovery code."""
    page.goto(base_url)
    page.get_by_label("Name of your courtyard").fill(title)
    page.get_by_label("Place, if you like").fill(place)
    page.get_by_role("button", name="Open a courtyard").click()
    expect(page.get_by_role("heading", name="Your courtyard is open")).to_be_visible()
    return Links(
        host=page.get_by_label("For yourself, the host", exact=True).input_value(),
        singers=page.get_by_label("For those who sing", exact=True).input_value(),
        listeners=page.get_by_label("For those who listen", exact=True).input_value(),
        recovery=page.locator("#code").inner_text(),
    )


def step_out(page: Page, link: str, name: str, country: str | None = None, place: str = "") -> None:
    """Opens a host's or singers' link and steps onto a balcony; the sound check is open then."""
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Where you are, if you like").fill(place)
    if country is not None:
        pick_flag(page, country)
    page.get_by_role("button", name="Step onto the balcony").click()
    expect(page.get_by_role("dialog", name="Sound check")).to_be_visible()


def pick_flag(page: Page, country: str) -> None:
    """Chooses a flag by the country's English name."""
    search = page.get_by_role("combobox", name="Your flag")
    search.fill(country)
    page.get_by_role("option", name=country, exact=True).click()
    expect(search).to_have_value(country)


def listen(page: Page, link: str) -> None:
    """Opens a listeners' link and presses its one button."""
    page.goto(link)
    page.get_by_role("button", name="Listen", exact=True).click()
    expect(page.get_by_role("dialog", name="Come in and listen")).to_be_hidden()


def sound_check(page: Page, how: Check = "measure", output: Output = "headphones", *, attempts: int = 3) -> str:
    """Goes through the open sound check; the words with which the page says how it went.

    measure: needs a loop from output to microphone, and some sound at the microphone that the page can hear first.
    Fails when the page refuses `attempts` times.
    """
    dialog = page.get_by_role("dialog", name="Sound check")
    if how == "listen":
        dialog.get_by_role("button", name="Just listen").locator("visible=true").click()
        expect(dialog).to_be_hidden()
        return ""
    open_microphone(page, output)
    dialog.get_by_role("button", name="Continue").click(timeout=MEASURE_MS)
    result = _measure(page, dialog, attempts) if how == "measure" else _tap(page, dialog)
    dialog.get_by_role("button", name="Done").locator("visible=true").click()
    dialog.wait_for(state="hidden")
    return result


def open_microphone(page: Page, output: Output = "headphones") -> None:
    """The sound check's first step; the page then listens for a voice."""
    dialog = page.get_by_role("dialog", name="Sound check")
    dialog.get_by_role("radio", name=_OUTPUTS[output]).check()
    dialog.get_by_role("button", name="Open the microphone").click()
    dialog.get_by_role("heading", name="Sing or say something").wait_for(timeout=MEASURE_MS)


def _measure(page: Page, dialog: Locator, attempts: int) -> str:
    worked = dialog.get_by_text("That worked")
    for _ in range(attempts):
        button = dialog.get_by_role("button", name=re.compile("^Measure( again)?$"))
        button.click()
        page.get_by_role("progressbar", name="Measuring").wait_for(state="hidden", timeout=MEASURE_MS)
        if worked.is_visible():
            return worked.inner_text()
    raise AssertionError(f"the sound check was refused: {page.locator('#measure-result').inner_text()}")


def _tap(page: Page, dialog: Locator) -> str:
    dialog.get_by_role("button", name="Tap along instead").click()
    begun = time.monotonic()
    for tap in range(1, _TAPS + 1):
        page.wait_for_timeout(max(0, 1000 * (begun + tap * 60 / _TAP_BPM - time.monotonic())))
        page.keyboard.press("Space")
    expect(dialog.get_by_text("That worked")).to_be_visible()
    return page.locator("#tap-result").inner_text()


def open_panel(page: Page, name: Panel) -> None:
    """Opens one of the panels beside the house, if it is not open."""
    button = page.get_by_role("group", name="Panels").get_by_role("button", name=name, exact=True)
    if button.get_attribute("aria-expanded") != "true":
        button.click()


def pick_piece(
    page: Page, title: str | None = "Ode an die Freude", *, key: int = 0, tempo_bpm: int | None = None
) -> None:
    """The leader picks a piece by its title (None: free singing), its key and, in steps of 4, its tempo."""
    open_panel(page, "Song")
    page.get_by_role("radio", name=title or "Free singing").check()
    expect(page.locator("#song-now")).to_contain_text(title or "Free singing")
    for _ in range(abs(key)):
        page.get_by_role("button", name="Higher" if key > 0 else "Lower").click()
    if tempo_bpm is not None:
        _set_tempo(page, tempo_bpm)


def _set_tempo(page: Page, tempo_bpm: int) -> None:
    shown = page.locator("#tempo")
    for _ in range(60):
        now = int(shown.inner_text())
        if abs(tempo_bpm - now) < 4:
            return
        page.get_by_role("button", name="Faster" if tempo_bpm > now else "Slower").click()
        expect(shown).not_to_have_text(str(now))


def start_song(page: Page) -> None:
    """The leader presses Start; waits until the red lamp is lit on this page."""
    page.get_by_role("button", name="Start", exact=True).click()
    wait_recording(page)


def wait_recording(page: Page, timeout_ms: float = 20_000) -> None:
    """Waits until this page hears the song, which is when its red lamp is lit."""
    page.get_by_text("The song is being recorded").wait_for(timeout=timeout_ms)


def stop_song(page: Page) -> None:
    """The leader presses Stop."""
    page.get_by_role("button", name="Stop", exact=True).click()


def again(page: Page) -> None:
    """The leader discards a false start and begins anew."""
    page.get_by_role("button", name="Again", exact=True).click()


def wait_done(page: Page, timeout_ms: float = MIX_MS) -> str:
    """Waits for the mix; the full address of the performance's page."""
    link = page.get_by_role("link", name="To the song: hear, download, share")
    expect(link).to_be_visible(timeout=timeout_ms)
    return str(link.evaluate("link => link.href"))


def open_performance(page: Page, address: str) -> None:
    """Opens a performance's page and waits until its files are there."""
    page.goto(address)
    expect(page.get_by_role("heading", name="Download the song")).to_be_visible(timeout=MIX_MS)


def download(page: Page, what: str, kind: str, folder: Path) -> Path:
    """Downloads a file from the performance's page: `what` is the song's title or a singer's name, `kind` WAV or so."""
    with page.expect_download() as started:
        page.get_by_role("link", name=f"Download {what} as {kind.upper()}").first.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def talk(page: Page, milliseconds: float) -> None:
    """Holds the talk button for a while."""
    button = page.get_by_role("button", name="Hold to talk")
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(milliseconds)
    page.mouse.up()


def write(page: Page, text: str) -> None:
    """Writes a line to everybody."""
    open_panel(page, "Write")
    page.get_by_label("Write to everybody").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("list", name="What was written")).to_contain_text(text)


def people(page: Page) -> list[str]:
    """Names on the balconies, as the façade shows them."""
    return page.get_by_role("list").get_by_role("listitem").locator(".who").all_inner_texts()


def diagnostics(page: Page) -> dict[str, Any]:
    """The engine's own figures, see `diagnostics` in the engine."""
    figures: dict[str, Any] = page.evaluate("() => ({...window.unisono.engine.diagnostics})")
    return figures
