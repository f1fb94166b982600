"""Parts of the page, after the modules of web/static/engine: what it keeps (outbox.js) and what its ear hears (ear.js).

The ear moves in blocks of 10 ms (a worklet's are 2.7 ms); sound card and round trip are exact here: what a real one
does to a stem is measured by `python -m bench sync`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from tests.sim.tones import Tone
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position

EAR_BLOCK_MS = 10.0
_EAR_BLOCK_SAMPLES = 480
_STEER_SECONDS, _STEER_PPM_MAX, _JUMP_SAMPLES = 10, 300, 960
_RESEND_AFTER_MS = 3000.0
_SILENCE = bytes(2 * FRAME_SAMPLES)


@dataclass(slots=True)
class Ear:
    """Which position is heard when. `record` has (ms, position, epoch) of every block that was played."""

    epoch: int = 0
    record: list[tuple[float, float, int]] = field(default_factory=list)
    _aim: tuple[float, float, float] | None = None
    _position: float = math.nan
    _jump: bool = False

    def aim(self, ms: float, position: float, per_ms: float) -> None:
        """Where this ear should be."""
        self._aim = (ms, position, per_ms)

    def play(self, ms: float) -> None:
        """The block that begins now."""
        if self._aim is None:
            return
        then_ms, position, per_ms = self._aim
        target = position + per_ms * (ms - then_ms)
        if math.isnan(self._position):
            self._position = target
        error = target - self._position
        if self._jump:
            self._jump, self._position, error = False, target, 0.0
            self.epoch += 1
        self._jump = abs(error) > _JUMP_SAMPLES
        self.record.append((ms, self._position, self.epoch))
        limit = _STEER_PPM_MAX * 1e-6
        steer = 1 + max(-limit, min(limit, error / (SAMPLE_RATE * _STEER_SECONDS)))
        self._position += _EAR_BLOCK_SAMPLES * steer

    def heard_at(self, ms: float) -> float:
        """The position heard at a moment that has been played, or up to a block later; NaN before the first."""
        index = bisect_right(self.record, (ms, math.inf, 0)) - 1
        if index < 0:
            return math.nan
        then_ms, position, _ = self.record[index]
        return position + (ms - then_ms) * SAMPLE_RATE / 1000


@dataclass(slots=True)
class Stamper:
    """From what was heard to what is sung: contiguous frames inside each of the ear's epochs (stamp.js)."""

    tone: Tone
    epoch: int = 0
    silent: bool = False
    """Outside songs, when nothing that is stamped is sent."""
    _next: float = math.nan
    _ear_epoch: int = 0
    _heard: float = math.nan

    def hear(self, position: float, ear_epoch: int) -> list[Packet]:
        """The ear's block at `position` has come back in at the microphone; the frames that are complete by it."""
        done: list[Packet] = []
        if ear_epoch != self._ear_epoch:
            done += self._up_to_the_jump()
            self._ear_epoch = ear_epoch
        if math.isnan(self._next):
            self._next = math.ceil(position)
        self._heard = position + _EAR_BLOCK_SAMPLES
        while self._next + FRAME_SAMPLES <= position:
            done.append(self._packet(FRAME_SAMPLES))
        return done

    def _up_to_the_jump(self) -> list[Packet]:
        """All whole frames, then one that ends in silence where the jump was; a new epoch begins."""
        done = []
        while self._next + FRAME_SAMPLES <= self._heard:
            done.append(self._packet(FRAME_SAMPLES))
        if self._heard > self._next:
            done.append(self._packet(int(self._heard - self._next)))
        self.epoch += 1
        self._next = math.nan
        return done

    def _packet(self, filled: int) -> Packet:
        start = int(self._next)
        self._next += FRAME_SAMPLES
        return Packet(
            kind=Kind.VOICE,
            seat=0,
            epoch=self.epoch,
            position=Position(start),
            frames=(_SILENCE if self.silent else self._frame(start, filled),),
            level=20,
            codec=Codec.PCM,
        )

    def _frame(self, start: int, filled: int) -> bytes:
        sound = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        sound[:filled] = self.tone.sound(start, filled)
        return np.rint(sound * 32767).astype("<i2").tobytes()


@dataclass(slots=True)
class Outbox:
    """What is not known to be written (outbox.js): `sent_ms` is NaN for what must go out again."""

    packets: dict[tuple[int, int], tuple[Packet, float]] = field(default_factory=dict)

    def add(self, packet: Packet, sent_ms: float) -> None:
        """One more, gone out live at `sent_ms`, or not (NaN)."""
        self.packets[packet.epoch, packet.position] = packet, sent_ms

    def written(self, epoch: int, spans: Iterable[tuple[int, int]]) -> None:
        """These are on the server's disk."""
        for key in [key for key in self.packets if key[0] == epoch and any(a <= key[1] < b for a, b in spans)]:
            del self.packets[key]

    def missing(self, spans: Iterable[tuple[int, int]]) -> None:
        """The room asks for these."""
        spans = list(spans)
        self._send_again(lambda packet: any(packet.span.start < b and packet.span.stop > a for a, b in spans))

    def lost(self) -> None:
        """The connection they went out on is gone."""
        self._send_again(lambda _: True)

    def _send_again(self, which: object) -> None:
        assert callable(which)
        for key, (packet, _) in self.packets.items():
            if which(packet):
                self.packets[key] = packet, math.nan

    def repairs(self, now_ms: float, count: int) -> Iterator[Packet]:
        """At most so many to send now: what never went out, then what went unanswered."""
        for unsent in (True, False):
            for key, (packet, sent_ms) in list(self.packets.items()):
                if count <= 0:
                    return
                if math.isnan(sent_ms) == unsent and not now_ms - sent_ms < _RESEND_AFTER_MS:
                    self.packets[key] = packet, now_ms
                    count -= 1
                    yield replace(packet, repair=True)


@dataclass(slots=True)
class Tapes:
    """What lay on the page's tapes when its ear came by, over one stretch: leader and mix, by position."""

    start: int
    samples: int
    late_frames: int = 0
    _tapes: dict[Kind, Audio] = field(default_factory=dict)

    def write(self, kind: Kind, position: int, sound: Audio, ear_at: float) -> None:
        """Sound, float32 (samples,), came when the ear was at `ear_at`: what it has passed is not heard any more."""
        if kind not in self._tapes:
            self._tapes[kind] = np.zeros(self.samples, dtype=np.float32)
        passed = 0 if math.isnan(ear_at) else max(0, math.ceil(ear_at) - position)
        self.late_frames += passed > 0
        first = max(passed, self.start - position)
        last = min(len(sound), self.start + self.samples - position)
        if first < last:
            at = position - self.start
            self._tapes[kind][at + first : at + last] = sound[first:last]

    @property
    def heard(self) -> Audio:
        """All that was heard, float32 (samples,)."""
        silence = np.zeros(self.samples, dtype=np.float32)
        return np.asarray(np.add.reduce([silence, *self._tapes.values()]), np.float32)
