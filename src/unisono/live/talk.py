"""Talk: between songs everybody hears everybody else now, and never themselves.

Each talker's frames wait `WAIT_FRAMES` in order of arrival, so that a little jitter is not heard. Every 20 ms one frame
of each is mixed. Who is silent shares one encode; each of the at most `TALKERS_MAX` who sound gets a mix without
themselves. Whenever somebody changes from one stream to another, its epoch grows, so that pages begin it afresh.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from unisono.core.mix import Limiter, wire_level
from unisono.core.wire import Codec, Kind, Packet, pack
from unisono.errors import BrokenFrame
from unisono.live.pcm import frame_of, sound_of
from unisono.opus import Decoder, Encoder
from unisono.units import FRAME_SAMPLES, Audio, Position

TALKERS_MAX = 6
WAIT_FRAMES = 3
"""60 ms of jitter are evened out."""
_WAITING_MAX = 10
_CONCEALED_MAX = 3
_SILENT_FRAMES_MAX = 25
_BITRATE = 64_000
_EPOCHS = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatter:
    """The same bytes for one seat, or (`seat` None) for everybody `apart_from` those who get their own."""

    seat: int | None
    apart_from: frozenset[int]
    opus: bytes
    pcm: bytes | None


@dataclass(slots=True, kw_only=True)
class _Talker:
    """One open microphone: its frames waiting, its decoder, and the stream of everybody else made for it."""

    waiting: deque[tuple[bytes, Codec, bool, int]] = field(default_factory=deque)
    decoder: Decoder = field(default_factory=lambda: Decoder(1))
    playing: bool = False
    silent_frames: int = 0
    epoch: int = 0
    out: Encoder | None = None
    limiter: Limiter = field(default_factory=Limiter)

    def next_sound(self) -> Audio | None:
        """The next 20 ms, float32 (960,); None while nothing is played."""
        while len(self.waiting) > _WAITING_MAX:
            self.waiting.popleft()
        if not self.playing and len(self.waiting) >= WAIT_FRAMES:
            self.playing = True
            self.decoder.reset()
        if not self.playing:
            return None
        if not self.waiting:
            return self._conceal()
        self.silent_frames = 0
        frame, codec, stereo, _ = self.waiting.popleft()
        if codec is Codec.PCM:
            return sound_of(frame, stereo=stereo)
        try:
            return self.decoder.decode(frame)[:, 0]
        except BrokenFrame:
            return self.decoder.conceal()[:, 0]

    def _conceal(self) -> Audio | None:
        self.silent_frames += 1
        if self.silent_frames > _CONCEALED_MAX:
            self.playing = False
            return None
        return self.decoder.conceal()[:, 0]


class TalkDesk:
    """The talk of one room. `feed` and `opened` on the event loop, `tick` on a thread, while the loop waits for it."""

    def __init__(self) -> None:
        self._talkers: dict[int, _Talker] = {}
        self._fed: deque[tuple[int, Packet]] = deque()
        self._open: set[int] = set()
        self._encoder: Encoder | None = None
        self._limiter = Limiter()
        self._epochs = 0
        self._shared_epoch = 0
        self._quiet_frames = _SILENT_FRAMES_MAX
        self._at: int | None = None
        self.pcm_wanted = False

    @property
    def sounding(self) -> bool:
        """Whether anybody talks, or has until just now."""
        return bool(self._fed) or self._quiet_frames < _SILENT_FRAMES_MAX

    def opened(self, seat: int, on: bool) -> None:
        """A microphone opened or closed."""
        (self._open.add if on else self._open.discard)(seat)

    def feed(self, seat: int, packet: Packet) -> None:
        """A talker's packet."""
        if seat in self._open and len(self._fed) < 1000:
            self._fed.append((seat, packet))

    def close(self) -> None:
        """A song begins: nobody talks."""
        self._open.clear()
        self._fed.clear()
        self._quiet_frames = _SILENT_FRAMES_MAX

    # ------------------------------------------------------------------------------------ on the worker's thread

    def tick(self, now: Position) -> list[Chatter]:
        """20 ms of talk for everybody; nothing after half a second of silence."""
        self._take_in()
        at = now // FRAME_SAMPLES * FRAME_SAMPLES
        if self._at is None or at != self._at + FRAME_SAMPLES:
            if self._at is not None and at <= self._at:
                return []
            self._begin_anew()
        self._at = at
        sounds = {seat: sound for seat, talker in self._talkers.items() if (sound := talker.next_sound()) is not None}
        self._quiet_frames = 0 if sounds else self._quiet_frames + 1
        return self._mix(sounds, at)

    def _take_in(self) -> None:
        while self._fed:
            seat, packet = self._fed.popleft()
            talker = self._talkers.get(seat)
            if talker is None:
                if len(self._talkers) >= TALKERS_MAX:
                    continue
                talker = self._talkers[seat] = _Talker(epoch=self._next_epoch(), out=Encoder(2, _BITRATE))
            for frame in packet.frames:
                talker.waiting.append((frame, packet.codec, packet.stereo, packet.level))
        for seat in [s for s, t in self._talkers.items() if s not in self._open or self._tired(t)]:
            del self._talkers[seat]
            self._begin_shared()

    @staticmethod
    def _tired(talker: _Talker) -> bool:
        """Whether this talker has sent nothing for a while: somebody else may have the place."""
        if not talker.playing and not talker.waiting:
            talker.silent_frames += 1
        return talker.silent_frames > _SILENT_FRAMES_MAX

    def _next_epoch(self) -> int:
        self._epochs = (self._epochs + 1) % _EPOCHS
        return self._epochs

    def _begin_shared(self) -> None:
        """Somebody comes back to the shared stream: it begins afresh, so that they can."""
        self._shared_epoch = self._next_epoch()
        self._encoder = Encoder(2, _BITRATE)

    def _begin_anew(self) -> None:
        """Time has jumped: every stream begins afresh."""
        self._begin_shared()
        for talker in self._talkers.values():
            talker.epoch = self._next_epoch()
            talker.out = Encoder(2, _BITRATE)

    def _mix(self, sounds: dict[int, Audio], at: int) -> list[Chatter]:
        whole = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        for sound in sounds.values():
            whole += sound
        everybody = frozenset(self._talkers)
        assert self._encoder is not None
        chatter = [self._chatter(None, everybody, self._encoder, self._limiter, whole, at)]
        for seat, talker in self._talkers.items():
            assert talker.out is not None
            others = whole - sounds[seat] if seat in sounds else whole
            chatter.append(self._chatter(seat, everybody, talker.out, talker.limiter, others, at))
        return chatter

    def _chatter(
        self,
        seat: int | None,
        apart_from: frozenset[int],
        encoder: Encoder,
        limiter: Limiter,
        sound: Audio,
        at: int,
    ) -> Chatter:
        block = limiter.process(np.stack([sound, sound], axis=1))
        level = wire_level(sound)
        epoch = self._shared_epoch if seat is None else self._talkers[seat].epoch
        opus = _packet(encoder.encode(block), Codec.OPUS, epoch, level, at - encoder.lookahead_samples)
        pcm = _packet(frame_of(block), Codec.PCM, epoch, level, at) if self.pcm_wanted else None
        return Chatter(seat=seat, apart_from=apart_from, opus=opus, pcm=pcm)


def _packet(frame: bytes, codec: Codec, epoch: int, level: int, position: int) -> bytes:
    return pack(
        Packet(
            kind=Kind.CHATTER,
            seat=0,
            epoch=epoch,
            position=Position(max(0, position)),
            frames=(frame,),
            level=level,
            codec=codec,
            stereo=True,
        )
    )
