"""Timeline: the tape a room shares, addressed by absolute position.

Each voice is added once, at the position it was sung, whenever its frame arrives, to the bus of its singer's row. What
row k hears is the sum of the buses of rows 1..k-1 (the leader reaches everybody undecoded and is not in it); listeners
hear all buses. Every reader moves forward at its own distance, so what comes too late for one row may still reach the
next. The tape is a ring: what positions a peer claims changes nothing about how much memory it takes.
Pure: no clock, no socket, no file (tests/unit/test_layers.py).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from msgspec import Struct

from unisono.units import FRAME_SAMPLES, Audio, Position, Span

RING_SAMPLES: Final = 2**19
"""About 10.9 s: more than the slowest listener hears behind the leader, 4 MiB for each singing row."""

_NEVER: Final = -1


class FrameKey(Struct, frozen=True, kw_only=True, gc=False):
    """What makes a frame itself: who, in which epoch of their stream, where. The same key twice sounds once."""

    seat: int
    epoch: int
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What became of one voice: `late_samples[k]` of it row k had already heard past; the last entry is listeners'.

    Rows that do not listen to this voice miss nothing. `doubled`: it was there already. `ahead`: it claims a position
    that nobody can have sung yet.
    """

    late_samples: tuple[int, ...]
    worst_samples: int = 0
    """The most that any listening row missed."""
    doubled: bool = False
    ahead: bool = False


class Timeline:
    """Sums of voices by row and position, for one performance.

    `singing_rows` counts the rows behind the leader. Readers are named by their row, 1..singing_rows, and `listeners`.
    """

    def __init__(self, *, start: Position, singing_rows: int, ring_samples: int = RING_SAMPLES) -> None:
        if singing_rows < 0 or ring_samples < 4 * FRAME_SAMPLES:
            raise ValueError(f"no timeline has {singing_rows} rows and {ring_samples} samples")
        self.singing_rows = singing_rows
        self.listeners = singing_rows + 1
        self._ring = np.zeros((singing_rows, 2, ring_samples), dtype=np.float32)
        self._ring_samples = ring_samples
        self._base = int(start)
        self._heard = [int(start)] * (singing_rows + 2)
        self._frames_of: dict[int, array[int]] = {}
        """For each seat its slots' positions and epochs, one after the other."""
        self._slots = ring_samples // FRAME_SAMPLES + 2
        self._in_time = Missed(late_samples=(0,) * (singing_rows + 2))

    @property
    def window(self) -> Span:
        """The stretch that voices can be added to now."""
        return Span(start=Position(self._base), stop=Position(self._base + self._ring_samples))

    @property
    def memory_bytes(self) -> int:
        """What the arrays take: fixed by the number of rows and of seats that have sounded."""
        return self._ring.nbytes + sum(len(frames) * frames.itemsize for frames in self._frames_of.values())

    def add(self, key: FrameKey, voice: Audio, *, row: int, left_gain: float = 1.0, right_gain: float = 1.0) -> Missed:
        """Sum `voice` into the bus of `row` (1..singing_rows) from `key.position`; return what each reader missed.

        voice: float32, (samples,) or (samples, 2), at most FRAME_SAMPLES long.
        Idempotent per key. Where epochs of one seat overlap, a frame of the earlier epoch that comes after the later's
        is refused as doubled. Lateness is weather, not an error.
        """
        samples = len(voice)
        if not 1 <= row <= self.singing_rows or samples > FRAME_SAMPLES:
            raise ValueError(f"no voice of {samples} samples in row {row} of {self.singing_rows}")
        start, stop = int(key.position), int(key.position) + samples
        if stop > self._base + self._ring_samples:
            return replace(self._in_time, ahead=True)
        if stop > self._base and not self._note(key.seat, key.epoch, start):
            return replace(self._in_time, doubled=True)
        sides = np.array((left_gain, right_gain), dtype=np.float32)[:, np.newaxis] * voice.T
        self._sum(row, start, sides)
        return self._missed(row, start, samples)

    def add_together(
        self, makers: Sequence[tuple[int, int]], start: Position, voices: Audio, *, row: int, gains: Audio
    ) -> Missed:
        """The same for voices of one row that begin together, `makers` being the (seat, epoch) of each.

        voices: float32, (voices, samples), whole frames; gains: float32, (voices, 2). One multiplication sums them all.
        Frames that were there already are silent in it. What is missed, each of them misses.
        """
        samples = voices.shape[1]
        if not 1 <= row <= self.singing_rows or samples % FRAME_SAMPLES:
            raise ValueError(f"no voices of {samples} samples in row {row} of {self.singing_rows}")
        if start + samples > self._base + self._ring_samples:
            return replace(self._in_time, ahead=True)
        known = [
            (voice, at)
            for voice, (seat, epoch) in enumerate(makers)
            for at in range(0, samples, FRAME_SAMPLES)
            if start + at + FRAME_SAMPLES > self._base and not self._note(seat, epoch, start + at)
        ]
        if known:
            voices = voices.copy()
            for voice, at in known:
                voices[voice, at : at + FRAME_SAMPLES] = 0
        self._sum(row, start, gains.T @ voices)
        return self._missed(row, start, samples)

    def _missed(self, row: int, start: int, samples: int) -> Missed:
        """What the readers behind `row` have heard past of a voice."""
        listening = self._heard[row + 1 :]
        if max(listening) <= start:
            return self._in_time
        behind = [min(max(heard - start, 0), samples) for heard in listening]
        return Missed(late_samples=(0,) * (row + 1) + tuple(behind), worst_samples=max(behind))

    def _note(self, seat: int, epoch: int, start: int) -> bool:
        """Remember a frame; False when it, or a later epoch's frame in the same place, was here already.

        Frames of one epoch are contiguous, so each falls into a slot of its own of 960 samples: one slot remembers
        one frame, and the slots of a seat are as many as fit the ring, whatever positions it claims.
        """
        frames = self._frames_of.get(seat)
        if frames is None:
            frames = self._frames_of[seat] = array("q", [_NEVER]) * (2 * self._slots)
        lap = start // FRAME_SAMPLES
        slot = 2 * (lap % self._slots)
        position = frames[slot]
        if position != _NEVER and position // FRAME_SAMPLES >= lap and epoch <= frames[slot + 1]:
            return False
        frames[slot], frames[slot + 1] = start, epoch
        return True

    def _sum(self, row: int, start: int, sides: Audio) -> None:
        """Sum float32 (2, samples) into a row's bus; what lies before the window is over."""
        if start < self._base:
            start, sides = self._base, sides[:, self._base - start :]
        samples = sides.shape[1]
        bus, at = self._ring[row - 1], start % self._ring_samples
        head = min(samples, self._ring_samples - at)
        bus[:, at : at + head] += sides[:, :head]
        if head < samples:
            bus[:, : samples - head] += sides[:, head:]

    def read(self, row: int, span: Span) -> Audio:
        """What `row` (or `listeners`) hears over `span`: float32, (samples, 2). It has then heard up to `span.stop`.

        Silence wherever nobody sang and wherever the tape no longer, or not yet, reaches. Reading again is allowed
        while the slowest reader has not passed; one that lags half the ring behind the fastest is dragged along.
        """
        if not 1 <= row <= self.listeners:
            raise ValueError(f"row {row} of {self.singing_rows} hears no mix")
        known_start = max(int(span.start), self._base)
        known_stop = min(int(span.stop), self._base + self._ring_samples)
        if (known_start, known_stop) == (span.start, span.stop):
            heard = self._gather(row - 1, known_start, known_stop)
        else:
            heard = np.zeros((span.samples, 2), dtype=np.float32)
            if known_start < known_stop:
                there = slice(known_start - span.start, known_stop - span.start)
                heard[there] = self._gather(row - 1, known_start, known_stop)
        self._heard[row] = max(self._heard[row], int(span.stop))
        self._forget()
        return heard

    def _gather(self, buses: int, start: int, stop: int) -> Audio:
        """The sum of the first `buses` buses (listeners': all) over a stretch inside the window."""
        at = start % self._ring_samples
        head = min(stop - start, self._ring_samples - at)
        ring = self._ring[:buses]
        if head == stop - start:
            heard: Audio = ring[..., at : at + head].sum(axis=0)
            return heard.T
        parts = (ring[..., at : at + head].sum(axis=0), ring[..., : stop - start - head].sum(axis=0))
        return np.concatenate(parts, axis=1).T

    def skip(self, row: int, position: Position) -> None:
        """`row` has passed `position` without listening: nobody is in it, or all of them are away."""
        self._heard[row] = max(self._heard[row], int(position))
        self._forget()

    def _forget(self) -> None:
        """Free, and silence, what every reader has passed. Row 1 hears no bus, so it holds nothing back."""
        readers = self._heard[2:]
        if not readers:
            return
        base = max(min(readers), max(readers) - self._ring_samples // 2)
        if base <= self._base:
            return
        freed = min(base - self._base, self._ring_samples)
        at = self._base % self._ring_samples
        head = min(freed, self._ring_samples - at)
        self._ring[..., at : at + head] = 0
        self._ring[..., : freed - head] = 0
        self._base = base
        self._heard = [max(heard, base) for heard in self._heard]

    def leave(self, seat: int) -> None:
        """Forget what was remembered of a seat that is gone for good."""
        self._frames_of.pop(seat, None)
