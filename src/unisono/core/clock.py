"""Clock: a peer's clock against the room's, from probes and echoes.

A probe leaves at `sent_ms` and its echo, carrying the room's position, comes back at `received_ms`, both on the peer's
own monotonic clock. Somewhere between the two the room stood at that position: in the middle, give or take half the
round trip. The quickest echo of every second is kept for two minutes; a line is fitted through them, weighted by how
quick they were (after NTP's clock filter, RFC 5905 section 10), with a prior that clocks differ by about 100 ppm.
This is the one place where milliseconds of a peer's clock become positions. The page's twin reads spec/clock.json too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unisono.units import SAMPLE_RATE

KEPT_MS: Final = 120_000.0
BUCKET_MS: Final = 1_000.0
SAMPLES_PER_MS: Final = SAMPLE_RATE / 1000

_LEAST_DOUBT_MS: Final = 0.1
_DRIFT_DOUBT: Final = 100e-6
_STEP_MS: Final = 10.0
_STEP_ECHOES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """The room's position as seen at one moment of the peer's clock."""

    local_ms: float
    position: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """position = `position` + `rate` * (local_ms - `local_ms`), `rate` in samples per millisecond."""

    local_ms: float
    position: float
    rate: float

    def position_at(self, local_ms: float) -> float:
        return self.position + self.rate * (local_ms - self.local_ms)


class RoomClock:
    """Tells the room's position at any moment of a peer's clock, and the other way round."""

    def __init__(self) -> None:
        self._sights: list[_Sight] = []
        self._line: _Line | None = None
        self._strangers: list[_Sight] = []
        self._doubted = 0

    def add(self, *, sent_ms: float, position: float, received_ms: float) -> None:
        """Learn from one echo. Raises ValueError when it came back before it left."""
        if not received_ms >= sent_ms:
            raise ValueError(f"an echo came back at {received_ms} ms, before it left at {sent_ms} ms")
        sight = _Sight(
            local_ms=(sent_ms + received_ms) / 2, position=position, round_trip_ms=max(received_ms - sent_ms, 0.0)
        )
        if not self._contradicts(sight):
            self._strangers = []
            self._sights = _with_quickest(self._sights, sight)
        else:
            self._strangers = _with_quickest(self._strangers, sight)
            self._doubted += 1
            if self._doubted < _STEP_ECHOES:
                return
            self._sights, self._strangers = self._strangers, []
        self._doubted = 0
        self._line = _fit(self._sights)

    @property
    def ready(self) -> bool:
        """Whether at least one echo came."""
        return self._line is not None

    @property
    def drift_ppm(self) -> float:
        """By how much the room's clock runs faster than the peer's."""
        return (self._known().rate / SAMPLES_PER_MS - 1) * 1e6

    @property
    def round_trip_ms(self) -> float:
        """The quickest echo of the last two minutes; half of it bounds what asymmetric ways can hide."""
        self._known()
        return min(sight.round_trip_ms for sight in self._sights)

    def position_at(self, local_ms: float) -> float:
        """The room's position, with its fraction, when the peer's clock shows `local_ms`."""
        return self._known().position_at(local_ms)

    def local_ms_at(self, position: float) -> float:
        """What the peer's clock shows when the room is at `position`."""
        line = self._known()
        return line.local_ms + (position - line.position) / line.rate

    def _known(self) -> _Line:
        if self._line is None:
            raise ValueError("no echo has come yet")
        return self._line

    def _contradicts(self, sight: _Sight) -> bool:
        """Whether this echo and the kept ones cannot all be true: one of the clocks was set, or slept."""
        if self._line is None:
            return False
        error_ms = abs(self._line.position_at(sight.local_ms) - sight.position) / SAMPLES_PER_MS
        return error_ms > (sight.round_trip_ms + self.round_trip_ms) / 2 + _STEP_MS


def _with_quickest(sights: list[_Sight], sight: _Sight) -> list[_Sight]:
    """`sights` and a new one: of each second only the quickest, and nothing that is too old."""
    bucket = sight.local_ms // BUCKET_MS
    rivals = [seen for seen in sights if seen.local_ms // BUCKET_MS == bucket]
    best = min([*rivals, sight], key=lambda seen: seen.round_trip_ms)
    oldest_ms = max(seen.local_ms for seen in [*sights, sight]) - KEPT_MS
    return [seen for seen in sights if seen.local_ms // BUCKET_MS != bucket and seen.local_ms > oldest_ms] + [best]


def _fit(sights: list[_Sight]) -> _Line:
    """The most likely line: weighted least squares in the offset and, around nominal, the rate.

    An echo's doubt is _LEAST_DOUBT_MS and half of what it took longer than the quickest.
    """
    quickest = min(sight.round_trip_ms for sight in sights)
    doubts = [_LEAST_DOUBT_MS + (sight.round_trip_ms - quickest) / 2 for sight in sights]
    weights = [1 / doubt**2 for doubt in doubts]
    total = sum(weights)
    at_ms = sum(weight * sight.local_ms for weight, sight in zip(weights, sights, strict=True)) / total
    origin = sights[0]
    # What is left over when the clocks are taken to run alike, in milliseconds: small numbers, so that nothing rounds.
    left_over = [
        (sight.position - origin.position) / SAMPLES_PER_MS - (sight.local_ms - origin.local_ms) for sight in sights
    ]
    mean = sum(weight * rest for weight, rest in zip(weights, left_over, strict=True)) / total
    across = sum(weight * (sight.local_ms - at_ms) ** 2 for weight, sight in zip(weights, sights, strict=True))
    along = sum(
        weight * (sight.local_ms - at_ms) * rest for weight, sight, rest in zip(weights, sights, left_over, strict=True)
    )
    drift = along / (across + 1 / _DRIFT_DOUBT**2)
    position = origin.position + (mean + at_ms - origin.local_ms) * SAMPLES_PER_MS
    return _Line(local_ms=at_ms, position=position, rate=SAMPLES_PER_MS * (1 + drift))
