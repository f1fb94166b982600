"""The page's clock, line for line after web/static/engine/clock.js: the purest echo of every second, a line.

Both are fed with the same echoes of good and bad networks, and must agree to a thousandth of a sample (spec/clock.json:
`page_at` and `page_per_ms`, in tests/sim/test_page_model.py and tests/js/clock-spec.test.js).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from unisono.units import SAMPLE_RATE

PER_MS = SAMPLE_RATE / 1000
_BIN_MS, _BINS, _TOLERANCE_MS = 1000.0, 90, 3.0
_SPAN_FOR_SLOPE_MS = 15_000.0
_DRIFT_PPM_MAX = 1000.0
_CONTRADICTION_MS = 10.0
_CONTRADICTIONS = 3

Sight = tuple[float, float, float]
"""(local time in ms, the room's position, what the echo's trip took in ms)."""


@dataclass(slots=True)
class PageClock:
    """Where the room stands, by echoes."""

    per_ms: float = PER_MS
    _bins: dict[int, Sight] = field(default_factory=dict)
    _x0: float = 0.0
    _y0: float = 0.0
    _contradictions: int = 0

    @property
    def ready(self) -> bool:
        """Whether an echo has come."""
        return bool(self._bins)

    def at(self, local_ms: float) -> float:
        """The room's position, fractional, at a local time."""
        return self._y0 + self.per_ms * (local_ms - self._x0)

    def add(self, sent_ms: float, received_ms: float, position: float) -> None:
        """Learn from an echo."""
        trip_ms, middle_ms = received_ms - sent_ms, (sent_ms + received_ms) / 2
        if self._contradicted(middle_ms, position, trip_ms):
            self._bins.clear()
            self.per_ms, self._contradictions = PER_MS, 0
        number = math.floor(middle_ms / _BIN_MS)
        seen = self._bins.get(number)
        if seen is not None and seen[2] <= trip_ms:
            return
        self._bins[number] = (middle_ms, position, trip_ms)
        for old in [old for old in self._bins if old <= number - _BINS]:
            del self._bins[old]
        self._fit()

    def _contradicted(self, local_ms: float, position: float, trip_ms: float) -> bool:
        if not self.ready:
            return False
        off_ms = abs(self.at(local_ms) - position) / PER_MS
        self._contradictions = self._contradictions + 1 if off_ms > trip_ms / 2 + _CONTRADICTION_MS else 0
        return self._contradictions >= _CONTRADICTIONS

    def _fit(self) -> None:
        best = min(trip for _, _, trip in self._bins.values())
        good = [(x, y) for x, y, trip in self._bins.values() if trip <= best + _TOLERANCE_MS]
        mean_x = sum(x for x, _ in good) / len(good)
        mean_y = sum(y for _, y in good) / len(good)
        xs = [x for x, _ in good]
        if max(xs) - min(xs) >= _SPAN_FOR_SLOPE_MS and len(good) >= 5:
            sxx = sum((x - mean_x) ** 2 for x in xs)
            sxy = sum((x - mean_x) * (y - mean_y - PER_MS * (x - mean_x)) for x, y in good)
            limit = PER_MS * _DRIFT_PPM_MAX * 1e-6
            self.per_ms = PER_MS + min(limit, max(-limit, sxy / sxx))
        self._x0, self._y0 = mean_x, mean_y
