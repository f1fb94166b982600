"""Sights: what probes tell of the two ways to the room and back. The page's twin is `Ways` in engine/jitter.js.

Both read spec/jitter.json. What is old is forgotten, so that the busy seconds in which a program starts, or a moment of
bad weather, say nothing of the next song; but a few probes are too few to speak of. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

from unisono.core.lateness import OUTAGE_SAMPLES, ROUGH_SAMPLES
from unisono.units import SAMPLE_RATE, ms_of_samples

KEPT_MS: Final = 20_000.0
KEPT_MS_MAX: Final = 60_000.0
"""While there are fewer than `ENOUGH`, older ones count."""
ENOUGH: Final = 40
AT_FIRST, SOON = 12, 60
SOON_MS, EVERY_MS = 250.0, 1000.0
"""While a program starts it is busy, so probes go on quickly until some have met a quiet moment. The first ones are for
the clock alone, which needs only the best of them."""
TRAIN_PROBES, LONG_TRAIN_PROBES, TRAIN_END_PROBES = 10, 50, 3
"""Probes of those who sing go in trains as close as frames of a song, so that they meet what frames meet: what is lost
is found missing by what comes behind it. The last ones of a train have nothing behind them and tell nothing. On a
rough line trains are longer, and those who listen send them too."""
PROBE_MS, TRAIN_MS = 20.0, 2_000.0
ROUGH_MS: Final = ms_of_samples(ROUGH_SAMPLES)
"""A line is rough when one trip in ten takes so much longer than usual."""

_OUTAGE_MS: Final = ms_of_samples(OUTAGE_SAMPLES)
_AFTER_OUTAGE_MS: Final = 1_000.0
_PER_MS: Final = SAMPLE_RATE / 1000

At = Callable[[float], float]
"""The room's position at a local time, by some clock."""


class Sights:
    """What the probes of the last seconds tell of both ways."""

    def __init__(self) -> None:
        self._sights: deque[tuple[float, float, float]] = deque()
        self._open: dict[float, bool] = {}
        """Probes without an echo, oldest first, and whether theirs tells something."""
        self._calm_ms = float("-inf")

    def __len__(self) -> int:
        return len(self._sights)

    def probed(self, sent_ms: float, *, telling: bool = True) -> None:
        """A probe leaves."""
        self._open[sent_ms] = telling

    def echoed(self, sent_ms: float, received_ms: float, position: float) -> None:
        """An echo: the room stood at `position` when it answered. In the wake of an outage it tells nothing."""
        telling = self._open.get(sent_ms, True)
        for sent in [sent for sent in self._open if sent <= sent_ms]:
            del self._open[sent]
        if received_ms - sent_ms > 2 * _OUTAGE_MS:
            self._calm_ms = received_ms + _AFTER_OUTAGE_MS
        elif telling and received_ms >= self._calm_ms:
            self._sights.append((sent_ms, received_ms, position))
        self._forget(received_ms)

    def _forget(self, now_ms: float) -> None:
        while self._sights:
            age_ms = now_ms - self._sights[0][0]
            if age_ms <= (KEPT_MS if len(self._sights) > ENOUGH else KEPT_MS_MAX):
                return
            self._sights.popleft()

    def awaits(self, sent_ms: float) -> bool:
        """Whether no echo of this probe has come, nor of one behind it."""
        return sent_ms in self._open

    @property
    def trips_ms(self) -> list[float]:
        """How long each probe and its echo took together."""
        return [received - sent for sent, received, _ in self._sights]

    def up_ms(self, at: At) -> list[float]:
        """How long each probe took to the room."""
        return [(position - at(sent)) / _PER_MS for sent, _, position in self._sights]

    def down_ms(self, at: At) -> list[float]:
        """How long each echo took from it."""
        return [(at(received) - position) / _PER_MS for _, received, position in self._sights]

    def stalled_ms(self, now_ms: float) -> float:
        """How long the oldest probe has been on its way; 0 if none is."""
        return now_ms - next(iter(self._open)) if self._open else 0.0

    @property
    def calm(self) -> bool:
        """Whether the last echo took about as long as usual: nothing waits on the way, and there is room for repair."""
        trips = self.trips_ms
        return bool(trips) and trips[-1] <= 1.5 * median(trips) + 50.0

    @property
    def rough(self) -> bool:
        """Whether trips differ so much that a few probes do not tell what frames will meet."""
        trips = sorted(self.trips_ms)
        return len(trips) >= 5 and trips[len(trips) * 9 // 10] - trips[len(trips) // 2] > ROUGH_MS

    def lost(self) -> None:
        """The connection they left on is gone."""
        self._open.clear()


class Probing:
    """When the next probe of a connection goes, and whether its echo will tell something of the ways."""

    def __init__(self, *, at_first_ms: float) -> None:
        """The first ones are `at_first_ms` apart."""
        self._at_first_ms = at_first_ms
        self._sent = self._place = 0
        self._train = 1

    def next(self, *, sings: bool, rough: bool) -> tuple[bool, float]:
        """For a probe that goes now: (whether it tells, how long after it the next one goes, in ms)."""
        self._sent += 1
        if self._sent <= AT_FIRST:
            return False, self._at_first_ms
        self._place += 1
        if self._place > self._train:
            self._place = 1
            self._train = LONG_TRAIN_PROBES if rough else TRAIN_PROBES if sings else 1
        if self._train == 1:
            return True, SOON_MS if self._sent < SOON else EVERY_MS
        last = self._place == self._train
        wait_ms = TRAIN_MS - (self._train - 1) * PROBE_MS if last else PROBE_MS
        return self._place <= self._train - TRAIN_END_PROBES, wait_ms
