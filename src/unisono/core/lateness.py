"""Lateness: how long to wait for what takes a while, and now and then much longer.

A way that jitters has no slowest packet: the longer one looks, the slower the slowest. So a row waits for all but a
share that nobody minds (`LATE_SHARE`). Things so late are hardly ever seen, so their lateness is worked out from the
worst fifth, whose excess over the rest is taken to be exponentially distributed (peaks over threshold: Pickands 1975).
How wide it is its median says, which a few long stalls among them do not move: what is rare is waited for as it was
seen, for all but one in a thousand, and not as the first of something longer. Nor is anything foretold that would come
but once in ten times what was seen. Of a line that stood still for seconds nothing is learnt: no row waits that long.
The page's twin is web/static/engine/jitter.js; both read spec/jitter.json.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import log
from typing import Final

from unisono.units import SAMPLE_RATE, samples_of_ms

LATE_SHARE: Final = 1e-4
"""So many of 1 may be late: a frame of 20 ms in three minutes."""

OUTAGE_SAMPLES: Final = samples_of_ms(1200)
"""What takes longer is no jitter but an outage, and tells nothing about the minutes without one."""

_TAIL_SHARE: Final = 0.2
_FORETOLD: Final = 10
_SEEN_SHARE: Final = 1e-3
_AFTER_OUTAGE_SAMPLES: Final = SAMPLE_RATE
_KEPT: Final = 3000
TELLING_FRAMES: Final = 250
"""From five seconds of a stream on, what it was like counts."""


def wait_for(late: Iterable[float], *, late_share: float = LATE_SHARE) -> float:
    """How long to wait so that of things as late as these no more than `late_share` come too late; in their unit.

    NaN when there are none.
    """
    ordered = sorted(late)
    size = len(ordered)
    if size < 2:
        return ordered[0] if ordered else float("nan")
    seen = ordered[-1 - int(size * max(late_share, _SEEN_SHARE))]
    tail = max(1, round(size * _TAIL_SHARE))
    usual = ordered[-tail - 1]
    width = (ordered[-1 - tail // 2] - usual) / log(2)
    return max(seen, usual + width * max(0.0, log(tail / size / max(late_share, 1 / (_FORETOLD * size)))))


def wait_for_sum(some: Sequence[float], others: Sequence[float]) -> float:
    """How long to wait for what takes one of `some` and then one of `others`; NaN when either is unknown.

    Two tails hardly ever meet: this is less than the wait for each by itself.
    """
    if not some or not others:
        return float("nan")
    size = max(len(some), len(others))
    return wait_for(some[index % len(some)] + others[index % len(others)] for index in range(size))


class Lateness:
    """How late the last minute of one stream was; frames that come in the wake of an outage are left out."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=_KEPT)
        self._sum = 0.0
        self._calm_at = 0

    def __len__(self) -> int:
        return len(self._late)

    def add(self, late_samples: float, *, now: int) -> None:
        """One frame came `late_samples` after its position was heard, at `now` of the room's clock."""
        if late_samples > OUTAGE_SAMPLES:
            self._calm_at = now + _AFTER_OUTAGE_SAMPLES
        elif now >= self._calm_at:
            if len(self._late) == _KEPT:
                self._sum -= self._late[0]
            self._late.append(late_samples)
            self._sum += late_samples

    @property
    def mean_samples(self) -> float:
        """How late it was on average; NaN when nothing is known."""
        return self._sum / len(self._late) if self._late else float("nan")

    @property
    def wait_samples(self) -> float:
        """How long to wait for this stream; NaN when nothing is known."""
        return wait_for(self._late)
