"""Lights: how brightly each window shines in each frame, from how loudly its voice sounds there."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from unisono.studio.film.brief import FRAME_RATE, FRAME_SAMPLES, Film
from unisono.units import SAMPLE_RATE

STEPS = 15
"""Lights go in this many steps, so that each needs to be worked out once."""

_RANGE_DB = 34.0
_FLOOR_DBFS = -58.0
_RISE, _FALL = 0.6, 0.12
_EVEN = 0.6


def lights(film: Film) -> NDArray[np.float32]:
    """0..1, shape (voices, frames while the mix sounds). A voice without a file of its own shines evenly."""
    frames = film.sung_frames
    found = np.full((len(film.voices), frames), _EVEN, dtype=np.float32)
    for index, voice in enumerate(film.voices):
        if voice.sound is not None:
            found[index] = light_of(frame_dbfs(Path(voice.sound), frames))
    return found


def light_of(dbfs: NDArray[np.floating]) -> NDArray[np.float32]:
    """Light of a voice's level in each frame: against its own loud places, quick to rise, slow to fall."""
    if not len(dbfs):
        return np.zeros(0, np.float32)
    loud = max(float(np.percentile(dbfs, 95)), _FLOOR_DBFS + _RANGE_DB)
    wanted = np.clip(1 + (dbfs - loud) / _RANGE_DB, 0, 1) ** 1.5
    light = np.zeros(len(dbfs), np.float32)
    now = 0.0
    for frame, goal in enumerate(wanted):
        now += (goal - now) * (_RISE if goal > now else _FALL)
        light[frame] = now
    return light


def frame_dbfs(path: Path, frames: int) -> NDArray[np.float64]:
    """The level of a sound file in each frame, root mean square; silence after its end. Raises av.FFmpegError."""
    energy = np.zeros(frames)
    at = 0
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in file.decode(audio=0):
            for block in resampler.resample(frame):
                sound = block.to_ndarray().reshape(-1).astype(np.float64)
                numbers = (at + np.arange(len(sound))) // FRAME_SAMPLES
                at += len(sound)
                inside = numbers < frames
                energy += np.bincount(numbers[inside], weights=np.square(sound[inside]), minlength=frames)
    return 10 * np.log10(energy / FRAME_SAMPLES + 1e-12)


def in_film(film: Film, sung: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Lights for every frame of the film, of which `frames` there are: dark before, slowly dark after the last note."""
    whole = np.zeros((len(sung), frames), dtype=np.float32)
    start = film.lead_frames
    stop = min(start + sung.shape[1], frames)
    whole[:, start:stop] = sung[:, : stop - start]
    # Windows are lit a little while the title stands, one after another, so that the house is awake.
    for index in range(len(whole)):
        lit = 0.22 + 0.12 * ((index * 7) % 5) / 4
        begin = int(start * (0.15 + 0.55 * ((index * 37) % 101) / 100))
        rise = np.clip((np.arange(frames) - begin) / (FRAME_RATE * 0.6), 0, 1) * lit
        rise[stop:] = lit * np.clip(1 - (np.arange(frames - stop) - index % 40) / (6.0 * FRAME_RATE), 0.3, 1)
        np.maximum(whole[index], rise, out=whole[index])
    return whole
