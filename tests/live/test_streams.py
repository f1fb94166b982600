"""The plain stream for an `<audio>`: what is heard, who may hear it, and when it ends."""

from __future__ import annotations

import asyncio
import io

import aiohttp
import av
import numpy as np
import pytest

from tests.live.house import PATIENCE_SECONDS, House
from unisono.core import messages as m


async def test_a_plain_stream_plays_what_listeners_hear(house: House) -> None:
    """Whoever has no worklet hears talk and song from an address that holds no token."""
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    await ada.say(m.Talk(on=True))
    _, told = await house.post("/api/stream", {"token": links["listeners"]})
    assert links["listeners"] not in told["url"]
    stream = bytearray()

    async def tune_in() -> None:
        async with house.http.get(house.url + told["url"]) as answer:
            assert answer.headers["Content-Type"] == "audio/ogg"
            try:
                async with asyncio.timeout(3.0):
                    async for piece in answer.content.iter_any():
                        stream.extend(piece)
            except TimeoutError:
                pass

    await asyncio.gather(tune_in(), ada.talk(440.0))
    with av.open(io.BytesIO(bytes(stream)), "r") as container:
        decoded = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.concatenate(decoded, axis=1)[0]
    assert 2.0 < len(sound) / 48_000 < 3.5
    loud = np.abs(np.fft.rfft(sound))
    assert abs(np.argmax(loud) * 48_000 / len(sound) - 440) < 2
    await _gone(house)


async def _gone(house: House) -> None:
    """The room stops encoding for nobody."""
    runner = next(iter(house.rooms._runners.values()))
    for _ in range(200):
        if not runner._broadcast.wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody is tuned in, and still it is encoded")


async def test_a_stream_of_a_revoked_link_is_closed_to_newcomers(house: House) -> None:
    links = await house.open()
    _, told = await house.post("/api/stream", {"token": links["listeners"]})
    await house.post("/api/room/links", {"token": links["host"], "role": "listener"})
    assert (await house.get(told["url"]))[0] == 401
    assert (await house.get("/api/stream/made-up.ogg"))[0] == 404


class Listener:
    """An `<audio>` that plays a plain stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def hears_on(self) -> bool:
        """Whether more sound comes; False when the stream has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return bool(await self._answer.content.readany())

    async def hears_the_end(self) -> None:
        """Returns when the stream ends by itself."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._answer.content.readany():
                pass


async def tuned_in(house: House, token: str) -> Listener:
    """Somebody who hears a stream's first sound."""
    _, told = await house.post("/api/stream", {"token": token})
    listener = Listener(await house.http.get(house.url + told["url"]))
    assert await listener.hears_on()
    return listener


async def test_a_revoked_link_ends_the_streams_it_opened_and_no_others(house: House) -> None:
    links = await house.open()
    guest, singer = await tuned_in(house, links["listeners"]), await tuned_in(house, links["singers"])
    await house.post("/api/room/links", {"token": links["host"], "role": "listener"})
    await guest.hears_the_end()
    for _ in range(5):
        assert await singer.hears_on()


async def test_recovering_a_courtyard_ends_the_streams_of_whoever_had_the_hosts_link(house: House) -> None:
    links = await house.open()
    thief, guest = await tuned_in(house, links["host"]), await tuned_in(house, links["listeners"])
    assert (await house.post("/api/recover", {"recovery": links["recovery"]}))[0] == 200
    await thief.hears_the_end()
    assert await guest.hears_on()


async def test_one_too_many_is_told_so_before_any_sound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unisono.live.broadcast.TUNED_IN_MAX", 1)
    links = await house.open()
    first = await tuned_in(house, links["listeners"])
    _, told = await house.post("/api/stream", {"token": links["listeners"]})
    async with house.http.get(house.url + told["url"]) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == "room_full"
    assert await first.hears_on()


async def test_an_address_gets_only_so_many_tickets(house: House) -> None:
    links = await house.open()
    statuses = [(await house.post("/api/stream", {"token": links["listeners"]}))[0] for _ in range(62)]
    assert statuses == [200] * 60 + [429] * 2
