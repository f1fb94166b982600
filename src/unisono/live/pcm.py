"""PCM frames: 20 ms of 16-bit samples, for pages that have no Opus codec."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unisono.units import FRAME_SAMPLES, Audio

_FULL_SCALE = 32_768.0


def sound_of(frame: bytes, *, stereo: bool) -> Audio:
    """A frame's sound as one voice: float32, shape (960,); of stereo, the middle."""
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float32) / np.float32(_FULL_SCALE)
    return samples.reshape(FRAME_SAMPLES, 2).mean(axis=1, dtype=np.float32) if stereo else samples


def frame_of(block: Audio) -> bytes:
    """A frame's bytes from float32, shape (960,) or (960, 2), range +-1; louder is clipped, NaN is silent."""
    finite = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
    samples: NDArray[np.int16] = np.clip(np.rint(finite * _FULL_SCALE), -32_768, 32_767).astype("<i2")
    return samples.tobytes()
