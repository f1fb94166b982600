"""A tape: sound by absolute position, as long as memory is given to it. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unisono.units import SAMPLE_RATE, Audio, Position


class Tape:
    """The last `seconds` of a stream, written and read by position, in any order.

    What was never written is silence, and `known` tells the two apart. Positions further back than the tape is long
    are forgotten; a position far ahead winds the tape on and never makes it longer.
    """

    def __init__(self, *, channels: int, seconds: float = 30.0) -> None:
        self.channels = channels
        self._length = max(1, round(seconds * SAMPLE_RATE))
        self._sound = np.zeros((self._length, channels), dtype=np.float32)
        self._known = np.zeros(self._length, dtype=np.bool_)
        self._stop: int | None = None

    @property
    def stop(self) -> Position | None:
        """One after the last position ever written; None while blank."""
        return None if self._stop is None else Position(self._stop)

    def write(self, position: Position, sound: Audio) -> None:
        """Lay `sound`, float32 (samples, channels), over what is there, its first sample at `position`."""
        stop = position + len(sound)
        self._wind_to(stop)
        assert self._stop is not None
        skip = max(0, self._stop - self._length - position)
        for at, part in self._parts(position + skip, stop):
            self._sound[at] = sound[part.start + skip : part.stop + skip]
            self._known[at] = True

    def read(self, start: Position, stop: Position) -> Audio:
        """What lies in `[start, stop)`, float32 (stop - start, channels); silence where nothing is known."""
        heard = np.zeros((max(0, stop - start), self.channels), dtype=np.float32)
        first, last = self._within(start, stop)
        for at, part in self._parts(first, last):
            heard[part.start + first - start : part.stop + first - start] = self._sound[at]
        return heard

    def known(self, start: Position, stop: Position) -> NDArray[np.bool_]:
        """Which samples of `[start, stop)` have been written; shape (stop - start,)."""
        known = np.zeros(max(0, stop - start), dtype=np.bool_)
        first, last = self._within(start, stop)
        for at, part in self._parts(first, last):
            known[part.start + first - start : part.stop + first - start] = self._known[at]
        return known

    def _within(self, start: int, stop: int) -> tuple[int, int]:
        if self._stop is None:
            return start, start
        first = max(start, self._stop - self._length)
        return first, max(first, min(stop, self._stop))

    def _wind_to(self, stop: int) -> None:
        """Wipe what the tape gives up so that `stop` fits on it."""
        if self._stop is None:
            self._stop = stop
            return
        for at, _ in self._parts(max(self._stop, stop - self._length), stop):
            self._sound[at] = 0.0
            self._known[at] = False
        self._stop = max(self._stop, stop)

    def _parts(self, start: int, stop: int) -> list[tuple[slice, slice]]:
        """`[start, stop)` as slices of the ring and of the stretch itself: none, one or two."""
        parts = []
        at = start
        while at < stop:
            ring = at % self._length
            count = min(stop - at, self._length - ring)
            parts.append((slice(ring, ring + count), slice(at - start, at - start + count)))
            at += count
        return parts
