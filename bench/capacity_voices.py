"""Voices of the load: hummed, encoded beforehand, framed as a browser's WebSocket would, so that sending costs nothing.

One packet is `head + masked position + tail`: only the position changes from lap to lap. The mask is a real one, so
that the server unmasks what it would have to unmask from a browser.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import numpy as np

from unisono.client.voice import VOICE_BITRATE
from unisono.core.mix import wire_level
from unisono.core.wire import Kind, Packet, pack
from unisono.opus import Encoder
from unisono.robots.hum import Note, hum
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, SAMPLE_RATE, Position

LAP_FRAMES = 250
"""Five seconds, sung over and over."""
VOICES = 12
_BEAT_SAMPLES = LAP_FRAMES * FRAME_SAMPLES // 8
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)
_POSITION_AT, _POSITION_BYTES = 8, 8
_WHOLE = (1 << 64) - 1


def hummed_frames(voice: int) -> tuple[list[bytes], list[int]]:
    """LAP_FRAMES Opus frames of one voice that never pauses, and the level byte of each."""
    random_ = random.Random(voice)
    notes = [
        Note(
            start_samples=beat * _BEAT_SAMPLES,
            samples=_BEAT_SAMPLES * 98 // 100,
            midi=45 + 2 * voice + random_.choice(_SCALE),
        )
        for beat in range(8)
    ]
    sound = hum(notes, seed=voice)[: LAP_FRAMES * FRAME_SAMPLES].reshape(LAP_FRAMES, FRAME_SAMPLES)
    encoder = Encoder(1, VOICE_BITRATE)
    return [encoder.encode(block) for block in sound], [wire_level(block) for block in sound]


@dataclass(frozen=True, slots=True)
class Parts:
    """One packet without its position, framed and masked."""

    head: bytes
    tail: bytes


class Score:
    """One voice's lap, ready to send."""

    def __init__(self, voice: int) -> None:
        self.frames, self.levels = hummed_frames(voice)
        mask = random.Random(1000 + voice).randbytes(4)
        self._mask = mask
        self._mask64 = int.from_bytes(mask * 2, "little")
        self._parts = {
            together: [self._parts_of(index, together) for index in range(LAP_FRAMES)] for together in (1, 2)
        }

    def _parts_of(self, index: int, together: int) -> Parts:
        frames = tuple(self.frames[(index + more) % LAP_FRAMES] for more in range(together))
        level = self.levels[index]
        plain = pack(Packet(kind=Kind.VOICE, seat=0, epoch=0, position=Position(0), frames=frames, level=level))
        framed = client_frame(0x2, plain, self._mask)
        start = len(framed) - len(plain) + _POSITION_AT
        return Parts(head=framed[:start], tail=framed[start + _POSITION_BYTES :])

    def packet(self, index: int, position: int, together: int) -> bytes:
        """The framed bytes of so many of the lap's frames from `index` on, one or two, stamped `position`."""
        part = self._parts[together][index % LAP_FRAMES]
        return part.head + ((position ^ self._mask64) & _WHOLE).to_bytes(8, "little") + part.tail


def client_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One whole masked WebSocket frame (RFC 6455)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    key = np.frombuffer((mask * (size // 4 + 1))[:size], dtype=np.uint8)
    return head + mask + (np.frombuffer(payload, dtype=np.uint8) ^ key).tobytes()


def first_stamp(start: int) -> int:
    """The stamp of the block that begins at a song's start."""
    return max(0, start - OPUS_LOOKAHEAD_SAMPLES)


def lap_index(stamp: int, start: int, offset: int) -> int:
    """Which frame of the lap stands at a stamp, for a singer who began the lap `offset` frames in."""
    return ((stamp - first_stamp(start)) // FRAME_SAMPLES + offset) % LAP_FRAMES


def offset_of(number: int) -> int:
    """Where in the lap a singer begins: no two of a voice sing the same at the same time."""
    return number * 37 % LAP_FRAMES


SECOND_NS = 1_000_000_000
SAMPLES_PER_NS = SAMPLE_RATE / SECOND_NS
