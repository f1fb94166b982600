"""One page's line, without a network: however it is cut, the messages are the same, and nonsense is refused.

What the standard (RFC 6455) asks of a server is asked here of ours, whoever reads the frames for us.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from unisono.errors import MalformedMessage
from unisono.live.frames import BINARY, CLOSE, PING, PONG, TEXT, framed
from unisono.live.socket import Socket

LIMIT = 70_000
MORE = 0x0


def page_frame(opcode: int, payload: bytes, *, mask: bytes = b"\x11\x22\x33\x44", final: bool = True) -> bytes:
    """As a browser frames it, written down independently of the code under test."""
    size = len(payload)
    first = (0x80 if final else 0) | opcode
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class Line(asyncio.Transport):
    """The wire: remembers what is written to it, and whether it was cut."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.over = False

    def get_protocol(self) -> asyncio.BaseProtocol:
        return asyncio.Protocol()

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.over = True

    def abort(self) -> None:
        self.over = True

    def is_closing(self) -> bool:
        return self.over


class Page:
    """Whoever gets what the socket has read."""

    def __init__(self, *, message_bytes_max: int = LIMIT) -> None:
        self.line = Line()
        self.heard: list[bytes | str] = []
        self.error: MalformedMessage | None = None
        self.socket = Socket(self.line, message_bytes_max=message_bytes_max, heartbeat_seconds=20.0, stuck_seconds=30.0)
        self.socket.read_by(self)

    def received(self, payload: bytes | str) -> None:
        self.heard.append(payload)

    def malformed(self, error: MalformedMessage) -> None:
        assert self.error is None
        self.error = error

    def drained(self) -> None:
        raise AssertionError("nobody was stuck")

    def lost(self) -> None:
        raise AssertionError("the line still stands")


def told(data: bytes, *, cuts: list[int] | None = None, message_bytes_max: int = LIMIT) -> Page:
    """What comes of these bytes, cut into such pieces on their way."""

    async def tell() -> Page:
        page, at = Page(message_bytes_max=message_bytes_max), 0
        for cut in [*(cuts or []), len(data)]:
            page.socket.data_received(data[at : at + cut])
            at += cut
        return page

    return asyncio.run(tell())


messages = st.lists(
    st.tuples(
        st.one_of(st.binary(max_size=300), st.text(max_size=80), st.integers(0, LIMIT).map(bytes)),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=6,
)


@given(messages=messages, cuts=st.lists(st.integers(0, 3000), max_size=20))
def test_the_network_may_cut_anywhere(messages: list[tuple[bytes | str, bytes]], cuts: list[int]) -> None:
    line = b"".join(
        page_frame(TEXT, message.encode(), mask=mask)
        if isinstance(message, str)
        else page_frame(BINARY, message, mask=mask)
        for message, mask in messages
    )
    page = told(line, cuts=cuts)
    assert page.error is None
    assert page.heard == [message for message, _ in messages]


def test_fragments_are_put_together_and_pings_between_them_are_answered() -> None:
    page = told(
        page_frame(BINARY, b"one ", final=False)
        + page_frame(PING, b"?")
        + page_frame(MORE, b"two ", final=False)
        + page_frame(PONG, b"unasked")
        + page_frame(MORE, b"three")
    )
    assert page.heard == [b"one two three"]
    assert page.line.written == framed(PONG, b"?")


def test_a_letter_cut_by_fragments_is_whole_again() -> None:
    snow = "☃".encode()
    assert told(page_frame(TEXT, snow[:1], final=False) + page_frame(MORE, snow[1:])).heard == ["☃"]


def test_the_longest_message_passes() -> None:
    assert told(page_frame(BINARY, bytes(100)), message_bytes_max=100).heard == [bytes(100)]


@pytest.mark.parametrize(
    "line",
    [
        page_frame(BINARY, bytes(101)),
        page_frame(BINARY, bytes(60), final=False) + page_frame(MORE, bytes(60)),
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        page_frame(MORE, b"x"),
        page_frame(BINARY, b"x", final=False) + page_frame(BINARY, b"y"),
        page_frame(0x3, b"x"),
        page_frame(0xB, b"x"),
        b"\xc2" + page_frame(BINARY, b"x")[1:],
        page_frame(PING, b"x", final=False),
        page_frame(PING, bytes(126)),
        page_frame(TEXT, b"\xff\xfe"),
        page_frame(TEXT, "☃".encode()[:2]),
        page_frame(CLOSE, b"\x03"),
        page_frame(CLOSE, struct.pack("!H", 1005)),
        page_frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    ],
    ids=[
        "too-long",
        "too-long-in-pieces",
        "nine-exabytes",
        "goes-on-with-nothing",
        "begins-in-the-middle",
        "unknown-kind",
        "unknown-control",
        "extension",
        "ping-in-pieces",
        "long-ping",
        "no-utf-8",
        "half-a-letter",
        "half-a-code",
        "forbidden-code",
        "close-without-utf-8",
    ],
)
def test_what_is_no_websocket_is_refused_and_nothing_follows(line: bytes) -> None:
    page = told(line + page_frame(BINARY, b"more"), message_bytes_max=100)
    assert page.error is not None
    assert page.heard == []


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_or_waited_for(line: bytes) -> None:
    page = told(line, message_bytes_max=200)
    assert all(len(payload) <= 200 for payload in page.heard)


@pytest.mark.parametrize(
    ("payload", "answer"), [(struct.pack("!H", 4409) + b"bye", struct.pack("!H", 4409)), (b"", b"")]
)
def test_a_goodbye_is_returned_once_and_the_line_closed(payload: bytes, answer: bytes) -> None:
    page = told(page_frame(CLOSE, payload) + page_frame(CLOSE, payload))
    assert page.line.written == framed(CLOSE, answer)
    assert page.line.over


def test_who_said_goodbye_first_only_waits_for_the_answer() -> None:
    async def part() -> Page:
        page = Page()
        page.socket.close(4413, "room_full")
        page.socket.write(framed(BINARY, b"too late"))
        page.socket.close(1000, "again")
        page.socket.data_received(page_frame(CLOSE, struct.pack("!H", 4413)))
        return page

    page = asyncio.run(part())
    assert page.line.written == framed(CLOSE, struct.pack("!H", 4413) + b"room_full")
    assert page.line.over


async def test_a_request_that_is_no_upgrade_leaves_its_line_to_the_next() -> None:
    async def live(request: web.Request) -> web.StreamResponse:
        _, response = await Socket.upgrade(request, message_bytes_max=LIMIT, heartbeat_seconds=10, stuck_seconds=1)
        return response

    async def well(_request: web.Request) -> web.Response:
        return web.Response(text="well")

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/well", well)])
    one_line = aiohttp.TCPConnector(limit=1)
    async with TestServer(app) as server, aiohttp.ClientSession(connector=one_line) as http, asyncio.timeout(5):
        async with http.get(server.make_url("/live")) as answer:
            assert answer.status == 400
        async with http.get(server.make_url("/well")) as answer:
            assert await answer.text() == "well"
