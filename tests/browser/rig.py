"""The rig: a real Chromium on a sound card of its own, with the flags that make tests easy.

    with SoundCard(CardPlan(rate_hz=44_100, drift_ppm=100)) as card, sync_playwright() as playwright:
        browser = launch_chromium(playwright, card)

Browsers launched here start sound without a click and grant microphones without a question. Where that must not be so,
take `plain.PlainChromium`: no such flags and no gestures but real ones. There the microphone is refused until the test
grants it for the page's origin (`grant_microphone`). The grant stands for the person's click on the browser's own
prompt, which is no part of the page and which a browser without a screen cannot show; all else is real.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright

from tests.browser.cards import CardPlan, MissingTool, SoundCard, require
from tests.browser.realtime import descendants_of

__all__ = [
    "CardPlan", "MissingTool", "SoundCard", "chromium_path", "grant_microphone", "launch_chromium", "processes_on",
    "require",
]

QUIET_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
HELPING_FLAGS = ["--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]


def chromium_path() -> Path:
    """Debian's Chromium; raises MissingTool when it is not there."""
    found = shutil.which("chromium")
    if found is None:
        raise MissingTool("chromium is needed and not installed (`make test` installs it)")
    return Path(found)


def launch_chromium(playwright: Playwright, card: SoundCard | None = None, *, flags: Sequence[str] = ()) -> Browser:
    """A Chromium of its own, playing and recording through `card` (None: a browser that needs no sound)."""
    return playwright.chromium.launch(
        executable_path=chromium_path(),
        # Playwright mutes headless browsers: the card would record silence.
        ignore_default_args=["--mute-audio"] if card else None,
        args=[*QUIET_FLAGS, *HELPING_FLAGS, *flags],
        env={**card.environ()} if card else None,
    )


def grant_microphone(context: BrowserContext, origin: str) -> None:
    """Answer the browser's own microphone prompt for `origin` with yes, as the person would."""
    context.grant_permissions(["microphone"], origin=origin)


def processes_on(card: SoundCard) -> list[int]:
    """Process ids of every Chromium that plays through `card`, helpers and all."""
    found: set[int] = set()
    for process in descendants_of(os.getpid()):
        with suppress(OSError):
            if card.address.encode() in (process / "environ").read_bytes() and b"chromium" in _command(process):
                found |= {int(each.name) for each in (process, *descendants_of(int(process.name)))}
    return sorted(found)


def _command(process: Path) -> bytes:
    return (process / "cmdline").read_bytes()
