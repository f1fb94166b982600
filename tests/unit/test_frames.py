"""WebSocket frames: however the network cuts them, the messages are the same; nonsense is refused and nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.errors import MalformedMessage
from unisono.live.frames import BINARY, CLOSE, PING, TEXT, Assembler, accept_of, framed, framed_close, framed_packet

LIMIT = 70_000


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


messages = st.lists(
    st.tuples(
        st.sampled_from([TEXT, BINARY]),
        st.one_of(st.binary(max_size=300), st.integers(0, LIMIT).map(bytes)),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=6,
)


@given(messages=messages, cuts=st.lists(st.integers(0, 3000), max_size=20))
def test_the_network_may_cut_anywhere(messages: list[tuple[int, bytes, bytes]], cuts: list[int]) -> None:
    line = b"".join(page_frame(opcode, payload, mask=mask) for opcode, payload, mask in messages)
    assembler, found, at = Assembler(message_bytes_max=LIMIT), [], 0
    for cut in [*cuts, len(line)]:
        found += assembler.feed(line[at : at + cut])
        at += cut
    assert found == [(opcode, payload) for opcode, payload, _ in messages]


def test_fragments_are_put_together_and_pings_may_come_between() -> None:
    line = (
        page_frame(BINARY, b"one ", final=False)
        + page_frame(PING, b"?")
        + page_frame(0, b"two ", final=False)
        + page_frame(0, b"three")
    )
    assert Assembler(message_bytes_max=100).feed(line) == [(PING, b"?"), (BINARY, b"one two three")]


@pytest.mark.parametrize(
    "line",
    [
        b"\x82\x03abcdefgh",  # no mask
        page_frame(BINARY, bytes(101)),  # too long
        page_frame(BINARY, bytes(60), final=False) + page_frame(0, bytes(60)),  # too long in pieces
        page_frame(0, b"x"),  # goes on with nothing
        page_frame(BINARY, b"x", final=False) + page_frame(BINARY, b"y"),  # begins in the middle
        page_frame(0x3, b"x"),  # a kind that nobody knows
        b"\xc2" + page_frame(BINARY, b"x")[1:],  # an extension that was not agreed on
        page_frame(PING, b"x", final=False),
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",  # nine exabytes
    ],
)
def test_what_is_no_websocket_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Assembler(message_bytes_max=100).feed(line)


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_or_waited_for(line: bytes) -> None:
    try:
        found = Assembler(message_bytes_max=200).feed(line)
    except MalformedMessage:
        return
    assert all(len(payload) <= 200 for _, payload in found)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_server_frames_say_their_length(size: int) -> None:
    frame = framed_packet(bytes(size))
    head = {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[size]
    assert frame[0] == 0x82
    assert len(frame) == head + size
    assert int.from_bytes(frame[2:head], "big") == (size if head > 2 else 0)


def test_a_close_says_why_and_stays_short() -> None:
    frame = framed_close(4413, "x" * 200)
    assert frame[:4] == bytes((0x80 | CLOSE, 125)) + struct.pack("!H", 4413)
    assert len(frame) == 127
    assert framed(TEXT, b"ciao") == b"\x81\x04ciao"


def test_the_handshake_of_the_standard() -> None:
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
    assert accept_of("") is None
    assert accept_of("short") is None
