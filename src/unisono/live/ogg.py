"""Ogg: a live Opus stream as an Ogg file without end (RFC 3533, RFC 7845), page by page."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from unisono.units import FRAME_SAMPLES, SAMPLE_RATE

_POLYNOMIAL = 0x04C11DB7
_BEGINS = 2


def _checksums() -> tuple[int, ...]:
    """The table of Ogg's CRC-32: unreflected, so not the one that zlib has."""
    table = []
    for byte in range(256):
        rest = byte << 24
        for _ in range(8):
            rest = ((rest << 1) ^ _POLYNOMIAL if rest & 0x8000_0000 else rest << 1) & 0xFFFF_FFFF
        table.append(rest)
    return tuple(table)


_TABLE = _checksums()


def checksum(data: bytes) -> int:
    """Ogg's CRC-32 of a page whose checksum field is 0."""
    rest = 0
    for byte in data:
        rest = ((rest << 8) & 0xFFFF_FFFF) ^ _TABLE[(rest >> 24) ^ byte]
    return rest


class OggOpus:
    """One listener's stream: `head` first, then pages of frames."""

    def __init__(self, *, serial: int, channels: int, preskip_samples: int) -> None:
        self._serial = serial
        self._channels = channels
        self._preskip = preskip_samples
        self._sequence = 0
        self._samples = 0

    def head(self) -> bytes:
        """The two pages that begin the stream: OpusHead and OpusTags."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, self._channels, self._preskip, SAMPLE_RATE, 0, 0)
        vendor = b"unisono"
        tags = struct.pack("<8sI", b"OpusTags", len(vendor)) + vendor + struct.pack("<I", 0)
        return self._page([head], flags=_BEGINS) + self._page([tags])

    def page(self, frames: Sequence[bytes]) -> bytes:
        """One page of 20 ms frames, at most 255 / (frame bytes / 255) of them."""
        self._samples += FRAME_SAMPLES * len(frames)
        return self._page(frames)

    def _page(self, packets: Sequence[bytes], *, flags: int = 0) -> bytes:
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
        if len(lacing) > 255:
            raise ValueError(f"{len(lacing)} segments do not fit into one Ogg page")
        head = struct.pack("<4sBBqIII", b"OggS", 0, flags, self._samples, self._serial, self._sequence, 0) + bytes(
            (len(lacing),)
        )
        self._sequence += 1
        body = b"".join(packets)
        whole = head + lacing + body
        return whole[:22] + struct.pack("<I", checksum(whole)) + whole[26:]
