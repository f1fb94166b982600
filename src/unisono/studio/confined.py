"""Confined: a stranger's recording is decoded in a process of its own, within limits, and comes back as plain files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unisono.studio.take import TakeFacts

SOUND_FILE = "sound.wav"
FACTS_FILE = "facts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFiles:
    """A take in its work folder: `sound_path` is a WAV of float32 at units.SAMPLE_RATE, there even if it is empty."""

    facts: TakeFacts
    sound_path: Path
