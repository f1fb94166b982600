"""Hearing: the frames of one stream of sound, laid on the take's axis at units.SAMPLE_RATE, block by block.

Frames that follow one another by their timestamps are one stretch, counted in samples: timestamps of many containers
are rounded to a millisecond, and those of phones jitter. Where they jump, the stretch ends and the next one stands
where they say. Each stretch is resampled on its own; soxr's delay is taken back by soxr.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

import av
import numpy as np
import soxr
from msgspec import Struct

from unisono.errors import TakeTooLong, TakeUnreadable
from unisono.units import SAMPLE_RATE, Audio

JUMP_S: Final = 0.010
"""Timestamps that are further off than this from what the samples say have jumped; less is jitter."""
_RESET_S: Final = 1.0
"""Timestamps that go back further than this belong to a clock that began anew."""
_LOOK_FRAMES: Final = 16
_SILENCE_SAMPLES: Final = 2**16
_RATES_HZ: Final = range(1_000, 768_001)
_FULL_SCALE_MOST: Final = 4.0
_HALF = 0.5**0.5

_PLACES: Final = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF, _HALF),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "BL": (_HALF, 0.0),
    "BR": (0.0, _HALF),
    "SL": (_HALF, 0.0),
    "SR": (0.0, _HALF),
    "BC": (0.5, 0.5),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
}
"""How much of each channel goes left and right (ITU-R BS.775); channels elsewhere go half to both sides."""


class Sounding(Struct, frozen=True, kw_only=True):
    """What the sound of a take is like. Positions are samples at units.SAMPLE_RATE on the take's axis.

    start, stop: where its first sample stands and where its last one ends. rate_hz, channels, codec: as in the file.
    streams: how many streams of sound the file has; the one a player would choose was taken. delay_samples: what was
    taken off because the encoder had added it and the container does not say so. gaps: stretches without sound between
    start and stop. clock_samples: how much later the timestamps say it ends than its samples do, counted.
    """

    codec: str
    rate_hz: int
    channels: int
    start: int
    stop: int
    streams: int = 1
    delay_samples: float = 0.0
    gaps: tuple[tuple[int, int], ...] = ()
    clock_samples: int = 0


class Tape:
    """Sound written in order: silence up to where each block stands, and nothing twice.

    write: is given float32, shape (samples, channels), block after block from position 0. most: positions from there
    on raise TakeTooLong before anything is written.
    """

    def __init__(self, write: Callable[[Audio], None], *, most: int) -> None:
        self._write = write
        self._most = most
        self.position = 0
        self.start: int | None = None
        self.gaps: list[tuple[int, int]] = []

    def put(self, at: int, block: Audio) -> None:
        """Put a block at a position; what lies before the end of what was written is dropped."""
        block = block[max(0, self.position - at) :]
        if not len(block):
            return
        at = max(at, self.position)
        if at + len(block) > self._most:
            raise TakeTooLong(seconds_max=self._most / SAMPLE_RATE)
        if self.start is None:
            self.start = at
        elif at > self.position:
            self.gaps.append((self.position, at))
        for start in range(self.position, at, _SILENCE_SAMPLES):
            self._write(np.zeros((min(_SILENCE_SAMPLES, at - start), block.shape[1]), dtype=np.float32))
        self._write(block)
        self.position = at + len(block)


class _Stretch:
    """Frames of one rate that follow one another: their first sample stands at `start_s`."""

    def __init__(self, tape: Tape, start_s: float, rate_hz: int, channels: int) -> None:
        self.rate_hz = rate_hz
        self.start_s = start_s
        self.samples = 0
        self._tape = tape
        self._channels = channels
        self._at = round(start_s * SAMPLE_RATE)
        self._soxr = (
            None
            if rate_hz == SAMPLE_RATE
            else soxr.ResampleStream(rate_hz, SAMPLE_RATE, channels, dtype="float32", quality="VHQ")
        )

    @property
    def stop_s(self) -> float:
        """Where the next sample stands."""
        return self.start_s + self.samples / self.rate_hz

    def add(self, block: Audio) -> None:
        """One more frame."""
        self.samples += len(block)
        self._put(block if self._soxr is None else self._soxr.resample_chunk(block))

    def end(self) -> None:
        """What the resampler still holds."""
        if self._soxr is not None:
            nothing: Audio = np.zeros((0, self._channels), dtype=np.float32)
            self._put(self._soxr.resample_chunk(nothing, last=True))

    def _put(self, block: Audio) -> None:
        self._tape.put(self._at, block)
        self._at += len(block)


class _Frame(Struct, frozen=True):
    """One decoded frame: `time_s` by its timestamp, None without one."""

    time_s: float | None
    rate_hz: int
    block: Audio


class Hearing:
    """Takes frames as they are decoded and puts them on a tape, a few frames behind.

    zero_s: which timestamp is the take's 0. tick_s: how coarse timestamps are. late_s: how much too late all sound is.
    begins_s: the timestamp of the first sample of a file that begins at its beginning.
    """

    def __init__(self, tape: Tape, *, zero_s: float, tick_s: float, late_s: float, begins_s: float = 0.0) -> None:
        self.channels = 0
        self.clock_s = 0.0
        self._tape = tape
        self._zero_s = zero_s
        self._tick_s = tick_s
        self._late_s = late_s
        self._begins_s = begins_s
        self.first_s: float | None = None
        self._ahead: deque[_Frame] = deque()
        self._stretch: _Stretch | None = None

    def feed(self, frame: av.AudioFrame) -> None:
        """One frame, in the decoder's order. Raises TakeTooLong, TakeUnreadable."""
        if frame.sample_rate not in _RATES_HZ:
            raise TakeUnreadable(reason="its samples come at a rate that no recorder has")
        block = few_channels(floats(frame), frame.layout)
        self.channels = self.channels or block.shape[1]
        if self.first_s is None:
            self.first_s = frame.time
        time_s = None if frame.time is None else frame.time - self._zero_s - self._late_s
        self._ahead.append(_Frame(time_s, frame.sample_rate, _as_channels(block, self.channels)))
        if len(self._ahead) >= _LOOK_FRAMES:
            self._settle()

    def end(self) -> None:
        """No more frames come."""
        while self._ahead:
            self._settle()
        if self._stretch is not None:
            self._stretch.end()

    def _settle(self) -> None:
        """Put the first of the frames ahead where it belongs."""
        frame = self._ahead[0]
        if self._stretch is None:
            self._begin(self._agreed_s() or 0.0, frame.rate_hz)
        elif (jumped_to_s := self._jumped_to_s(self._stretch.stop_s)) is not None:
            self._begin(jumped_to_s, frame.rate_hz)
        elif frame.rate_hz != self._stretch.rate_hz:
            self._begin(self._stretch.stop_s, frame.rate_hz)
        assert self._stretch is not None
        self._stretch.add(frame.block)
        self._ahead.popleft()

    def _jumped_to_s(self, expected_s: float) -> float | None:
        """Where the first frame ahead stands, if its timestamp and the next one's say that it does not follow.

        Timestamps that slowly run away from the samples are the mark of a clock; it is noted, and nothing is cut.
        """
        time_s = self._ahead[0].time_s
        if time_s is None or time_s - expected_s < -_RESET_S:
            return None
        off_s = time_s - expected_s
        if abs(off_s - self.clock_s) <= JUMP_S:
            self.clock_s = off_s
            return None
        return self._agreed_s() if len(self._near_s()) > 1 else None

    def _begin(self, start_s: float, rate_hz: int) -> None:
        if self._stretch is not None:
            self._stretch.end()
        self._stretch = _Stretch(self._tape, start_s, rate_hz, self.channels)
        self.clock_s = 0.0

    def _near_s(self) -> list[float]:
        """Where the first frame ahead stands by each timestamp ahead that agrees with its own, which comes first."""
        first_s = self._ahead[0].time_s
        said_s: list[float] = []
        after_s = 0.0
        for frame in self._ahead:
            if frame.time_s is not None and first_s is not None and abs(frame.time_s - after_s - first_s) <= JUMP_S / 2:
                said_s.append(frame.time_s - after_s)
            after_s += len(frame.block) / frame.rate_hz
        return said_s

    def _agreed_s(self) -> float | None:
        """Where the first frame ahead stands: nearest to its timestamp in what all rounded timestamps leave open.

        A file's own beginning is no rounded number.
        """
        said_s = self._near_s()
        if not said_s:
            return None
        if self._stretch is None and abs(said_s[0] + self._late_s - self._begins_s) < self._tick_s:
            return self._begins_s - self._late_s
        low_s, high_s = max(said_s) - self._tick_s / 2, min(said_s) + self._tick_s / 2
        return min(max(said_s[0], low_s), high_s) if low_s <= high_s else median(said_s)


def floats(frame: av.AudioFrame) -> Audio:
    """A frame's samples as float32, shape (samples, channels); what is no number is silence."""
    laid = frame.to_ndarray()
    by_sample = laid.T if frame.format.is_planar else laid.reshape(-1, frame.layout.nb_channels)
    kind, size = by_sample.dtype.kind, by_sample.dtype.itemsize
    if kind == "f":
        block = by_sample.astype(np.float32)
        if np.abs(block).max(initial=0.0) <= _FULL_SCALE_MOST:  # false for what is no number, too; a look is cheap
            return block
        clean = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return np.clip(clean, -_FULL_SCALE_MOST, _FULL_SCALE_MOST)
    full_scale = np.float32(2.0 ** (8 * size - 1))
    whole = by_sample.astype(np.float32) / full_scale
    return whole - np.float32(1) if kind == "u" else whole


def few_channels(block: Audio, layout: av.AudioLayout) -> Audio:
    """One channel stays one, two stay two, more become left and right by where they stand."""
    if block.shape[1] <= 2:
        return block
    places = np.array([_PLACES.get(channel.name, (0.5, 0.5)) for channel in layout.channels], dtype=np.float32)
    if len(places) != block.shape[1]:
        return np.asarray(block.mean(axis=1, keepdims=True), dtype=np.float32)
    return np.asarray(block @ places, dtype=np.float32)


def _as_channels(block: Audio, channels: int) -> Audio:
    """A block whose number of channels changed in the middle of a file."""
    if block.shape[1] == channels:
        return np.ascontiguousarray(block)
    return np.repeat(block.mean(axis=1, keepdims=True, dtype=np.float32), channels, axis=1)
