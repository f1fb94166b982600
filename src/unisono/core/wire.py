"""Wire: packets <-> bytes, as docs/wire.md lays them out. Sound passes here first and last.

Hostile bytes give MalformedPacket and nothing else (tests/fuzz/fuzz_wire.py). Vectors that the page's tests read too
are in spec/wire.json.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from unisono.errors import MalformedPacket
from unisono.units import FRAME_SAMPLES, POSITION_END, Position, Span

FRAMES_MAX: Final = 10
FRAME_BYTES_MAX: Final = 4000
EPOCH_MAX: Final = 65_534
SEAT_MAX: Final = 65_535
LEVEL_SILENT: Final = 127
PCM_MONO_BYTES: Final = 2 * FRAME_SAMPLES
PCM_STEREO_BYTES: Final = 4 * FRAME_SAMPLES

_HEADER: Final = struct.Struct("<BBHHBBq")
_LENGTH: Final = struct.Struct("<H")
_PROBE: Final = struct.Struct("<B7xd")
_ECHO: Final = struct.Struct("<B7xdd")
_FIRST: Final = _HEADER.size + _LENGTH.size
"""Where the first frame's bytes begin."""
_RESTAMP: Final = struct.Struct("<BBH")

PACKET_BYTES_MAX: Final = _HEADER.size + FRAMES_MAX * (_LENGTH.size + FRAME_BYTES_MAX)
"""No honest binary message is longer."""

_PCM, _STEREO, _REPAIR, _UNSURE = 1, 2, 4, 8
_ALL_FLAGS: Final = _PCM | _STEREO | _REPAIR | _UNSURE


class Kind(IntEnum):
    """What a binary message is: its first byte."""

    VOICE = 1
    TALK = 2
    LEADER = 3
    MIX = 4
    CHATTER = 5
    PROBE = 16
    ECHO = 17


SOUND_KINDS: Final = (Kind.VOICE, Kind.TALK, Kind.LEADER, Kind.MIX, Kind.CHATTER)
_KINDS: Final = {int(kind): kind for kind in Kind}
FROM_PAGE: Final = (Kind.VOICE, Kind.TALK, Kind.PROBE)
"""What comes most stands first: these are looked through, 5,000 times a second in a large room."""


class Codec(IntEnum):
    """How the frames of a packet are coded."""

    OPUS = 0
    PCM = 1


_OPUS: Final = Codec.OPUS
_CODECS: Final = (Codec.OPUS, Codec.PCM)
"""By the flag's value. To look a name up in an enumeration takes as long as to unpack the header."""


class Packet(Struct, frozen=True, kw_only=True, gc=False):
    """Up to ten contiguous frames of one seat's sound (or of a mix), the first of them at `position`.

    `level` is the first frame's loudness as -dBFS RMS, 0..127, 127 for silence. Raises MalformedPacket when any field
    is out of its range, so that a Packet that exists can be written.
    """

    kind: Kind
    seat: int
    epoch: int
    position: Position
    frames: tuple[bytes, ...]
    level: int = LEVEL_SILENT
    codec: Codec = Codec.OPUS
    stereo: bool = False
    repair: bool = False
    unsure: bool = False

    def __post_init__(self) -> None:
        _check_header(self)
        for frame in self.frames:
            if self.codec is not _OPUS or not 1 <= len(frame) <= FRAME_BYTES_MAX:
                _check_frame(self, frame)

    @property
    def stop(self) -> Position:
        """Where the frames end."""
        return Position(self.position + len(self.frames) * FRAME_SAMPLES)

    @property
    def span(self) -> Span:
        """The stretch of the axis that the frames cover."""
        return Span(start=self.position, stop=self.stop)

    def positioned_frames(self) -> Iterator[tuple[Position, bytes]]:
        """Each frame with the position of its first sample."""
        for index, frame in enumerate(self.frames):
            yield Position(self.position + index * FRAME_SAMPLES), frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A page asks what time it is in the room; `sent_ms` is any finite number it likes."""

    sent_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """The answer: the page's own number back, and the room's position (a fraction of a sample counts) when it came."""

    sent_ms: float
    position: float


def _check_header(packet: Packet) -> None:
    if packet.kind not in SOUND_KINDS:
        raise MalformedPacket(reason=f"kind {packet.kind} carries no frames")
    if not 0 <= packet.seat <= SEAT_MAX:
        raise MalformedPacket(reason=f"seat {packet.seat} is not in 0..{SEAT_MAX}")
    if not 0 <= packet.epoch <= EPOCH_MAX:
        raise MalformedPacket(reason=f"epoch {packet.epoch} is not in 0..{EPOCH_MAX}")
    if not 0 <= packet.level <= LEVEL_SILENT:
        raise MalformedPacket(reason=f"level {packet.level} is not in 0..{LEVEL_SILENT}")
    if not 1 <= len(packet.frames) <= FRAMES_MAX:
        raise MalformedPacket(reason=f"{len(packet.frames)} frames are not 1..{FRAMES_MAX}")
    if packet.position < 0 or packet.position + len(packet.frames) * FRAME_SAMPLES > POSITION_END:
        raise MalformedPacket(reason=f"position {packet.position} is off the axis")


def _check_frame(packet: Packet, frame: bytes) -> None:
    if not 1 <= len(frame) <= FRAME_BYTES_MAX:
        raise MalformedPacket(reason=f"a frame of {len(frame)} bytes is not 1..{FRAME_BYTES_MAX}")
    if packet.codec is Codec.PCM:
        wanted = PCM_STEREO_BYTES if packet.stereo else PCM_MONO_BYTES
        if len(frame) != wanted:
            raise MalformedPacket(reason=f"a PCM frame of {len(frame)} bytes is not {wanted}")


def pack(message: Packet | Probe | Echo) -> bytes:
    """The bytes of one binary message."""
    match message:
        case Packet():
            return _pack_packet(message)
        case Probe():
            return _PROBE.pack(Kind.PROBE, message.sent_ms)
        case Echo():
            return _ECHO.pack(Kind.ECHO, message.sent_ms, message.position)


def _pack_packet(packet: Packet) -> bytes:
    flags = (
        (_PCM if packet.codec is Codec.PCM else 0)
        | (_STEREO if packet.stereo else 0)
        | (_REPAIR if packet.repair else 0)
        | (_UNSURE if packet.unsure else 0)
    )
    count = len(packet.frames)
    parts = [_HEADER.pack(packet.kind, flags, packet.seat, packet.epoch, packet.level, count, packet.position)]
    for frame in packet.frames:
        parts.append(_LENGTH.pack(len(frame)))
        parts.append(frame)
    return b"".join(parts)


def unpack(data: bytes | bytearray | memoryview) -> Packet | Probe | Echo:
    """The message in `data`; raises MalformedPacket, and nothing else, when it is none."""
    data = bytes(data)
    if len(data) < _PROBE.size:
        raise MalformedPacket(reason=f"{len(data)} bytes are too few")
    if len(data) > PACKET_BYTES_MAX:
        raise MalformedPacket(reason=f"{len(data)} bytes are too many")
    kind = _KINDS.get(data[0])
    if kind is None:
        raise MalformedPacket(reason=f"kind {data[0]} is unknown")
    if kind in SOUND_KINDS:
        return _unpack_packet(kind, data)
    return _unpack_probe(data) if kind is Kind.PROBE else _unpack_echo(data)


def unpack_from_page(data: bytes | bytearray | memoryview) -> Packet | Probe:
    """What a page sent: like `unpack`, and MalformedPacket too for kinds that only the server sends."""
    message = unpack(data)
    if isinstance(message, Packet) and message.kind in FROM_PAGE:
        return message
    if isinstance(message, Probe):
        return message
    raise MalformedPacket(reason="this kind goes from the server to pages only")


def _unpack_probe(data: bytes) -> Probe:
    if len(data) != _PROBE.size:
        raise MalformedPacket(reason=f"a probe has {_PROBE.size} bytes, not {len(data)}")
    _, sent_ms = _PROBE.unpack(data)
    if not math.isfinite(sent_ms):
        raise MalformedPacket(reason=f"sent_ms {sent_ms} is not a number to echo")
    return Probe(sent_ms=sent_ms)


def _unpack_echo(data: bytes) -> Echo:
    if len(data) != _ECHO.size:
        raise MalformedPacket(reason=f"an echo has {_ECHO.size} bytes, not {len(data)}")
    _, sent_ms, position = _ECHO.unpack(data)
    if not math.isfinite(sent_ms) or not 0 <= position < POSITION_END:
        raise MalformedPacket(reason=f"echo of {sent_ms} at {position} is off the axis")
    return Echo(sent_ms=sent_ms, position=position)


def _unpack_packet(kind: Kind, data: bytes) -> Packet:
    _, flags, seat, epoch, level, count, position = _HEADER.unpack_from(data)
    if flags & ~_ALL_FLAGS:
        raise MalformedPacket(reason=f"flags {flags:#04x} are unknown")
    return Packet(
        kind=kind,
        seat=seat,
        epoch=epoch,
        position=Position(position),
        frames=_unpack_frames(data, count),
        level=level,
        codec=_CODECS[flags & _PCM],
        stereo=bool(flags & _STEREO),
        repair=bool(flags & _REPAIR),
        unsure=bool(flags & _UNSURE),
    )


def _unpack_frames(data: bytes, count: int) -> tuple[bytes, ...]:
    if count > FRAMES_MAX:
        raise MalformedPacket(reason=f"{count} frames are not 1..{FRAMES_MAX}")
    if count == 1 and 0 <= len(data) - _FIRST == data[_FIRST - 2] | data[_FIRST - 1] << 8:
        return (data[_FIRST:],)  # what a page sends 50 times a second
    frames = []
    at = _HEADER.size
    for _ in range(count):
        if at + _LENGTH.size > len(data):
            raise MalformedPacket(reason="the last frame's length is cut off")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + length > len(data):
            raise MalformedPacket(reason="the last frame is cut off")
        frames.append(data[at : at + length])
        at += length
    if at != len(data):
        raise MalformedPacket(reason=f"{len(data) - at} bytes follow the last frame")
    return tuple(frames)


def restamped(data: bytes, *, kind: Kind, seat: int) -> bytes:
    """The bytes of a packet under another kind and seat, frames untouched: how the leader's voice is forwarded.

    `data` must have come through `unpack` (it is not checked again).
    """
    return _RESTAMP.pack(kind, data[1], seat) + data[4:]


def stop_of(data: bytes) -> int:
    """Where the frames of a packed packet end."""
    *_, count, position = _HEADER.unpack_from(data)
    return int(position + count * FRAME_SAMPLES)


def is_repair(data: bytes) -> bool:
    """Whether these bytes, which nobody has checked yet, call themselves a voice sent again."""
    return len(data) > 1 and data[0] == Kind.VOICE and bool(data[1] & _REPAIR)


def bundled(packets: Iterable[Packet], *, frames_max: int = FRAMES_MAX) -> list[Packet]:
    """The same frames in as few packets as their contiguity allows; the order of `packets` is kept.

    Packets join when one begins where the one before ended and all else but the level agrees.
    """
    joined: list[Packet] = []
    for packet in packets:
        if joined and _may_join(joined[-1], packet, frames_max):
            joined[-1] = replace(joined[-1], frames=joined[-1].frames + packet.frames)
        else:
            joined.append(packet)
    return joined


def _may_join(first: Packet, second: Packet, frames_max: int) -> bool:
    return (
        first.span.stop == second.position
        and len(first.frames) + len(second.frames) <= frames_max
        and replace(first, frames=second.frames, position=second.position, level=second.level) == second
    )
