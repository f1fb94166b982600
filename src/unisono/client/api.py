"""The room's HTTP side: opening a courtyard, the songbook, what was sung, downloads."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urljoin

import aiohttp
import numpy as np

from unisono.client.link import Link
from unisono.errors import UserError
from unisono.units import SAMPLE_RATE, Audio


@dataclass(eq=False, kw_only=True)
class Refused(UserError):
    """The server said no to a request; `reason` is its own code and `text` its own sentence."""

    code: ClassVar[str] = "refused"
    says: ClassVar[str] = "the server refused ({status} {reason}): {text}"
    status: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The three ways into a room that was just opened, and the host's recovery code."""

    host: Link
    singers: Link
    listeners: Link
    recovery: str


async def open_courtyard(http: aiohttp.ClientSession, server: str, *, title: str, place: str = "") -> Links:
    """Open a courtyard on a server, "http://host:8000". Raises Refused, aiohttp.ClientError."""
    server = server.rstrip("/")
    answer = await _post(http, f"{server}/api/rooms", {"title": title, "place": place})
    host, singers, listeners = (Link(server=server, token=answer[role]) for role in ("host", "singers", "listeners"))
    return Links(host=host, singers=singers, listeners=listeners, recovery=answer["recovery"])


async def sing_along(http: aiohttp.ClientSession, server: str, *, token: str) -> Link:
    """A room of one's own in which a performance is sung along to: the host's link.

    Everything is picked there: whoever has come and done the sound check starts. Raises Refused, aiohttp.ClientError.
    """
    server = server.rstrip("/")
    answer = await _post(http, f"{server}/api/along", {"token": token})
    return Link(server=server, token=answer["host"])


async def keep(http: aiohttp.ClientSession, link: Link, *, performance: str, add: bool = False) -> list[dict[str, Any]]:
    """What was sung along by a host's link becomes part of the performance it was sung to: its takes and their keys.

    It replaces what was kept from the same seat before, unless it is to be added. Raises Refused, aiohttp.ClientError.
    """
    body = {"token": link.token, "performance": performance, "add": add}
    kept: list[dict[str, Any]] = (await _post(http, f"{link.server}/api/along/keep", body))["takes"]
    return kept


async def pieces(http: aiohttp.ClientSession, server: str) -> list[dict[str, Any]]:
    """The server's songbook, as docs/wire.md describes a piece. Raises Refused, aiohttp.ClientError."""
    async with http.get(f"{server.rstrip('/')}/api/pieces") as response:
        answer: list[dict[str, Any]] = await _answer(response)
        return answer


async def performances(http: aiohttp.ClientSession, link: Link) -> list[dict[str, Any]]:
    """What was sung in the link's room. Raises Refused, aiohttp.ClientError."""
    answer: list[dict[str, Any]] = await _post(http, f"{link.server}/api/performances", {"token": link.token})
    return answer


async def performance(http: aiohttp.ClientSession, server: str, *, token: str) -> dict[str, Any]:
    """One performance: its files and stems. Raises Refused, aiohttp.ClientError."""
    answer: dict[str, Any] = await _post(http, f"{server.rstrip('/')}/api/performance", {"token": token})
    return answer


async def download(http: aiohttp.ClientSession, server: str, url: str) -> bytes:
    """A file of a performance; `url` as the server gave it. Raises Refused, aiohttp.ClientError."""
    async with http.get(urljoin(server.rstrip("/") + "/", url)) as response:
        if response.status >= 400:
            raise Refused(status=response.status, reason="download", text=url)
        return await response.read()


def sound_of_wav(data: bytes) -> Audio:
    """A 16-bit WAV at units.SAMPLE_RATE, as the server makes backings: float32 (samples,), both sides averaged."""
    with wave.open(io.BytesIO(data)) as file:
        width_bytes, rate = file.getsampwidth(), file.getframerate()
        if width_bytes != 2 or rate != SAMPLE_RATE:
            raise ValueError(f"expected 16 bit at {SAMPLE_RATE} Hz, not {8 * width_bytes} bit at {rate}")
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
    sound: Audio = frames.mean(axis=1, dtype=np.float32) / np.float32(32768.0)
    return sound


async def _post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Any:
    async with http.post(url, json=body) as response:
        return await _answer(response)


async def _answer(response: aiohttp.ClientResponse) -> Any:
    if response.status < 400:
        return await response.json()
    try:
        said = await response.json()
        raise Refused(status=response.status, reason=str(said["code"]), text=str(said["text"]))
    except (ValueError, KeyError, TypeError, aiohttp.ContentTypeError):
        raise Refused(status=response.status, reason="http", text=response.reason or "") from None
