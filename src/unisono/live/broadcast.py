"""Broadcast: what listeners hear as one plain Ogg Opus stream, for browsers that can only play an `<audio>`.

It listens as a page does: to the packets that listeners get, by position, and to the backing; and encodes what it hears
once for everybody, page by page. It costs nothing while nobody is tuned in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future

import numpy as np

from unisono.core.mix import Limiter
from unisono.core.song import SongRun
from unisono.core.wire import Codec, Kind, Packet, unpack
from unisono.errors import BrokenFrame, RoomFull
from unisono.live.ogg import OggOpus
from unisono.live.pcm import sound_of
from unisono.live.songs import WAV_HEAD_BYTES
from unisono.opus import Decoder, Encoder
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position

TUNED_IN_MAX = 100
_BITRATE = 96_000
_PAGE_FRAMES = 5
_WAITING_MAX = 100
_RING_SAMPLES = 2**19
_TALK_DELAY_SAMPLES = SAMPLE_RATE // 5
_JUMP_SAMPLES = SAMPLE_RATE // 2
_LEADER_GAIN, _BACKING_GAIN = 0.7, 0.4


class Broadcast:
    """One room's plain stream. `feed` and `tune_in` on the event loop, `tick` on a thread while the loop waits."""

    def __init__(self, fetch_backing: Callable[[str, int, int], Future[bytes]]) -> None:
        self._fetch_backing = fetch_backing
        self._fed: deque[bytes] = deque(maxlen=1000)
        self._queues: dict[asyncio.Queue[bytes | None], int] = {}
        """Who is tuned in, and by which link."""
        self._ring = np.zeros((_RING_SAMPLES, 2), dtype=np.float32)
        self._at: int | None = None
        self._decoders: dict[Kind, tuple[Decoder, int, int]] = {}
        self._encoder = Encoder(2, _BITRATE)
        self._limiter = Limiter()
        self._backing: tuple[str, Future[bytes] | Audio] = ("", np.zeros(0, dtype=np.float32))
        self._serials = 0

    @property
    def wanted(self) -> bool:
        """Whether anybody is tuned in."""
        return bool(self._queues)

    def feed(self, wire: bytes) -> None:
        """A packet that listeners get."""
        if self._queues:
            self._fed.append(wire)

    async def tune_in(self, link: int) -> AsyncGenerator[bytes]:
        """The stream from now on; ends when its link is revoked or its reader lags too far behind. Raises RoomFull."""
        if len(self._queues) >= TUNED_IN_MAX:
            raise RoomFull(capacity=TUNED_IN_MAX)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues[queue] = link
        self._serials += 1
        ogg = OggOpus(serial=self._serials, channels=2, preskip_samples=self._encoder.lookahead_samples)
        try:
            yield ogg.head()
            frames: list[bytes] = []
            while (frame := await queue.get()) is not None:
                frames.append(frame)
                if len(frames) == _PAGE_FRAMES:
                    yield ogg.page(frames)
                    frames = []
        finally:
            self._queues.pop(queue, None)

    def send(self, frames: list[bytes]) -> None:
        """Frames of `tick`, to everybody tuned in."""
        for queue in list(self._queues):
            for frame in frames:
                queue.put_nowait(frame)
            if queue.qsize() > _WAITING_MAX:
                self._end(queue)

    def revoke(self, links: frozenset[int]) -> None:
        """Whoever tuned in by one of these hears no more."""
        for queue, link in list(self._queues.items()):
            if link in links:
                self._end(queue)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._queues.pop(queue, None)
        queue.put_nowait(None)

    def close(self) -> None:
        """The room ends: so does every stream."""
        for queue in self._queues:
            queue.put_nowait(None)
        self._queues.clear()

    # ------------------------------------------------------------------------------------ on the worker's thread

    def tick(self, now: Position, song: SongRun | None) -> list[bytes]:
        """The frames that are due: what a listener hears now."""
        in_song = song is not None and song.running
        delay = song.seating.listener_delay_samples if song is not None and in_song else _TALK_DELAY_SAMPLES
        target = now - delay - FRAME_SAMPLES
        if self._at is None or abs(target - self._at) > _JUMP_SAMPLES:
            self._at = target
        while self._fed:
            self._hear(unpack(self._fed.popleft()))
        frames = []
        while self._at <= target:
            block = self._play(self._at)
            if song is not None and in_song:
                block += self._backing_at(song, self._at)
            frames.append(self._encoder.encode(self._limiter.process(block)))
            self._at += FRAME_SAMPLES
        return frames

    def _hear(self, packet: object) -> None:
        if not isinstance(packet, Packet) or self._at is None:
            return
        for position, frame in packet.positioned_frames():
            sound = self._decoded(packet, position, frame)
            if (
                sound is not None
                and self._at - FRAME_SAMPLES <= position < self._at + _RING_SAMPLES - 2 * FRAME_SAMPLES
            ):
                self._ring[(position + np.arange(FRAME_SAMPLES)) % _RING_SAMPLES] += sound

    def _decoded(self, packet: Packet, position: int, frame: bytes) -> Audio | None:
        """The frame's sound, float32 (960, 2); a stream that jumped begins afresh."""
        gain = np.float32(_LEADER_GAIN if packet.kind is Kind.LEADER else 1.0)
        if packet.codec is Codec.PCM:
            return gain * np.repeat(sound_of(frame, stereo=packet.stereo)[:, np.newaxis], 2, axis=1)
        decoder, epoch, expected = self._decoders.get(packet.kind) or (Decoder(2), -1, -1)
        if (epoch, expected) != (packet.epoch, position):
            decoder.reset()
        self._decoders[packet.kind] = (decoder, packet.epoch, position + FRAME_SAMPLES)
        try:
            return gain * decoder.decode(frame)
        except BrokenFrame:
            return None

    def _play(self, at: int) -> Audio:
        """Take 20 ms from the ring, float32 (960, 2), and leave silence there for the next time round."""
        places = (at + np.arange(FRAME_SAMPLES)) % _RING_SAMPLES
        block = self._ring[places]
        self._ring[places] = 0
        return block

    def _backing_at(self, song: SongRun, at: int) -> Audio:
        """20 ms of the song's backing, float32 (960, 1); silence where there is none, or while it is fetched."""
        if song.piece is None or song.backing is None:
            return np.zeros((FRAME_SAMPLES, 1), dtype=np.float32)
        if self._backing[0] != song.performance:
            self._backing = (song.performance, self._fetch_backing(song.piece, song.key, song.tempo_bpm))
        sound = self._backing[1]
        if isinstance(sound, Future):
            if not sound.done() or sound.exception() is not None:
                return np.zeros((FRAME_SAMPLES, 1), dtype=np.float32)
            pcm = np.frombuffer(sound.result(), dtype="<i2", offset=WAV_HEAD_BYTES)
            sound = pcm.astype(np.float32) / np.float32(32_768)
            self._backing = (song.performance, sound)
        first = at - song.start
        places = np.arange(first, first + FRAME_SAMPLES)
        inside = (places >= 0) & (places < len(sound))
        block = np.where(inside, sound[np.clip(places, 0, len(sound) - 1)], np.float32(0))
        return (np.float32(_BACKING_GAIN) * block)[:, np.newaxis]
