"""Debian's Firefox as the second engine: started by us, driven through Marionette, Mozilla's own remote control.

Playwright drives a Firefox of its own making only. `marionette-driver` drives the one people have: its clicks and keys
are trusted events. Scripts run by Marionette do not count as a gesture.
"""

from contextlib import suppress
from typing import Any

from marionette_driver import By, Wait  # type: ignore[import-untyped]
from marionette_driver.marionette import Marionette, WebElement  # type: ignore[import-untyped]

from tests.browser.cards import SoundCard, require
from tests.browser.program import Program

READY_TIMEOUT_S = 60.0
PREFERENCES = {
    "marionette.port": 0,  # any free one, told in a file of the profile
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    # No person is there to answer the browser's own microphone prompt; autoplay stays as people have it.
    "media.navigator.permission.disabled": True,
    "intl.accept_languages": "en",
}
# What a screen reader would call a control, as far as tests need it.
BY_NAME = """
const [selector, name] = arguments;
const labels = (element) => [...(element.labels || [])].map((it) => it.textContent).join(" ");
const called = (element) => (element.getAttribute("aria-label") || labels(element) || element.textContent || "")
  .replace(/\\s+/g, " ").trim();
return [...document.querySelectorAll(selector)].find((it) => it.checkVisibility() && called(it).includes(name)) || null;
"""


class Firefox(Program):
    """A running Firefox with one window, on `card`."""

    def __init__(self, card: SoundCard) -> None:
        require("firefox-esr")
        super().__init__("firefox")
        lines = [f'user_pref("{name}", {_javascript(value)});' for name, value in PREFERENCES.items()]
        (self.folder / "user.js").write_text("\n".join(lines))
        command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(self.folder), "--marionette"]
        self.start(command, {**card.environ(), "HOME": str(self.folder), "MOZ_HEADLESS": "1"})
        try:
            [port] = self.words_in("MarionetteActivePort", 1, READY_TIMEOUT_S)
            self.driver = Marionette(host="127.0.0.1", port=int(port))
            self.driver.start_session()
        except BaseException:
            self.end()
            raise

    def goto(self, url: str) -> None:
        """Open `url` and wait until it is loaded."""
        self.driver.navigate(url)

    def find(self, selector: str, name: str, timeout_s: float = 15) -> WebElement:
        """The visible element matching `selector` whose accessible name contains `name`, once it is there."""
        waiting = Wait(self.driver, timeout=timeout_s, interval=0.2)
        return waiting.until(lambda driver: driver.execute_script(BY_NAME, [selector, name]),
                             message=f"nothing like {selector!r} called {name!r} is to be seen")

    def click(self, selector: str, name: str, timeout_s: float = 15) -> None:
        """Click it as a person would."""
        self.find(selector, name, timeout_s).click()

    def fill(self, selector: str, name: str, text: str) -> None:
        """Type into it."""
        self.find(selector, name).send_keys(text)

    def text(self) -> str:
        """All that is written on the page now."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script (with `return`) of ours answers."""
        return self.driver.execute_script(script, arguments, sandbox=None)

    def close(self) -> None:
        """End the browser and forget its profile."""
        with suppress(Exception):
            self.driver.delete_session()
        self.end()


def _javascript(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
