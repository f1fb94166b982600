"""The decoder: `python -m unisono.studio.decoder RECORDING FOLDER LIMITS`, a process that reads one stranger's file.

It opens what it needs, then gives up what it does not: no further file or address can be opened, memory, processor
time and what it writes are limited, no core is dumped, its priority is low. It writes the sound beside its place in
the folder and tells everything else as lines of JSON on standard output: {"share"}, at last {"facts"} or
{"error": {"code", "facts"}}. Started by `confined.py`.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import av
import msgspec
import numpy as np

from unisono.errors import TakeTooCostly, UnisonoError
from unisono.studio.take import TakeFacts, read_into
from unisono.units import SAMPLE_RATE, Audio

SOUND_PART: Final = "sound.wav.part"
NICENESS: Final = 10
_TOLD_EVERY_S: Final = 0.25
_FLOAT_WAV: Final = 3
_DESCRIPTORS_MOST: Final = 2**20
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one recording may cost. memory_bytes is address space; wall_seconds is watched from outside."""

    file_bytes: int = 8 * 2**30
    seconds: float = 3600.0
    memory_bytes: int = 3 * 2**30
    cpu_seconds: int = 300
    wall_seconds: float = 900.0

    @property
    def sound_bytes(self) -> int:
        """The largest file of sound that can come out."""
        return _HEADER.size + round(self.seconds * SAMPLE_RATE) * 2 * 4


class WavWriter:
    """A WAV of float32 at units.SAMPLE_RATE, written as it comes; its header is right once `close` was called."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._channels = 0
        self._samples = 0
        file.write(bytes(_HEADER.size))

    def write(self, block: Audio) -> None:
        """More sound: float32, shape (samples, channels), the channels as in the first block."""
        self._channels = self._channels or block.shape[1]
        assert block.shape[1] == self._channels
        self._file.write(np.ascontiguousarray(block, dtype="<f4").data)
        self._samples += len(block)

    def close(self) -> None:
        """Write the header."""
        channels = self._channels or 1
        frame_bytes = 4 * channels
        data_bytes = self._samples * frame_bytes
        self._file.seek(0)
        self._file.write(
            _HEADER.pack(
                *(b"RIFF", _HEADER.size - 8 + data_bytes, b"WAVE"),
                *(b"fmt ", 18, _FLOAT_WAV, channels, SAMPLE_RATE, SAMPLE_RATE * frame_bytes, frame_bytes, 32, 0),
                *(b"fact", 4, self._samples),
                *(b"data", data_bytes),
            )
        )
        self._file.flush()


def main(arguments: list[str]) -> int:
    """The process's exit code: 0 done, 1 told why not, 2 not called rightly."""
    if len(arguments) != 3:
        sys.stderr.write("usage: python -m unisono.studio.decoder RECORDING FOLDER LIMITS\n")
        return 2
    limits = msgspec.json.decode(arguments[2], type=Limits)
    try:
        with Path(arguments[0]).open("rb") as recording, (Path(arguments[1]) / SOUND_PART).open("wb") as sound:
            give_up_the_rest(limits)
            facts = decode(recording, sound, limits)
    except UnisonoError as error:
        _tell({"error": {"code": error.code, "facts": error.facts()}})
        return 1
    except MemoryError:
        _tell({"error": {"code": TakeTooCostly.code, "facts": {"what": "memory"}}})
        return 1
    except OSError as error:
        _tell({"error": {"code": "disk_trouble", "facts": {"reason": error.strerror or type(error).__name__}}})
        return 1
    _tell({"facts": facts})
    return 0


def decode(recording: BinaryIO, sound: BinaryIO, limits: Limits) -> TakeFacts:
    """Read the recording into a WAV, and say how far it is. Raises UserError, OSError."""
    wav = WavWriter(sound)
    facts = read_into(recording, wav.write, seconds_max=limits.seconds, on_progress=_Told().share)
    wav.close()
    return facts


def become(tells: int, arguments: list[str]) -> NoReturn:
    """Be the decoder from here on, in a process that was forked to be one; `tells` becomes its standard output.

    Everything else that was open is closed before the recording is looked at.
    """
    code = 2
    try:
        for taken in (signal.SIGINT, signal.SIGTERM):
            signal.signal(taken, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for source, place in ((tells, 1), (nothing, 0), (nothing, 2)):
            os.dup2(source, place)
        os.closerange(3, _DESCRIPTORS_MOST)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        code = main(arguments)
    finally:
        os._exit(code)


def give_up_the_rest(limits: Limits) -> None:
    """From here on this process can open nothing and write, compute and remember only so much."""
    rehearse()
    os.nice(NICENESS)
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.sound_bytes),
        (resource.RLIMIT_NOFILE, 0),
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


def rehearse() -> None:
    """Read a recording of one's own: libraries load parts of themselves when they are first used, which needs files."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if "__" not in module.name:
            importlib.import_module(module.name)
    recording = io.BytesIO()
    with av.open(recording, "w", format="matroska") as container:
        sound = container.add_stream("pcm_s16le", rate=44_100, layout="5.1")
        picture = container.add_stream("rawvideo", rate=25)
        picture.width, picture.height, picture.pix_fmt = 16, 16, "yuv420p"
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 6 * 4410), dtype=np.int16), format="s16", layout="5.1")
        heard.sample_rate = 44_100
        container.mux(sound.encode(heard))
        for _ in range(3):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), format="yuv420p")))
    read_into(recording, WavWriter(io.BytesIO()).write)


class _Told:
    """Progress, not more often than anybody reads it."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def share(self, share: float) -> None:
        """How much of the file is read."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _TOLD_EVERY_S
            _tell({"share": round(share, 4)})


def _tell(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
