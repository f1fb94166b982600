"""Frames: WebSocket frames from the server to its pages (RFC 6455, 5.2), as bytes. Pure.

What a whole row gets is framed once, and the same bytes are written to everybody in it. What comes is read by aiohttp
(live/socket.py).
"""

from __future__ import annotations

import struct
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_FINAL: Final = 0x80
_CONTROL_BYTES_MAX: Final = 125


def framed(opcode: int, payload: bytes) -> bytes:
    """One whole frame from the server, unmasked."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", _FINAL | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FINAL | opcode, 127, size) + payload


def framed_text(text: str) -> bytes:
    """A text message's frame."""
    return framed(TEXT, text.encode())


def framed_packet(packet: bytes) -> bytes:
    """A binary message's frame."""
    return framed(BINARY, packet)


def framed_close(code: int, reason: str) -> bytes:
    """The frame that says why."""
    return framed(CLOSE, struct.pack("!H", code) + reason.encode()[: _CONTROL_BYTES_MAX - 2])


def is_packet(frame: bytes) -> bool:
    """Whether this frame of the server's is a binary message."""
    return frame[0] == _FINAL | BINARY
