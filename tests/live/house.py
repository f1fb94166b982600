"""A real server in the test's own event loop, and pages that are bare sockets, to which anything can be done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import numpy as np
from aiohttp import web

from unisono.config import Settings
from unisono.core import messages as m
from unisono.core.wire import Codec, Echo, Kind, Packet, Probe, pack, unpack
from unisono.live.app import make_app
from unisono.live.http import ROOMS
from unisono.live.rooms import Rooms
from unisono.opus import Encoder
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position

PATIENCE_SECONDS = 20.0
T = TypeVar("T")


@dataclass
class House:
    """The server, and a client for its HTTP."""

    app: web.Application
    url: str
    http: aiohttp.ClientSession

    @property
    def rooms(self) -> Rooms:
        return self.app[ROOMS]

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, **headers: str) -> tuple[int, Any, bytes]:
        """Status, headers and body."""
        async with self.http.get(self.url + path, headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    async def open(self, title: str = "Via Roma") -> dict[str, str]:
        """A new room's links."""
        status, links = await self.post("/api/rooms", {"title": title, "place": "Siena"})
        assert status == 200
        return {name: str(token) for name, token in links.items()}

    async def socket(self) -> Page:
        """A socket that has not said hello."""
        return Page(await self.http.ws_connect(f"{self.url}/live", max_msg_size=0))

    async def come(self, token: str, name: str = "", **hello: Any) -> Page:
        """A page that was welcomed."""
        page = await self.socket()
        await page.hello(token, name=name, **hello)
        return page

    async def sing_in(self, token: str, name: str = "", **hello: Any) -> Page:
        """A page that has done the sound check."""
        page = await self.come(token, name, **hello)
        await page.say(m.Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5))
        await page.say(m.Link(up_samples=4800, down_samples=2400))
        return page


@dataclass
class Page:
    """One socket. Everything it gets is kept in order."""

    ws: aiohttp.ClientWebSocketResponse
    messages: list[m.FromRoom] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    welcome: m.Welcome | None = None
    _read: int = 0

    @property
    def seat(self) -> int:
        assert self.welcome is not None
        return self.welcome.seat

    async def hello(self, token: str, **hello: Any) -> m.Welcome:
        await self.say(m.Hello(version=1, token=token, **({"decodes": "opus"} | hello)))
        self.welcome = await self.get(m.Welcome)
        return self.welcome

    async def say(self, message: m.FromPage) -> None:
        await self.ws.send_str(m.encode(message))

    async def send(self, packet: Packet | Probe) -> None:
        await self.ws.send_bytes(pack(packet))

    async def take(self) -> bool:
        """One more thing from the socket; False when it is closed."""
        received = await self.ws.receive()
        if received.type is aiohttp.WSMsgType.TEXT:
            self.messages.append(m.decode_from_room(received.data))
        elif received.type is aiohttp.WSMsgType.BINARY:
            thing = unpack(received.data)
            if isinstance(thing, Packet):
                self.packets.append(thing)
            elif isinstance(thing, Echo):
                self.echoes.append(thing)
        else:
            return False
        return True

    async def get(self, kind: type[T], **wanted: object) -> T:
        """The next message of a kind, with these fields; those before it are passed over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while self._read < len(self.messages):
                    message = self.messages[self._read]
                    self._read += 1
                    if type(message) is kind and all(getattr(message, k) == v for k, v in wanted.items()):
                        return message
                assert await self.take(), f"closed with {self.ws.close_code} while waiting for {kind.__name__} {wanted}"

    async def problem(self) -> str:
        return (await self.get(m.Problem)).code

    async def closed(self) -> int | None:
        """The code it was closed with."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.take():
                pass
        return self.ws.close_code

    async def room_position(self) -> float:
        """The room's clock, as an echo has it."""
        await self.send(Probe(sent_ms=1.0))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.echoes:
                await self.take()
        return self.echoes.pop().position

    async def listen(self, seconds: float) -> None:
        """Take whatever comes for a while."""
        try:
            async with asyncio.timeout(seconds):
                while await self.take():
                    pass
        except TimeoutError:
            pass

    async def sing(self, start: int, stop: int, *, epoch: int = 0, repair: bool = False, level: int = 20) -> None:
        """PCM silence over [start, stop), as fast as the socket takes it."""
        for position in range(start, stop, FRAME_SAMPLES):
            await self.send(frame(position, epoch=epoch, repair=repair, level=level))

    async def talk(self, hertz: float) -> None:
        """A second and a half of a tone, at the pace of a microphone."""
        begin = await self.room_position()
        encoder = Encoder(1, 64_000)
        for index in range(75):
            start = round(begin) + index * FRAME_SAMPLES
            await wait_until(start + FRAME_SAMPLES, self)
            position = Position(start - encoder.lookahead_samples)
            coded = encoder.encode(sine(start, FRAME_SAMPLES, hertz))
            await self.send(Packet(kind=Kind.TALK, seat=0, epoch=0, position=position, frames=(coded,), level=15))

    async def leave(self) -> None:
        await self.ws.close()


def frame(position: int, *, epoch: int = 0, repair: bool = False, level: int = 20, kind: Kind = Kind.VOICE) -> Packet:
    return Packet(
        kind=kind,
        seat=0,
        epoch=epoch,
        position=Position(position),
        frames=(bytes(2 * FRAME_SAMPLES),),
        codec=Codec.PCM,
        level=level,
        repair=repair,
    )


def sine(start: int, samples: int, hertz: float) -> Audio:
    """A sine whose phase is known at every position; float32 (samples,)."""
    return (0.25 * np.sin(2 * np.pi * hertz * np.arange(start, start + samples) / SAMPLE_RATE)).astype(np.float32)


async def wait_until(position: int, page: Page) -> None:
    """Until the room's clock has reached a position; a loop that counts in milliseconds wakes up to one too early."""
    while (now := await page.room_position()) < position:  # noqa: ASYNC110 - a clock rings no bell
        await asyncio.sleep((position - now) / SAMPLE_RATE)


@asynccontextmanager
async def open_house(data: Path, **settings: Any) -> AsyncIterator[House]:
    """A server on a free port; stopped as Ctrl-C would at the end."""
    settings = {"films": False} | settings
    app = await make_app(Settings(data=data, host="127.0.0.1", port=0, **settings))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield House(app=app, url=f"http://127.0.0.1:{runner.addresses[0][1]}", http=http)
    finally:
        await runner.cleanup()
