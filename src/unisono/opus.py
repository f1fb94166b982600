"""Opus: libopus through cffi, 20 ms frames at 48 kHz, one at a time or many at once.

Shared by the live room, the studio and the client. The library is opened at run time (cffi's ABI mode), so nothing is
compiled on installation; every call into it releases the GIL, so the batched calls really use the machine's cores.

A decoder yields plain libopus output: no pre-skip is taken off, and what it yields first stands at the frame's position
(docs/wire.md). An encoder says its `lookahead_samples`; whoever stamps takes them off.
"""

from __future__ import annotations

import ctypes.util
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import cffi
import numpy as np

from unisono.errors import BrokenFrame, LibraryMissing
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

FRAME_BYTES_MAX = 4000

Application = Literal["audio", "lowdelay", "voip"]

_APPLICATIONS: dict[str, int] = {"voip": 2048, "audio": 2049, "lowdelay": 2051}
_SET_BITRATE, _SET_COMPLEXITY, _GET_LOOKAHEAD = 4002, 4010, 4027
_RESET_STATE = 4028

_CDEF = """
typedef int32_t opus_int32;
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
OpusEncoder *opus_encoder_create(opus_int32 rate, int channels, int application, int *error);
opus_int32 opus_encode_float(OpusEncoder *st, const float *pcm, int frame_size, unsigned char *data, opus_int32 max);
int opus_encoder_ctl(OpusEncoder *st, int request, ...);
void opus_encoder_destroy(OpusEncoder *st);
OpusDecoder *opus_decoder_create(opus_int32 rate, int channels, int *error);
int opus_decode_float(OpusDecoder *st, const unsigned char *data, opus_int32 len, float *pcm, int frame_size, int fec);
int opus_decoder_ctl(OpusDecoder *st, int request, ...);
void opus_decoder_destroy(OpusDecoder *st);
int opus_packet_get_nb_samples(const unsigned char *data, opus_int32 len, opus_int32 rate);
const char *opus_get_version_string(void);
const char *opus_strerror(int error);
"""


@cache
def libopus() -> tuple[Any, Any]:
    """(ffi, lib), opened once. Raises LibraryMissing, which says what to install."""
    ffi = cffi.FFI()
    ffi.cdef(_CDEF)
    name = ctypes.util.find_library("opus")
    if name is None:
        raise LibraryMissing(library="libopus", hint="install it: apt-get install libopus0 (or brew install opus)")
    try:
        return ffi, ffi.dlopen(name)
    except OSError as error:
        raise LibraryMissing(library="libopus", hint=str(error)) from error


def version() -> str:
    """What libopus calls itself, as "libopus 1.3.1". Raises LibraryMissing."""
    ffi, lib = libopus()
    text: bytes = ffi.string(lib.opus_get_version_string())
    return text.decode("ascii", "replace")


def frame_samples(frame: bytes) -> int:
    """How many samples a frame lasts at 48 kHz. Raises BrokenFrame if libopus cannot tell."""
    _, lib = libopus()
    count: int = lib.opus_packet_get_nb_samples(frame, len(frame), SAMPLE_RATE) if frame else -4
    if count < 0:
        raise BrokenFrame(length_bytes=len(frame), reason=_reason(count))
    return count


def _reason(error: int) -> str:
    ffi, lib = libopus()
    text: bytes = ffi.string(lib.opus_strerror(error))
    return text.decode("ascii", "replace")


class Encoder:
    """One Opus stream being made. Not safe for two threads at once; different encoders may run in parallel."""

    def __init__(self, channels: int, bitrate: int, application: Application = "audio", *, complexity: int = 5) -> None:
        """channels: 1 or 2; bitrate in bits per second, 6 000..510 000; complexity 0..10 (time against quality)."""
        if channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {channels}")
        if not 6_000 <= bitrate <= 510_000:
            raise ValueError(f"bitrate must be 6000..510000, not {bitrate}")
        ffi, lib = libopus()
        error = ffi.new("int *")
        state = lib.opus_encoder_create(SAMPLE_RATE, channels, _APPLICATIONS[application], error)
        if error[0] != 0:
            raise RuntimeError(f"opus_encoder_create: {_reason(error[0])}")
        self.channels = channels
        self._lib = lib
        self._ffi = ffi
        self._state = ffi.gc(state, lib.opus_encoder_destroy)
        self._out = ffi.new("unsigned char[]", FRAME_BYTES_MAX)
        self._set(_SET_BITRATE, bitrate)
        self.set_complexity(complexity)
        lookahead = ffi.new("opus_int32 *")
        self._check(lib.opus_encoder_ctl(self._state, _GET_LOOKAHEAD, lookahead))
        self.lookahead_samples: int = lookahead[0]
        """How far the decoded sound lags the block put in: 312 samples for audio and voip, 120 for lowdelay."""

    def _set(self, request: int, value: int) -> None:
        self._check(self._lib.opus_encoder_ctl(self._state, request, self._ffi.cast("opus_int32", value)))

    @staticmethod
    def _check(result: int) -> None:
        if result != 0:
            raise RuntimeError(f"opus_encoder_ctl: {_reason(result)}")

    def encode(self, block: Audio) -> bytes:
        """One frame from float32, shape (960, channels) or (960,) for mono, range +-1."""
        if block.shape != (FRAME_SAMPLES, self.channels) and block.shape != (FRAME_SAMPLES,) * (self.channels == 1):
            raise ValueError(f"expected {FRAME_SAMPLES} x {self.channels} samples, not {block.shape}")
        pcm = np.ascontiguousarray(block, dtype=np.float32)
        source = self._ffi.from_buffer("float[]", pcm)
        length = self._lib.opus_encode_float(self._state, source, FRAME_SAMPLES, self._out, FRAME_BYTES_MAX)
        if length < 0:
            raise RuntimeError(f"opus_encode_float: {_reason(length)}")
        return bytes(self._ffi.buffer(self._out, length))

    def set_complexity(self, complexity: int) -> None:
        """Time against quality, 0..10, from the next frame on."""
        self._set(_SET_COMPLEXITY, complexity)

    def reset(self) -> None:
        """Forget the sound so far: the next frame begins a stream."""
        self._check(self._lib.opus_encoder_ctl(self._state, _RESET_STATE))


class Decoder:
    """One Opus stream being heard. Not safe for two threads at once; different decoders may run in parallel."""

    def __init__(self, channels: int) -> None:
        """channels: 1 or 2; libopus mixes down or doubles when the stream has the other number."""
        if channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {channels}")
        ffi, lib = libopus()
        error = ffi.new("int *")
        state = lib.opus_decoder_create(SAMPLE_RATE, channels, error)
        if error[0] != 0:
            raise RuntimeError(f"opus_decoder_create: {_reason(error[0])}")
        self.channels = channels
        self._lib = lib
        self._ffi = ffi
        self._state = ffi.gc(state, lib.opus_decoder_destroy)

    def decode(self, frame: bytes) -> Audio:
        """float32, shape (960, channels). Raises BrokenFrame for anything but one good frame of 20 ms."""
        if not frame:
            raise BrokenFrame(length_bytes=0, reason="there is none")
        return self._decode(frame, len(frame))

    def conceal(self) -> Audio:
        """What libopus guesses for one missing frame; float32, shape (960, channels). For live sound only."""
        return self._decode(self._ffi.NULL, 0)

    def _decode(self, data: Any, length: int) -> Audio:
        pcm = np.empty((FRAME_SAMPLES, self.channels), dtype=np.float32)
        samples = self._decode_into(self._ffi.from_buffer("float[]", pcm, require_writable=True), data, length)
        if samples != FRAME_SAMPLES:
            raise BrokenFrame(length_bytes=length, reason=_reason(samples) if samples < 0 else f"{samples} samples")
        return pcm

    def decode_into(self, target: Any, frame: bytes | None) -> bool:
        """One frame, or what libopus guesses for a missing one, to where a cffi pointer to floats says.

        There is room for a frame of 20 ms. False for anything but one good frame of that length.
        """
        if frame is None:
            return self._decode_into(target, self._ffi.NULL, 0) == FRAME_SAMPLES
        return bool(frame) and self._decode_into(target, frame, len(frame)) == FRAME_SAMPLES

    def _decode_into(self, target: Any, data: Any, length: int) -> int:
        samples: int = self._lib.opus_decode_float(self._state, data, length, target, FRAME_SAMPLES, 0)
        return samples

    def reset(self) -> None:
        """Forget the sound so far: the next frame begins a stream."""
        self._lib.opus_decoder_ctl(self._state, _RESET_STATE)


DecodeJob = tuple[Decoder, tuple[bytes | None, ...], bool]
"""(mono decoder, frames, each None if it is to be concealed, whether the decoder's past is forgotten before them)"""


def decode_many(jobs: Sequence[DecodeJob], pool: Executor | None = None, *, threads: int = 1) -> Audio:
    """The sound of all frames of all jobs, one after the other: float32 (frames, 960); silence for a broken one.

    Jobs of one decoder must follow each other in `jobs`. With a pool the jobs are cut into `threads` runs, never inside
    one decoder's jobs; the first of them is done by the caller, who is held up until all are done.
    """
    parts = _spread(jobs, _decode_run, pool, threads)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def encode_many(
    jobs: Sequence[tuple[Encoder, Audio]], pool: Executor | None = None, *, threads: int = 1
) -> list[bytes]:
    """Encode each block, float32 (960, channels), with its encoder; order and threads as in `decode_many`."""
    return [frame for part in _spread(jobs, _encode_run, pool, threads) for frame in part]


def _decode_run(jobs: Sequence[DecodeJob]) -> Audio:
    ffi, _ = libopus()
    sounds = np.empty((sum(len(frames) for _, frames, _ in jobs), FRAME_SAMPLES), dtype=np.float32)
    first = ffi.from_buffer("float[]", sounds, require_writable=True)
    index = 0
    for decoder, frames, anew in jobs:
        if anew:
            decoder.reset()
        for frame in frames:
            if not decoder.decode_into(first + index * FRAME_SAMPLES, frame):
                sounds[index] = 0
            index += 1
    return sounds


def _encode_run(jobs: Sequence[tuple[Encoder, Audio]]) -> list[bytes]:
    return [encoder.encode(block) for encoder, block in jobs]


def _spread(jobs: Any, run: Any, pool: Executor | None, threads: int) -> list[Any]:
    """What each run gives."""
    first, *others = _cuts(jobs, threads if pool is not None else 1)
    futures = [pool.submit(run, jobs[start:stop]) for start, stop in others if pool is not None]
    return [run(jobs[slice(*first)]), *(future.result() for future in futures)]


def _cuts(jobs: Sequence[tuple[Any, ...]], parts: int) -> list[tuple[int, int]]:
    """From 1 to `parts` stretches of about equal length, none of which divides the jobs of one codec."""
    edges = [0]
    for part in range(1, parts):
        edge = max(edges[-1], part * len(jobs) // parts)
        while 0 < edge < len(jobs) and jobs[edge][0] is jobs[edge - 1][0]:
            edge += 1
        edges.append(edge)
    edges.append(len(jobs))
    return [(start, stop) for start, stop in pairwise(edges) if stop > start] or [(0, 0)]
