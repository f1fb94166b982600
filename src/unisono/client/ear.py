"""What a client hears: packets decoded onto tapes, addressed by position. Pure but for the stateful codec.

Decoding adds no delay and takes none off: the first sample a plain decoder yields stands at the frame's position
(docs/wire.md). Where a frame is missing the tape stays blank there, and the decoder starts anew behind the gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from unisono.client.tape import Tape
from unisono.core.wire import Codec, Kind, Packet
from unisono.errors import BrokenFrame
from unisono.opus import Decoder
from unisono.units import Audio, Position

HEARD_KINDS = (Kind.LEADER, Kind.MIX, Kind.CHATTER)


@dataclass(slots=True, kw_only=True)
class _Stream:
    """One kind's tape, its decoder, and where the decoder stands: (seat, epoch, next position)."""

    tape: Tape
    decoder: Decoder
    stands_at: tuple[int, int, Position] | None = None


@dataclass(slots=True)
class Heard:
    """Counts that say how well one hears."""

    frames: int = 0
    gaps: int = 0
    broken_frames: int = 0
    lead_samples_min: dict[Kind, int] = field(default_factory=dict)
    """How long before it was needed the latest packet came; negative is too late."""


class Ear:
    """Tapes of the leader (mono), of the mix before one's row and of chatter (both stereo)."""

    def __init__(self, *, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._streams: dict[Kind, _Stream] = {}
        self.heard = Heard()

    def tape(self, kind: Kind) -> Tape:
        """The tape of one kind; blank until its first packet."""
        return self._stream(kind).tape

    def hear(self, packet: Packet, *, heard_position: float | None = None) -> None:
        """Decode a packet of LEADER, MIX or CHATTER; doubles are left alone.

        `heard_position` is what is at the ear now; with it the ear notes how early the packet came.
        """
        if heard_position is not None:
            lead_samples = int(packet.position - heard_position)
            least = self.heard.lead_samples_min
            least[packet.kind] = min(least.get(packet.kind, lead_samples), lead_samples)
        stream = self._stream(packet.kind)
        for position, frame in packet.positioned_frames():
            self._hear_frame(stream, packet, position, frame)

    def _hear_frame(self, stream: _Stream, packet: Packet, position: Position, frame: bytes) -> None:
        whose = (packet.seat, packet.epoch)
        if stream.stands_at is not None and stream.stands_at[:2] == whose and position < stream.stands_at[2]:
            return
        if stream.stands_at != (*whose, position):
            self.heard.gaps += stream.stands_at is not None and stream.stands_at[:2] == whose
            stream.decoder.reset()
        sound = self._decoded(stream, packet, frame)
        if sound is not None:
            stream.tape.write(position, sound)
            self.heard.frames += 1
        stream.stands_at = (*whose, Position(position + (packet.span.samples // len(packet.frames))))

    def _decoded(self, stream: _Stream, packet: Packet, frame: bytes) -> Audio | None:
        if packet.codec is Codec.PCM:
            return _from_pcm(frame, 2 if packet.stereo else 1, stream.tape.channels)
        try:
            return stream.decoder.decode(frame)
        except BrokenFrame:
            self.heard.broken_frames += 1
            return None

    def _stream(self, kind: Kind) -> _Stream:
        if kind not in self._streams:
            if kind not in HEARD_KINDS:
                raise ValueError(f"{kind} is not heard by clients")
            channels = 1 if kind is Kind.LEADER else 2
            tape = Tape(channels=channels, seconds=self._seconds)
            self._streams[kind] = _Stream(tape=tape, decoder=Decoder(channels))
        return self._streams[kind]


def _from_pcm(frame: bytes, channels: int, wanted: int) -> Audio:
    """A PCM frame as float32 (samples, wanted): mono is doubled, stereo is averaged."""
    sound = np.frombuffer(frame, dtype="<i2").reshape(-1, channels).astype(np.float32) / 32768.0
    if channels == wanted:
        return sound
    mono: Audio = sound.mean(axis=1, keepdims=True, dtype=np.float32)
    return np.repeat(mono, wanted, axis=1)
