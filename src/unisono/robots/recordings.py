"""Recordings for robots to sing: any file FFmpeg reads, as mono sound at the room's rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import soxr

from unisono.errors import OperatorError
from unisono.units import SAMPLE_RATE, Audio

_PEAK = 0.5
"""Recordings are brought to -6 dBFS peak, so that none is lost in the choir and none clips."""


@dataclass(eq=False, kw_only=True)
class NoRecording(OperatorError):
    """A file given to the robots holds no sound that can be read."""

    code: ClassVar[str] = "no_recording"
    says: ClassVar[str] = "{path} is no recording: {reason}"
    path: str
    reason: str


def read_recording(path: Path) -> Audio:
    """The file's first sound track: float32 (samples,) at units.SAMPLE_RATE, peak 0.5. Raises NoRecording."""
    try:
        sound, rate = _decode(path)
    except (av.FFmpegError, OSError) as error:
        raise NoRecording(path=str(path), reason=str(error)) from error
    peak = float(np.abs(sound).max(initial=0.0))
    if peak == 0.0:
        raise NoRecording(path=str(path), reason="it holds no sound")
    if rate != SAMPLE_RATE:
        sound = soxr.resample(sound, rate, SAMPLE_RATE, quality="VHQ")
    return np.ascontiguousarray(sound * (_PEAK / peak), dtype=np.float32)


def _decode(path: Path) -> tuple[Audio, int]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise NoRecording(path=str(path), reason="it has no sound track")
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="mono")
        blocks = [block.to_ndarray()[0] for frame in container.decode(stream) for block in resampler.resample(frame)]
        rate = stream.rate
    if not blocks:
        raise NoRecording(path=str(path), reason="its sound track is empty")
    return np.concatenate(blocks).astype(np.float32), rate
