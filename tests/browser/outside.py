"""Tapes outside the pages: every card's sound, recorded at once and put on one clock.

One thread reads all recorders and stamps each chunk with the machine's monotonic clock on arrival. A chunk can come
late, never early, so the clock of a card is the highest straight line that stays below all its stamps (the linear
programming solution of Moon, Skelly & Towsley 1999: the edge of the lower convex hull under the middle). Its slope is
the card's true rate. What remains is the constant way from the daemon to us, the same few milliseconds for every card
because all are recorded with the same fragment size: `tests/browser/test_rig.py` measures it. Times between two cards
are good to that; positions inside one stem never use this clock.
"""

import os
import selectors
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from tests.browser.cards import Audio, SoundCard
from tests.browser.program import Closing

Reals = NDArray[np.floating[Any]]
CLOCK_RATE_HZ = 48_000
FRAGMENT_MS = 10
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFit:
    """Sample n of a tape was recorded at `start_s + n / rate_hz` of the machine's monotonic clock."""

    start_s: float
    rate_hz: float
    nominal_hz: int
    late_ms_p95: float

    @property
    def drift_ppm(self) -> float:
        """How much faster than the machine's clock the card ran."""
        return (self.rate_hz / self.nominal_hz - 1) * 1e6

    def seconds_at(self, sample: float) -> float:
        """When `sample` was recorded, on the machine's monotonic clock."""
        return self.start_s + sample / self.rate_hz


def fit_clock(samples: Reals, stamps_s: Reals, nominal_hz: int) -> ClockFit:
    """The line under all (`samples`, `stamps_s`) points, both of shape (chunks,), at least 2; samples ascending.

    samples: how many samples had arrived when the clock showed the stamp.
    """
    if len(samples) < 2:
        raise ValueError(f"a clock needs at least 2 stamps, not {len(samples)}")
    # Against the nominal clock, so that the numbers stay small and the hull well conditioned.
    late_s = stamps_s - samples / nominal_hz
    hull = _lower_hull(samples, late_s)
    middle = (samples[0] + samples[-1]) / 2
    right = min(max(int(np.searchsorted(samples[hull], middle)), 1), len(hull) - 1)
    a, b = hull[right - 1], hull[right]
    slope = (late_s[b] - late_s[a]) / (samples[b] - samples[a])
    start_s = float(late_s[a] - slope * samples[a])
    above_s = late_s - (start_s + slope * samples)
    return ClockFit(start_s=start_s, rate_hz=float(1 / (1 / nominal_hz + slope)), nominal_hz=nominal_hz,
                    late_ms_p95=float(np.percentile(above_s, 95) * 1e3))


def _lower_hull(x: Reals, y: Reals) -> list[int]:
    """Indices of the lower convex hull of points with ascending `x` (Andrew's monotone chain)."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) > 1 and _turns_right(x, y, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    return hull


def _turns_right(x: Reals, y: Reals, a: int, b: int, c: int) -> bool:
    return bool((x[b] - x[a]) * (y[c] - y[a]) <= (y[b] - y[a]) * (x[c] - x[a]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A finished recording: `sound` is float32 (samples,) mono, as the card delivered it, at the card's own rate.

    stamps: shape (chunks, 2): so many samples had arrived, when the machine's clock showed so many seconds.
    """

    sound: Audio
    clock: ClockFit
    stamps: Reals

    def between(self, start_s: float, stop_s: float) -> "Tape":
        """The part recorded between two moments of the machine's clock, with a clock fitted to that part alone.

        Opening or closing a stream can change how far ahead a null sink works, once and by some milliseconds: a stretch
        in which no stream came or went has the straightest clock.
        """
        chosen = (self.stamps[:, 1] >= start_s) & (self.stamps[:, 1] <= stop_s)
        stamps = self.stamps[chosen]
        first, last = int(stamps[0, 0]), int(stamps[-1, 0])
        inside = stamps - np.array([first, 0.0])
        return Tape(sound=self.sound[first:last], clock=fit_clock(inside[:, 0], inside[:, 1], self.clock.nominal_hz),
                    stamps=inside)

    def on_clock(self) -> Audio:
        """The sound on the machine's clock, float32 (samples,), CLOCK_RATE_HZ; its first sample at `clock.start_s`."""
        return np.asarray(soxr.resample(self.sound, self.clock.rate_hz, CLOCK_RATE_HZ, quality="VHQ"), np.float32)


@dataclass(slots=True)
class _Reel:
    """A running recorder and what it has brought so far."""

    recorder: subprocess.Popen[bytes]
    nominal_hz: int
    bytes_so_far: bytearray = field(default_factory=bytearray)
    stamps: list[tuple[int, float]] = field(default_factory=list)


class Tapes(Closing):
    """Records any number of cards' monitors at once, until `stop`.

    A null sink works as far ahead as its most demanding client wants: start the tapes before a page does its sound
    check, or the recorder moves by some 20 ms the round trip that the page has just measured.
    """

    def __init__(self) -> None:
        self._reels: dict[str, _Reel] = {}
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name="tapes", daemon=True)

    def add(self, name: str, card: SoundCard, source: str = "ears.monitor") -> None:
        """Also record `source` of `card` under `name`; before `start`."""
        recorder = subprocess.Popen(
            ["parec", "--raw", f"--device={source}", "--format=float32le", "--channels=1",
             f"--rate={card.plan.rate_hz}", f"--latency-msec={FRAGMENT_MS}", "--client-name=tape"],
            env=card.environ(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert recorder.stdout is not None
        reel = _Reel(recorder=recorder, nominal_hz=card.plan.rate_hz)
        self._reels[name] = reel
        self._selector.register(recorder.stdout, selectors.EVENT_READ, reel)

    def start(self) -> None:
        """Begin to read; returns when every recorder delivers."""
        self._reader.start()
        deadline_s = time.monotonic() + 10
        while not all(reel.stamps for reel in self._reels.values()):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"no sound from {[name for name, reel in self._reels.items() if not reel.stamps]}")
            time.sleep(0.02)  # a look at whether they deliver, until the deadline

    def _read(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(timeout=0.2):
                reel: _Reel = key.data
                chunk = os.read(key.fd, 1 << 20)
                stamp_s = time.monotonic()
                if not chunk:
                    self._selector.unregister(key.fileobj)
                    continue
                reel.bytes_so_far += chunk
                reel.stamps.append((len(reel.bytes_so_far) // 4, stamp_s))

    def stop(self) -> dict[str, Tape]:
        """End every recorder and put the tapes on the clock."""
        self._ended.set()
        self._reader.join(5)
        for reel in self._reels.values():
            reel.recorder.kill()
            reel.recorder.wait()
        return {name: _finish(reel) for name, reel in self._reels.items()}

    def close(self) -> None:
        """End them, if they still run."""
        if not self._ended.is_set():
            self.stop()


def _finish(reel: _Reel) -> Tape:
    whole = len(reel.bytes_so_far) // 4 * 4
    sound = np.frombuffer(bytes(reel.bytes_so_far[:whole]), "<f4").astype(np.float32)
    stamps = np.array(reel.stamps, np.float64)
    # The first chunks may hold what had waited in the daemon, and come in one gulp.
    settled = stamps[stamps[:, 0] > SETTLE_S * reel.nominal_hz]
    return Tape(sound=sound, clock=fit_clock(settled[:, 0], settled[:, 1], reel.nominal_hz), stamps=stamps)
