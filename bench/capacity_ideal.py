"""The ideal: what N decodes and R encodes cost on this machine, now, with nothing around them.

Timed as the server would do it, in bursts during the load: one frame of each of N voices after the other, each with a
decoder of its own (so that none finds its state in the nearest cache), then R stereo blocks. Only libopus is called,
with the same packets that are being sung, and only the processor time of this thread counts.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from bench.capacity_voices import LAP_FRAMES, VOICES, Score, offset_of
from unisono import opus
from unisono.live.desk import MIX_BITRATE
from unisono.units import FRAME_SAMPLES

FRAMES_PER_SECOND = 50
_FRAME_BYTES_MAX = 4000


class Ideal:
    """N decoders and R encoders, and what each burst cost."""

    def __init__(self, *, voices: int, encodes: int) -> None:
        self._ffi, self._lib = opus.libopus()
        scores = [Score(voice) for voice in range(VOICES)]
        self._singers = [(opus.Decoder(1), scores[number % VOICES], offset_of(number)) for number in range(voices)]
        self._encoders = [opus.Encoder(2, MIX_BITRATE) for _ in range(encodes)]
        self._sound = np.zeros((voices, FRAME_SAMPLES), dtype=np.float32)
        self._out = self._ffi.new("unsigned char[]", _FRAME_BYTES_MAX)
        self._turn = 0
        self.decode_us: list[float] = []
        self.encode_us: list[float] = []

    def burst(self) -> None:
        """One tick's worth: everybody's next frame, and every row's."""
        self.decode_us.append(self._decode() / len(self._singers))
        blocks = self._blocks()
        if self._encoders:
            self.encode_us.append(self._encode(blocks) / len(self._encoders))
        self._turn += 1

    def _decode(self) -> float:
        """Microseconds for all voices."""
        decode = self._lib.opus_decode_float
        jobs = []
        for (decoder, score, offset), sound in zip(self._singers, self._sound, strict=True):
            frame = score.frames[(self._turn + offset) % LAP_FRAMES]
            jobs.append((decoder._state, frame, len(frame), self._ffi.cast("float *", sound.ctypes.data)))
        began = time.thread_time_ns()
        for state, frame, size, target in jobs:
            decode(state, frame, size, target, FRAME_SAMPLES, 0)
        return (time.thread_time_ns() - began) / 1000

    def _blocks(self) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        """What the rows would hear: the first so many voices, from left to right."""
        blocks = []
        for row in range(1, len(self._encoders) + 1):
            heard = self._sound[: max(1, len(self._sound) * row // len(self._encoders))]
            pan = np.linspace(0.2, 0.8, len(heard), dtype=np.float32)[:, None] / np.sqrt(len(self._sound))
            block = np.stack([(heard * (1 - pan)).sum(axis=0), (heard * pan).sum(axis=0)], axis=1)
            blocks.append(np.ascontiguousarray(block / np.sqrt(len(self._sound)), dtype=np.float32))
        return blocks

    def _encode(self, blocks: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> float:
        """Microseconds for all rows."""
        encode = self._lib.opus_encode_float
        jobs = [
            (encoder._state, self._ffi.cast("float *", block.ctypes.data))
            for encoder, block in zip(self._encoders, blocks, strict=True)
        ]
        began = time.thread_time_ns()
        for state, source in jobs:
            encode(state, source, FRAME_SAMPLES, self._out, _FRAME_BYTES_MAX)
        return (time.thread_time_ns() - began) / 1000

    @property
    def cores(self) -> float:
        """Cores that the codec alone takes: the median burst, fifty times a second."""
        decode = statistics.median(self.decode_us) * len(self._singers)
        encode = statistics.median(self.encode_us) * len(self._encoders) if self.encode_us else 0.0
        return (decode + encode) * FRAMES_PER_SECOND / 1e6
