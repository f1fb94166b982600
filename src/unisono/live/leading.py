"""Leading: the leader's packets on their way to everybody behind, forwarded as they are.

Rows get each packet at once; listeners get ten frames in one. Only for pages without a decoder are they decoded here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from msgspec.structs import replace

from unisono.core.wire import FRAMES_MAX, Codec, Kind, Packet, bundled, pack, restamped
from unisono.errors import BrokenFrame
from unisono.live.pcm import frame_of
from unisono.opus import Decoder
from unisono.units import FRAME_SAMPLES, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """The same sound twice: as it came, and as PCM if somebody needs that."""

    opus: bytes
    pcm: bytes | None = None


class Leading:
    """The forwarding of one song's leader."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._decoder: Decoder | None = None
        self._decoded: tuple[int, int] | None = None
        self._bundle: list[Packet] = []
        self._bundle_pcm: list[Packet] = []

    def forward(
        self, packet: Packet, wire: bytes, *, pcm_wanted: bool, stop: Position | None = None
    ) -> tuple[Led, list[Led]]:
        """What rows get now, and what listeners get if a bundle is full, or the song ends with it at `stop`."""
        led = replace(packet, kind=Kind.LEADER, seat=self._leader)
        pcm = self._as_pcm(led) if pcm_wanted else None
        now = Led(opus=restamped(wire, kind=Kind.LEADER, seat=self._leader), pcm=pack(pcm) if pcm else None)
        self._bundle.append(led)
        if pcm:
            self._bundle_pcm.append(pcm)
        full = sum(len(kept.frames) for kept in self._bundle) >= FRAMES_MAX
        ends = stop is not None and packet.span.stop >= stop
        return now, self.flush() if full or ends else []

    def flush(self) -> list[Led]:
        """What listeners have not been sent yet."""
        opus = [pack(packet) for packet in bundled(self._bundle)]
        pcm = [pack(packet) for packet in bundled(self._bundle_pcm)]
        self._bundle, self._bundle_pcm = [], []
        return [Led(opus=wire, pcm=other) for wire, other in zip_longest(opus, pcm) if wire is not None]

    def _as_pcm(self, led: Packet) -> Packet:
        """The same frames decoded; a decoder that was elsewhere begins afresh. What is PCM stays as it is."""
        if led.codec is Codec.PCM:
            return led
        if self._decoder is None:
            self._decoder = Decoder(1)
        if self._decoded != (led.epoch, int(led.position)):
            self._decoder.reset()
        frames = tuple(self._decode(frame) for frame in led.frames)
        self._decoded = (led.epoch, led.position + len(frames) * FRAME_SAMPLES)
        return replace(led, frames=frames, codec=Codec.PCM, stereo=False, position=Position(led.position))

    def _decode(self, frame: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return frame_of(self._decoder.decode(frame)[:, 0])
        except BrokenFrame:
            return frame_of(self._decoder.conceal()[:, 0])
