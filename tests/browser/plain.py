"""A Chromium as people have it: no helping flags, and no gestures but real ones.

Playwright marks everything it evaluates in a page as a user's gesture, looking for a button included, so that with it
every page may start sound before anybody has clicked. Here it talks to the browser through a relay that takes the mark
off: what unlocks the page's sound is the trusted mouse or key event, as at home. The browser is also started by us,
with none of Playwright's own switches.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from playwright.sync_api import Browser, Playwright

from tests.browser.cards import SoundCard
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


class PlainChromium:
    """A running browser: `browser` is Playwright's, for pages and clicks."""

    def __init__(self, playwright: Playwright, card: SoundCard) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="plain-"))
        self._process = self._start(card)
        try:
            self._relay = Relay(self._address())
            self.browser: Browser = playwright.chromium.connect_over_cdp(self._relay.url)
        except BaseException:
            self._end()
            raise

    def _start(self, card: SoundCard) -> subprocess.Popen[bytes]:
        command = [str(chromium_path()), "--headless=new", "--remote-debugging-port=0",
                   f"--user-data-dir={self._folder}", "--no-first-run", *QUIET_FLAGS, "about:blank"]
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(command, env=card.environ(), stdout=log, stderr=log, start_new_session=True)

    def _address(self) -> str:
        told = self._folder / "DevToolsActivePort"
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not (told.exists() and len(told.read_text().split()) == 2):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"chromium did not start:\n{(self._folder / 'log').read_text(errors='replace')}")
            time.sleep(0.05)
        port, path = told.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"

    @property
    def gestures_unmarked(self) -> int:
        """How many of Playwright's own steps would have passed for a person's gesture."""
        return self._relay.marks_removed

    def close(self) -> None:
        """End the browser and forget its profile."""
        with suppress(Exception):
            self.browser.close()
        self._relay.close()
        self._end()

    def _end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.close()
