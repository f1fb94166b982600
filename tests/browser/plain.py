"""A Chromium as people have it: no helping flags, and no gestures but real ones.

Playwright marks everything it evaluates in a page as a user's gesture, looking for a button included, so that with it
every page may start sound before anybody has clicked. Here it talks to the browser through a relay that takes the mark
off: what unlocks the page's sound is the trusted mouse or key event, as at home. The browser is also started by us,
with none of Playwright's own switches.
"""

import asyncio
import threading
from contextlib import suppress

import aiohttp
from aiohttp import web
from playwright.sync_api import Browser, Playwright

from tests.browser.cards import SoundCard
from tests.browser.program import Program
from tests.browser.rig import QUIET_FLAGS, chromium_path

READY_TIMEOUT_S = 20.0
MARK, NO_MARK = '"userGesture":true', '"userGesture":false'


class Relay:
    """A websocket on a free port that forwards to `target`, without the gesture mark; runs in a thread of its own."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.marks_removed = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_TIMEOUT_S):
            raise RuntimeError("the relay to the browser did not start")

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._carry)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _carry(self, request: web.Request) -> web.WebSocketResponse:
        near = web.WebSocketResponse(max_msg_size=0)
        await near.prepare(request)
        async with aiohttp.ClientSession() as session, session.ws_connect(self._target, max_msg_size=0) as far:
            back = asyncio.create_task(self._carry_back(far, near))
            async for message in near:
                self.marks_removed += message.data.count(MARK)
                await far.send_str(message.data.replace(MARK, NO_MARK))
            back.cancel()
        return near

    @staticmethod
    async def _carry_back(far: aiohttp.ClientWebSocketResponse, near: web.WebSocketResponse) -> None:
        async for message in far:
            await near.send_str(message.data)
        await near.close()

    def close(self) -> None:
        """Stop forwarding."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)


class PlainChromium(Program):
    """A running browser: `browser` is Playwright's, for pages and clicks."""

    def __init__(self, playwright: Playwright, card: SoundCard) -> None:
        super().__init__("chromium")
        command = [str(chromium_path()), "--headless=new", "--remote-debugging-port=0",
                   f"--user-data-dir={self.folder}", "--no-first-run", *QUIET_FLAGS, "about:blank"]
        self.start(command, card.environ())
        try:
            port, path = self.words_in("DevToolsActivePort", 2, READY_TIMEOUT_S)
            self._relay = Relay(f"ws://127.0.0.1:{port}{path}")
            self.browser: Browser = playwright.chromium.connect_over_cdp(self._relay.url)
        except BaseException:
            self.end()
            raise

    @property
    def gestures_unmarked(self) -> int:
        """How many of Playwright's own steps would have passed for a person's gesture."""
        return self._relay.marks_removed

    def close(self) -> None:
        """End the browser and forget its profile."""
        with suppress(Exception):
            self.browser.close()
        self._relay.close()
        self.end()
