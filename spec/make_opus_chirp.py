"""Writes the packets that pages measure their Opus decoder with: a known sweep,
encoded by libopus, and where a plain decoder finds it.

Run as `python spec/make_opus_chirp.py`; tests/unit/test_opus_chirp.py checks the file against libopus.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unisono.opus import Encoder
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE

TARGET = Path(__file__).parents[1] / "src/unisono/web/static/engine/opus-chirp.json"
CHIRP_AT_SAMPLES = 4 * FRAME_SAMPLES + 137
FRAMES = 10


def chirp() -> NDArray[np.float32]:
    """The sweep of web/static/engine/codec.js: float32 (960,), 400 to 8000 Hz, peak 0.5."""
    t = np.arange(FRAME_SAMPLES) / SAMPLE_RATE
    sweep = 2 * np.pi * (400 * t + 7600 * t * t / (2 * FRAME_SAMPLES / SAMPLE_RATE))
    window = np.sin(np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES) ** 2
    return (0.5 * np.sin(sweep) * window).astype(np.float32)


def packets() -> tuple[list[bytes], int]:
    """The encoded frames and the sample at which a plain libopus decoder puts the sweep's first."""
    sound = np.zeros(FRAMES * FRAME_SAMPLES, dtype=np.float32)
    sound[CHIRP_AT_SAMPLES : CHIRP_AT_SAMPLES + FRAME_SAMPLES] = chirp()
    encoder = Encoder(channels=1, bitrate=64_000, application="audio")
    frames = [encoder.encode(block[:, None]) for block in sound.reshape(FRAMES, FRAME_SAMPLES)]
    return frames, CHIRP_AT_SAMPLES + encoder.lookahead_samples


if __name__ == "__main__":
    frames, chirp_at = packets()
    encoded = [base64.b64encode(frame).decode() for frame in frames]
    TARGET.write_text(json.dumps({"chirp_at": chirp_at, "frames": encoded}) + "\n")
