"""A voice on its way out: sound at positions in, stamped packets out. Pure.

A block that begins at p is encoded with a look-ahead, so its frame is stamped p minus that (docs/wire.md). Inside an
epoch frames are contiguous; a jump ends the epoch, padded so that nothing already sung is lost, and begins the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unisono.core.mix import wire_level
from unisono.core.wire import Codec, Kind, Packet
from unisono.opus import Encoder
from unisono.units import FRAME_SAMPLES, Audio, Position, Span

VOICE_BITRATE = 64_000
FADE_SAMPLES = 240
"""A jump is faded over 5 ms on each side, so that it is no click."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEpoch:
    """One epoch of a stem as it was stamped: what the `sent` message says."""

    epoch: int
    span: Span


class Voice:
    """One performer's sound inside `[start, stop)`: everything sung there is packed, nothing outside is.

    `stop` may be set later, and only once. Epochs count on from `epoch`; `next_epoch` is what the voice after this one
    must begin with.
    """

    def __init__(
        self,
        *,
        seat: int,
        start: Position,
        stop: Position | None,
        epoch: int,
        codec: Literal["opus", "pcm"] = "opus",
        kind: Kind = Kind.VOICE,
    ) -> None:
        self._seat = seat
        self._start = start
        self._stop = stop
        self._epoch = epoch
        self._kind = kind
        self._encoder = Encoder(1, VOICE_BITRATE) if codec == "opus" else None
        self._lookahead_samples = self._encoder.lookahead_samples if self._encoder else 0
        self._pending: Audio = np.zeros(0, dtype=np.float32)
        self._at: Position | None = None
        self._began: Position | None = None
        self._ended: list[SentEpoch] = []

    @property
    def next_epoch(self) -> int:
        """The first epoch this voice has not used."""
        return self._epoch if self._at is None else self._epoch + 1

    @property
    def position(self) -> Position | None:
        """One after the last position sung so far; None before the first and after a jump."""
        return None if self._at is None else Position(self._at + self._pending.size)

    @property
    def stop(self) -> Position | None:
        """Where the song ends; None while that is not known."""
        return self._stop

    def sent_epochs(self) -> list[SentEpoch]:
        """The epochs that have ended, in order, up to the frame in which the song ends.

        Whoever learns of a stop late has sung past it, and the server takes nothing from there.
        """
        if self._stop is None:
            return list(self._ended)
        end = self._stop + FRAME_SAMPLES
        return [
            SentEpoch(epoch=one.epoch, span=Span(start=one.span.start, stop=Position(min(one.span.stop, end))))
            for one in self._ended
            if one.span.start < self._stop
        ]

    def end_at(self, stop: Position) -> None:
        """Sing no further than `stop`."""
        self._stop = stop

    def is_past_stop(self) -> bool:
        """Whether everything up to the stop has been sung."""
        return self._stop is not None and self.position is not None and self.position >= self._stop

    def sing(self, position: Position, sound: Audio) -> list[Packet]:
        """Packets made complete by `sound`, float32 (samples,), sung from `position` on."""
        skip = max(0, self._start - position)
        keep = sound.size if self._stop is None else min(sound.size, self._stop - position)
        if keep <= skip:
            return []
        position, sound = Position(position + skip), sound[skip:keep]
        packets = []
        if self._at is not None and position != self.position:
            packets += self.finish()
        if self._at is None:
            self._begin(position)
            if position != self._start:
                sound = _faded_in(sound)
        self._pending = np.concatenate((self._pending, sound))
        return packets + self._drain()

    def finish(self) -> list[Packet]:
        """End the epoch: pad it with silence until all that was sung comes out of a decoder; the last packets."""
        if self._at is None or self._began is None:
            return []
        if self.position != self._stop and self._pending.size:
            self._pending = _faded_in(self._pending[::-1])[::-1]
        short = -(self._pending.size + self._lookahead_samples) % FRAME_SAMPLES
        self._pending = np.concatenate((self._pending, np.zeros(self._lookahead_samples + short, dtype=np.float32)))
        packets = self._drain()
        stop = Position(self._at - self._lookahead_samples)
        self._ended.append(SentEpoch(epoch=self._epoch, span=Span(start=self._began, stop=stop)))
        self._epoch += 1
        self._at = None
        if self._encoder is not None:
            self._encoder.reset()
        return packets

    def _begin(self, position: Position) -> None:
        self._at = position
        self._began = Position(position - self._lookahead_samples)
        self._pending = np.zeros(0, dtype=np.float32)

    def _drain(self) -> list[Packet]:
        packets = []
        while self._pending.size >= FRAME_SAMPLES:
            packets.append(self._packet(self._pending[:FRAME_SAMPLES]))
            self._pending = self._pending[FRAME_SAMPLES:]
        return packets

    def _packet(self, block: Audio) -> Packet:
        assert self._at is not None
        position = Position(self._at - self._lookahead_samples)
        self._at = Position(self._at + FRAME_SAMPLES)
        return Packet(
            kind=self._kind,
            seat=self._seat,
            epoch=self._epoch,
            position=position,
            frames=(self._encoder.encode(block) if self._encoder is not None else pcm_frame(block),),
            level=wire_level(block),
            codec=Codec.OPUS if self._encoder is not None else Codec.PCM,
        )


def pcm_frame(block: Audio) -> bytes:
    """A frame as 16-bit little-endian integers; float32 (samples,) or (samples, 2), range +-1."""
    frame: bytes = np.clip(np.rint(block * 32768.0), -32768, 32767).astype("<i2").tobytes()
    return frame


def _faded_in(sound: Audio) -> Audio:
    ramp = np.ones(sound.size, dtype=np.float32)
    fade = min(FADE_SAMPLES, sound.size)
    ramp[:fade] = np.linspace(0.0, 1.0, fade, endpoint=False, dtype=np.float32)
    faded: Audio = sound * ramp
    return faded
