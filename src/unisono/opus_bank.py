"""Opus bank: the decoders of many mono voices, decoded many at a time in one native call that releases the GIL.

libopus decodes any number of streams in one call if they are one multistream packet. So each voice's state, a flat
piece of memory that libopus lets its owner copy, stands in a row of one array; the rows of the voices that have a frame
are copied into a multistream decoder, their frames are joined to one packet (RFC 6716, appendix B: self-delimiting
framing), and the rows are copied back. A frame that cannot be joined is decoded alone; when a joined packet fails,
nothing has happened to the rows, and each of its frames is decoded alone. A test compares every sample with plain
decoders.

One call for each voice would hand the GIL over and back thousands of times a second, against the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unisono.errors import BrokenFrame
from unisono.opus import RESET_STATE, frame_samples, libopus
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

_GET_DECODER_STATE = 5122
_SIZES: Final = (64, 32, 16, 8, 4, 2)
"""So many voices are joined in one packet, the largest first."""
_SPREAD_FROM: Final = 64
"""Fewer voices are not worth another thread: to wake it takes as long as to decode three."""
_ROWS_AT_FIRST = 8
_SHORT_BYTES = 252
"""RFC 6716, 3.2.1: lengths from here on take two bytes."""
_CODE_0_BYTES_MAX = 1276

Job = tuple[int, bytes | None, bool]
"""(voice, frame or None for one to be concealed, whether the voice's past is forgotten before it)"""


def _lasts_20_ms(toc: int) -> bool:
    """Whether a packet with this first byte is one frame of 20 ms (RFC 6716, 3.1)."""
    config, code = toc >> 3, toc & 3
    return code == 0 and (config in (1, 5, 9, 13, 15) or (config >= 16 and config % 4 == 3))


_SIMPLE: Final = bytes(_lasts_20_ms(toc) for toc in range(256))


class DecoderBank:
    """Decoders by number. Not safe for two threads at once; `decode` spreads its own work."""

    def __init__(self) -> None:
        self._ffi, self._lib = libopus()
        self._state_bytes = _Joined(2).stride_bytes
        self._rows: NDArray[np.uint8] = np.zeros((_ROWS_AT_FIRST, self._state_bytes), dtype=np.uint8)
        self._free = list(range(_ROWS_AT_FIRST))
        self._desks: list[_Desk] = []

    def open(self) -> int:
        """A new voice."""
        if not self._free:
            count = len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._free = list(range(count, 2 * count))
        voice = self._free.pop()
        result = self._lib.opus_decoder_init(self._state(voice), SAMPLE_RATE, 1)
        if result != 0:
            raise RuntimeError(f"opus_decoder_init: {result}")
        return voice

    def close(self, voice: int) -> None:
        """Forget a voice; its number may be given away."""
        self._free.append(voice)

    def decode(self, jobs: Sequence[Job], pool: Executor | None = None, *, threads: int = 1) -> list[Audio | None]:
        """The sound of each job, float32 (960,), in order; None for a broken frame.

        A voice may have several jobs: they follow each other. Blocks until all are done.
        """
        heard: list[Audio | None] = [None] * len(jobs)
        for turn in _turns(jobs):
            self._decode_turn(jobs, turn, heard, pool, threads)
        return heard

    def _decode_turn(
        self, jobs: Sequence[Job], turn: list[int], heard: list[Audio | None], pool: Executor | None, threads: int
    ) -> None:
        """At most one job of each voice."""
        joined = []
        for index in turn:
            voice, frame, anew = jobs[index]
            if anew:
                self._lib.opus_decoder_ctl(self._state(voice), RESET_STATE)
            if frame is not None and _SIMPLE[frame[0] if frame else 0] and len(frame) <= _CODE_0_BYTES_MAX:
                joined.append(index)
            else:
                heard[index] = self._alone(voice, frame)
        parts = threads if pool is not None and len(joined) >= _SPREAD_FROM else 1
        while len(self._desks) < parts:
            self._desks.append(_Desk())
        pieces = [joined[len(joined) * part // parts : len(joined) * (part + 1) // parts] for part in range(parts)]
        others = [
            pool.submit(self._decode_piece, desk, jobs, piece, heard)
            for desk, piece in zip(self._desks[1:], pieces[1:], strict=False)
            if pool is not None
        ]
        self._decode_piece(self._desks[0], jobs, pieces[0], heard)
        for other in others:
            other.result()

    def _decode_piece(
        self, desk: _Desk, jobs: Sequence[Job], piece: Sequence[int], heard: list[Audio | None]
    ) -> None:
        at = 0
        for size in _SIZES:
            while len(piece) - at >= size:
                self._decode_joined(desk.joined(size), jobs, piece[at : at + size], heard)
                at += size
        for index in piece[at:]:
            voice, frame, _ = jobs[index]
            heard[index] = self._alone(voice, frame)

    def _decode_joined(
        self, together: _Joined, jobs: Sequence[Job], indices: Sequence[int], heard: list[Audio | None]
    ) -> None:
        voices = [jobs[index][0] for index in indices]
        np.take(self._rows, voices, axis=0, out=together.rows, mode="clip")
        sound = together.decode([jobs[index][1] or b"" for index in indices])
        if sound is None:
            for index in indices:
                voice, frame, _ = jobs[index]
                heard[index] = self._alone(voice, frame)
            return
        self._rows[voices] = together.rows
        for index, voice_sound in zip(indices, sound, strict=True):
            heard[index] = voice_sound

    def _alone(self, voice: int, frame: bytes | None) -> Audio | None:
        """One frame by itself, None if it is broken."""
        try:
            if frame is not None and frame_samples(frame) != FRAME_SAMPLES:
                return None
        except BrokenFrame:
            return None
        sound = np.empty(FRAME_SAMPLES, dtype=np.float32)
        data, size = (self._ffi.NULL, 0) if frame is None else (frame, len(frame))
        target = self._ffi.cast("float *", sound.ctypes.data)
        samples = self._lib.opus_decode_float(self._state(voice), data, size, target, FRAME_SAMPLES, 0)
        return sound if samples == FRAME_SAMPLES else None

    def _state(self, voice: int) -> Any:
        return self._ffi.cast("OpusDecoder *", self._rows.ctypes.data + voice * self._state_bytes)


def _turns(jobs: Sequence[Job]) -> Iterable[list[int]]:
    """The jobs' indices in turns, in each of which no voice has two."""
    rest = list(range(len(jobs)))
    while rest:
        seen: set[int] = set()
        turn, later = [], []
        for index in rest:
            voice = jobs[index][0]
            if voice in seen:
                later.append(index)
            else:
                seen.add(voice)
                turn.append(index)
        yield turn
        rest = later


class _Desk:
    """What one thread needs: a multistream decoder of each size, made when first used."""

    def __init__(self) -> None:
        self._joined: dict[int, _Joined] = {}

    def joined(self, size: int) -> _Joined:
        if size not in self._joined:
            self._joined[size] = _Joined(size)
        return self._joined[size]


class _Joined:
    """A multistream decoder of `size` mono streams whose states, `rows`, are laid in from outside."""

    def __init__(self, size: int) -> None:
        self._ffi, self._lib = libopus()
        self._size = size
        self._memory = np.zeros(self._lib.opus_multistream_decoder_get_size(size, 0), dtype=np.uint8)
        self._state = self._ffi.cast("OpusMSDecoder *", self._memory.ctypes.data)
        mapping = bytes(range(size))
        result = self._lib.opus_multistream_decoder_init(self._state, SAMPLE_RATE, size, size, 0, mapping)
        if result != 0:
            raise RuntimeError(f"opus_multistream_decoder_init: {result}")
        first, second = self._offset(0), self._offset(1)
        self.stride_bytes = second - first
        self.rows: NDArray[np.uint8] = self._memory[first : first + size * self.stride_bytes].reshape(size, -1)
        self._sound = np.empty((FRAME_SAMPLES, size), dtype=np.float32)
        self._target = self._ffi.cast("float *", self._sound.ctypes.data)

    def _offset(self, stream: int) -> int:
        """Where in the memory a stream's own decoder stands."""
        where = self._ffi.new("OpusDecoder **")
        number = self._ffi.cast("opus_int32", stream)
        if self._lib.opus_multistream_decoder_ctl(self._state, _GET_DECODER_STATE, number, where) != 0:
            raise RuntimeError("opus_multistream_decoder_ctl: no stream there")
        return int(self._ffi.cast("uintptr_t", where[0])) - self._memory.ctypes.data

    def decode(self, frames: Sequence[bytes]) -> Audio | None:
        """One frame of 20 ms for each stream -> float32 (size, 960); None if any of them is broken."""
        packet = b"".join([_delimited(frame) for frame in frames[:-1]]) + frames[-1]
        samples = self._lib.opus_multistream_decode_float(
            self._state, packet, len(packet), self._target, FRAME_SAMPLES, 0
        )
        return np.ascontiguousarray(self._sound.T) if samples == FRAME_SAMPLES else None


def _delimited(frame: bytes) -> bytes:
    """A packet of one frame with its length in it."""
    size = len(frame) - 1
    if size < _SHORT_BYTES:
        return frame[:1] + bytes((size,)) + frame[1:]
    first = _SHORT_BYTES + (size & 3)
    return frame[:1] + bytes((first, (size - first) >> 2)) + frame[1:]
