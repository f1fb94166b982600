"""Decoded: a recording's sound and facts in the work folder, decoded at most once, in a confined process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.io import wavfile

from unisono.studio import confined
from unisono.studio.steps import Work, content_hash, fingerprint
from unisono.studio.take import TakeFacts
from unisono.units import Audio


class TakeIn(Protocol):
    """One of `confined`'s ways to decode a recording into a folder."""

    def __call__(
        self, recording: Path, folder: Path, *, on_progress: Callable[[float], None] | None = None
    ) -> confined.TakeFiles: ...


_KIND = "take"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """sound: float32, shape (samples, 1 or 2), read from disk as it is needed; sample 0 is the recording's time 0."""

    sound: Audio
    facts: TakeFacts


def decode_name(content: str) -> str:
    """What the decoded recording of this content is called in a work folder."""
    return fingerprint("decode", content)


def is_decoded(work: Work, name: str) -> bool:
    """Whether that has been done."""
    return confined.read_files(work.path(name, _KIND)) is not None


def decoded(
    path: Path,
    work: Work,
    name: str = "",
    *,
    take_in: TakeIn = confined.take_in_now,
    on_progress: Callable[[float], None] | None = None,
) -> Decoded:
    """The recording at `path`, decoded now or before. `name`, if it is known already, is its `decode_name`.

    on_progress: hears the share decoded, 0..1. Raises UserError for what is no recording, DiskTrouble.
    """
    folder = work.path(name or decode_name(content_hash(path)), _KIND)
    files = confined.read_files(folder) or take_in(path, folder, on_progress=on_progress)
    return Decoded(sound=_sound(files.sound_path), facts=files.facts)


def _sound(path: Path) -> Audio:
    """float32, shape (samples, channels), of a WAV of ours."""
    _, sound = wavfile.read(path, mmap=True)
    assert sound.dtype == np.float32
    wide: Audio = sound[:, np.newaxis] if sound.ndim == 1 else sound
    return wide
