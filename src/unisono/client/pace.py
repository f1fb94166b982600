"""Which position the ear hears at which frame of the card, and which position the microphone's frames belong to.

A sound is stamped with the position its maker was hearing when they made it. `Pace` steers what is heard after the
room's clock: small errors by a rate nobody can hear, a large one by one jump that begins a new epoch. `Placement` turns
it round: what the microphone gave one round trip after position p was played belongs to p. Pure.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.client.varispeed import MARGIN_SAMPLES, read_at
from unisono.units import Audio, Position

STEER_PPM_MAX = 300.0
JUMP_SAMPLES = 960
"""Errors below 20 ms are steered out; a larger one is a jump."""

_REST_SAMPLES = 24.0
"""Half a millisecond is not worth steering for; at rest, sound passes through untouched."""

_FULL_STEER_SAMPLES = 96.0
"""So far beyond that, 2 ms, steering is as strong as it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A block as it was played: frames `[frame, frame + frames)` sound positions from `position`, `speed` a frame."""

    frame: int
    frames: int
    position: float
    speed: float
    epoch: int

    @property
    def stop_position(self) -> float:
        """Where the next block goes on if nothing jumps."""
        return self.position + self.frames * self.speed

    def positions(self) -> NDArray[np.float64]:
        """The position heard at each frame, float64 (frames,)."""
        return self.position + np.arange(self.frames, dtype=np.float64) * self.speed


class Pace:
    """Chooses what is heard next, block after block."""

    def __init__(self) -> None:
        self._position: float | None = None
        self._frame = 0
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Jumps so far."""
        return self._epoch

    def play(self, frames: int, target: float) -> Segment:
        """The next block of `frames` frames; `target` is the position that should be heard at its first frame."""
        if self._position is None:
            self._position = float(round(target))
        error = target - self._position
        if abs(error) > JUMP_SAMPLES:
            self._position, error = float(round(target)), 0.0
            self._epoch += 1
        beyond = max(0.0, abs(error) - _REST_SAMPLES)
        steer = math.copysign(STEER_PPM_MAX * min(1.0, beyond / _FULL_STEER_SAMPLES), error)
        segment = Segment(
            frame=self._frame, frames=frames, position=self._position, speed=1.0 + steer * 1e-6, epoch=self._epoch
        )
        self._frame += frames
        self._position = segment.stop_position
        return segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch of what was sung, on the timeline: `sound` is float32 (samples,), its first sample at `position`."""

    position: Position
    sound: Audio
    epoch: int


class Placement:
    """Puts the microphone's frames at the positions they belong to, resampled to the timeline's rate.

    Inside an epoch the runs are contiguous. At a jump the new epoch begins at the first whole position it heard.
    """

    def __init__(self, *, round_trip_frames: int) -> None:
        self._round_trip_frames = round_trip_frames
        self._played: deque[Segment] = deque()
        self._sound: Audio = np.zeros(MARGIN_SAMPLES, dtype=np.float32)
        self._first_frame = -MARGIN_SAMPLES
        self._next: int | None = None
        self._epoch = -1

    def played(self, segment: Segment) -> None:
        """Remember what was heard when, until its echo has come in."""
        self._played.append(segment)

    def recorded(self, sound: Audio) -> list[Run]:
        """Take the microphone's next frames, float32 (frames,); what can be placed now."""
        self._sound = np.concatenate((self._sound, sound))
        runs = []
        while self._played and self._has_returned(self._played[0]):
            run = self._place(self._played.popleft())
            if run is not None:
                runs.append(run)
        self._forget()
        return runs

    def _has_returned(self, segment: Segment) -> bool:
        last = segment.frame + segment.frames + self._round_trip_frames + MARGIN_SAMPLES
        return last <= self._first_frame + self._sound.size

    def _place(self, segment: Segment) -> Run | None:
        if segment.epoch != self._epoch:
            self._epoch, self._next = segment.epoch, None
        start = int(np.ceil(segment.position)) if self._next is None else self._next
        stop = int(np.ceil(segment.stop_position))
        if stop <= start:
            return None
        frames = segment.frame + (np.arange(start, stop, dtype=np.float64) - segment.position) / segment.speed
        sound = read_at(self._sound, frames + self._round_trip_frames - self._first_frame)
        self._next = stop
        return Run(position=Position(start), sound=sound, epoch=segment.epoch)

    def _forget(self) -> None:
        """Drop the frames nothing will ask for again."""
        if self._played:
            keep = self._played[0].frame + self._round_trip_frames - MARGIN_SAMPLES - 2
            drop = min(max(0, keep - self._first_frame), self._sound.size)
            self._sound = self._sound[drop:]
            self._first_frame += drop
