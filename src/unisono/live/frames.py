"""Frames: WebSocket frames <-> bytes (RFC 6455), the server's side. Pure: bytes in, messages out.

What a row gets is framed once, and the same bytes go to everybody in it; what comes is cut out of whatever the line
delivers, without a task or a queue for each message. Hostile bytes give MalformedMessage and nothing else.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha1
from typing import Final

from unisono.errors import MalformedMessage

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_CONTINUATION: Final = 0x0
_FINAL, _MASKED = 0x80, 0x80
_CONTROL_BYTES_MAX = 125
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Message = tuple[int, bytes]
"""(TEXT, BINARY, CLOSE, PING or PONG, payload)"""


def accept_of(key: str) -> str | None:
    """The answer to a page's Sec-WebSocket-Key; None if it is none."""
    try:
        if len(b64decode(key, validate=True)) != 16:
            return None
    except (NotBase64, ValueError):
        return None
    return b64encode(sha1(key.encode() + _ACCEPT, usedforsecurity=False).digest()).decode()


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


class Assembler:
    """The bytes of one page's line, cut into messages."""

    def __init__(self, *, message_bytes_max: int) -> None:
        self._bytes_max = message_bytes_max
        self._rest = b""
        self._begun: tuple[int, bytes] | None = None
        """A message in fragments, as far as it has come."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now, in order. Raises MalformedMessage; nothing can follow then."""
        if self._rest:
            data = self._rest + data
        found: list[Message] = []
        at, size = 0, len(data)
        while size - at >= 6:
            first, length, body = data[at], data[at + 1], at + 6
            if not length & _MASKED:
                raise MalformedMessage(reason="a frame is not masked")
            length &= 0x7F
            if length > _CONTROL_BYTES_MAX:
                width = 2 if length == 126 else 8
                body += width
                if body > size:
                    break
                length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
            if length > self._bytes_max:
                raise MalformedMessage(reason=f"a message of {length} bytes is too long")
            stop = body + length
            if stop > size:
                break
            payload = _unmasked(data[body:stop], data[body - 4 : body])
            if first == _FINAL | BINARY and self._begun is None:
                found.append((BINARY, payload))
            else:
                self._take(first, payload, found)
            at = stop
        self._rest = data[at:]
        return found

    def _take(self, first: int, payload: bytes, found: list[Message]) -> None:
        """Any other frame than one that is a whole packet."""
        opcode, final = first & 0x0F, bool(first & _FINAL)
        if first & 0x70:
            raise MalformedMessage(reason="a frame has bits that nobody agreed on")
        if opcode in (CLOSE, PING, PONG):
            if not final or len(payload) > _CONTROL_BYTES_MAX:
                raise MalformedMessage(reason="a control frame is whole and short")
            found.append((opcode, payload))
            return
        if opcode == _CONTINUATION and self._begun is not None:
            opcode, before = self._begun
            payload = before + payload
        elif opcode not in (TEXT, BINARY) or self._begun is not None:
            raise MalformedMessage(reason=f"a frame of kind {opcode} has no place here")
        if len(payload) > self._bytes_max:
            raise MalformedMessage(reason=f"a message of {len(payload)} bytes is too long")
        self._begun = None if final else (opcode, payload)
        if final:
            found.append((opcode, payload))


def _unmasked(data: bytes, mask: bytes) -> bytes:
    """The payload under a page's mask: one exclusive or over the whole of it."""
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")
