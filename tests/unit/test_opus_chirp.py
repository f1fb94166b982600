"""The packets that pages measure their codecs with say what libopus says."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np

from unisono.opus import Decoder
from unisono.units import FRAME_SAMPLES

ROOT = Path(__file__).parents[2]


def maker() -> ModuleType:
    """spec/make_opus_chirp.py, which is no package."""
    spec = importlib.util.spec_from_file_location("make_opus_chirp", ROOT / "spec/make_opus_chirp.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plain_libopus_finds_the_chirp_where_the_file_says() -> None:
    make = maker()
    known = json.loads(make.TARGET.read_text())
    decoder = Decoder(channels=1)
    heard = np.concatenate([decoder.decode(base64.b64decode(frame))[:, 0] for frame in known["frames"]])
    assert len(heard) == make.FRAMES * FRAME_SAMPLES
    pattern = make.chirp()
    likeness = np.correlate(heard, pattern, mode="valid")
    found = int(np.argmax(likeness))
    assert found == known["chirp_at"]
    there = heard[found : found + FRAME_SAMPLES]
    assert likeness[found] / np.sqrt(np.sum(pattern**2) * np.sum(there**2)) > 0.99
