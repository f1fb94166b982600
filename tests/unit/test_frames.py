"""The server's own frames, as somebody else reads them."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from unisono.live.frames import CLOSE, TEXT, framed, framed_close, framed_packet, framed_text, is_packet


class Heard(WebSocketDataQueue):
    """What aiohttp's reader makes of it."""

    def __init__(self) -> None:
        super().__init__(None, 1 << 20, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
        self.messages: list[tuple[Any, Any]] = []

    def feed_data(self, data: Any, size: int) -> None:
        self.messages.append((data.type, data.data))


async def test_aiohttp_reads_what_we_frame() -> None:
    heard = Heard()
    reader = WebSocketReader(heard, 1 << 20, compress=False, decode_text=True)
    for size in (0, 1, 125, 126, 65_535, 65_536, 200_000):
        reader.feed_data(framed_packet(bytes(size)))
    reader.feed_data(framed_text("città") + framed_close(4413, "room_full"))
    assert [len(data) for kind, data in heard.messages if kind is WSMsgType.BINARY] == [
        0, 1, 125, 126, 65_535, 65_536, 200_000,
    ]  # fmt: skip
    assert heard.messages[-2:] == [(WSMsgType.TEXT, "città"), (WSMsgType.CLOSE, 4413)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_lengths_take_no_more_bytes_than_they_must(size: int) -> None:
    frame = framed_packet(bytes(size))
    head = {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[size]
    assert frame[0] == 0x82
    assert len(frame) == head + size


def test_a_close_says_why_and_stays_short() -> None:
    frame = framed_close(4413, "x" * 200)
    assert frame[:4] == bytes((0x80 | CLOSE, 125)) + struct.pack("!H", 4413)
    assert len(frame) == 127
    assert framed(TEXT, b"ciao") == b"\x81\x04ciao"


def test_packets_are_told_from_messages() -> None:
    assert is_packet(framed_packet(b"x"))
    assert not is_packet(framed_text("x"))
