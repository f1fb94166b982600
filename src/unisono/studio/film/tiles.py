"""Tiles: what a clip shows at a moment, read from its proxy."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from unisono.studio.film.brief import FRAME_SAMPLES
from unisono.studio.film.planes import Planes
from unisono.studio.film.proxies import planes_of, times_path

FADE_SAMPLES = 12 * FRAME_SAMPLES
_LAST_FRAME_SAMPLES = 12_000
"""How long a clip's last frame stays: a frozen picture that is older is no picture."""
_GAP_SAMPLES = _LAST_FRAME_SAMPLES + 2 * FADE_SAMPLES
"""Longer than this between two frames, and the window is a window meanwhile."""
_EARLY_SAMPLES = 2880
"""A frame is seen from the middle between it and the one before, at most so early: lips are neither late nor early."""
_LOOK_SAMPLES = FRAME_SAMPLES * 2 // 5
"""A frame of the film shows what was seen in its middle; a little before, since clips of the film's own rate would be
undecided there between two frames.
"""
_READ_ON_FRAMES = 24
_TICK = Fraction(1, 25)


class Tile:
    """One clip at one size. Reading on is cheap, going back is not."""

    def __init__(self, proxy: Path) -> None:
        self._times = np.load(times_path(proxy))
        gaps = np.flatnonzero(np.diff(self._times) > _GAP_SAMPLES)
        self._changes = self._times[1:] - np.minimum(np.diff(self._times) / 2, _EARLY_SAMPLES)
        self._begins = np.append(self._times[:1], self._times[gaps + 1])
        self._ends = np.append(self._times[gaps], self._times[-1:])
        self._proxy = proxy
        self._file: av.container.InputContainer | None = None
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._at = -1
        self._shown: Planes | None = None

    def strength(self, take_sample: float) -> int:
        """How much of it is seen at a moment, 0..256: clips fade in where they begin and out where they end, also where
        one goes on only after a while.
        """
        if not len(self._times):
            return 0
        run = max(0, int(np.searchsorted(self._begins, take_sample + FRAME_SAMPLES / 2, side="right")) - 1)
        since = take_sample - float(self._begins[run]) + FRAME_SAMPLES / 2
        left = float(self._ends[run]) + _LAST_FRAME_SAMPLES - take_sample
        if since < 0 or left < 0:
            return 0
        return int(min(256, 256 * since / FADE_SAMPLES + 1, 256 * left / FADE_SAMPLES))

    def at(self, take_sample: float) -> Planes | None:
        """The frame that is shown nearest to a moment; valid until the next call. None where there is none."""
        if not len(self._times) or take_sample < self._times[0] - FRAME_SAMPLES / 2:
            return None
        wanted = int(np.searchsorted(self._changes, take_sample + _LOOK_SAMPLES, side="right"))
        if wanted != self._at:
            self._go_to(wanted)
        return self._shown

    def _go_to(self, wanted: int) -> None:
        if self._file is None or not self._at < wanted <= self._at + _READ_ON_FRAMES:
            self._seek(wanted)
        for number, frame in self._frames:
            self._at = number
            if number >= wanted:
                self._shown = planes_of(frame)
                return

    def _seek(self, wanted: int) -> None:
        if self._file is None:
            self._file = av.open(str(self._proxy))
            self._file.streams.video[0].codec_context.thread_count = 1
        stream = self._file.streams.video[0]
        assert stream.time_base is not None
        self._file.seek(int(wanted * _TICK / stream.time_base), stream=stream, backward=True)
        self._frames = ((round((frame.time or 0.0) * 25), frame) for frame in self._file.decode(stream))

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        if self._file is not None:
            self._file.close()
        self._file, self._frames, self._at = None, iter(()), -1
