"""The air below: one direction of an IP path, seeded. It loses, delays, doubles and reorders datagrams.

Jitter: each datagram takes `base_ms` and an extra that is exponentially distributed, so that `jitter_ms` is its 95th
percentile; extras beyond twice that are cut. Datagrams queue and do not overtake, as on one wireless link, except for
the share `reordered`, which are held back by up to 40 ms more while later ones pass.
Loss: each datagram by itself, or, with `burst_ms`, as Gilbert and Elliott have it: everything is lost during bad times
of `burst_ms` on average, and bad times are so frequent that `loss` of all time is bad.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import log

REORDERED_MS_MAX = 40.0
HEADER_BYTES = 60
"""Of IP, TCP with its timestamps, and the link, on every datagram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """What one direction is like. `dead_ms` are stretches [from, to) of its time in which everything is lost."""

    base_ms: float = 15.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst_ms: float = 0.0
    doubled: float = 0.0
    reordered: float = 0.0
    rate_kbps: float | None = None
    queue_ms: float = 1000.0
    """A narrow link keeps so much waiting; what comes on top is lost."""
    dead_ms: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.loss < 1.0 or min(self.base_ms, self.jitter_ms, self.burst_ms) < 0.0:
            raise ValueError(f"there is no such air: {self}")


@dataclass(slots=True)
class Path:
    """One direction of one connection through such air."""

    air: Air
    chance: random.Random
    cut: bool = False
    """The address at its end is nobody's any more: everything is lost, and nobody says so."""
    _last_ms: float = 0.0
    _free_ms: float = 0.0
    _bad: bool = False
    _turns_ms: float = field(default=0.0)

    def arrivals(self, sent_ms: float, size_bytes: int) -> list[float]:
        """When a datagram arrives: never, once or twice."""
        lost = self._lost(sent_ms)
        left_ms = self._left_ms(sent_ms, size_bytes)
        if lost or left_ms is None or self.cut:
            return []
        times = [self._arrival_ms(left_ms)]
        if self.chance.random() < self.air.doubled:
            times.append(self._arrival_ms(left_ms))
        return times

    def _arrival_ms(self, left_ms: float) -> float:
        air = self.air
        extra_ms = self.chance.expovariate(log(20) / air.jitter_ms) if air.jitter_ms else 0.0
        at_ms = left_ms + air.base_ms + min(extra_ms, 2 * air.jitter_ms)
        if air.reordered and self.chance.random() < air.reordered:
            return at_ms + self.chance.uniform(0.0, REORDERED_MS_MAX)
        self._last_ms = max(self._last_ms, at_ms)
        return self._last_ms

    def _left_ms(self, sent_ms: float, size_bytes: int) -> float | None:
        """When a narrow link has sent it; None if its queue is full."""
        if self.air.rate_kbps is None:
            return sent_ms
        begins_ms = max(sent_ms, self._free_ms)
        if begins_ms - sent_ms > self.air.queue_ms:
            return None
        self._free_ms = begins_ms + (size_bytes + HEADER_BYTES) * 8 / self.air.rate_kbps
        return self._free_ms

    def _lost(self, sent_ms: float) -> bool:
        air = self.air
        if any(start <= sent_ms < stop for start, stop in air.dead_ms):
            return True
        if not air.loss or not air.burst_ms:
            return self.chance.random() < air.loss
        good_ms = air.burst_ms * (1 - air.loss) / air.loss
        while self._turns_ms <= sent_ms:
            self._bad = not self._bad if self._turns_ms else self.chance.random() < air.loss
            self._turns_ms += self.chance.expovariate(1 / (air.burst_ms if self._bad else good_ms))
        return self._bad
