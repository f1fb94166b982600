"""Lateness: how long to wait for what takes a while, and now and then much longer.

A way that jitters has no slowest packet: the longer one looks, the slower the slowest. So a row waits for all but a
share that nobody minds (`LATE_SHARE`). Things so late are hardly ever seen, so their lateness is worked out from the
worst fifth, whose excess over the rest is taken to be exponentially distributed (peaks over threshold: Pickands 1975).
How wide it is its median says, which a few long stalls among them do not move: what is rare is waited for as it was
seen, for all but one in a thousand, and not as the first of something longer. Nor is anything foretold that would come
but once in ten times what was seen. Of a line that stood still for seconds nothing is learnt: no row waits that long.
And what stood still once in a while of many seconds is not waited for: another time it is heard once, and all the time
everybody would be so much further apart (docs/decisions/0011-waiting-for-what-jitters.md).

On a rough way, whose packets differ much, a few of the worst tell too little: from one half minute to the next they
foretell half as much or twice. There the mean excess of all that took longer than the middle one speaks, and nothing is
foretold whose excess would be more than two and a half times the longest seen.

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

STALL_SAMPLES: Final = samples_of_ms(150)
"""So much above the usual is no jitter, if it came once."""

ROUGH_SAMPLES: Final = samples_of_ms(40)
"""A way is rough when one in ten takes so much longer than the middle one."""

_STALL_FRAMES: Final = 100
"""What is so late within two seconds is one stall, and the queue behind it."""

_ONCE_FRAMES: Final = 400
"""Eight seconds: what comes once in less may be weather."""

_TAIL_SHARE: Final = 0.2
_FORETOLD: Final = 10
_SEEN_SHARE: Final = 1e-3
_ROUGH_LATE_SHARE: Final = 5e-6
"""Many rough ways meet at one ear, and what is late there is late for a while."""
_ROUGH_SEEN_TIMES: Final = 2.5
_AFTER_OUTAGE_SAMPLES: Final = SAMPLE_RATE
_KEPT: Final = 3000
TELLING_FRAMES: Final = 250
"""From five seconds of a stream on, what it was like counts."""


def wait_for(late: Iterable[float], *, rough: float, late_share: float = LATE_SHARE) -> float:
    """How long to wait so that of things as late as these no more than `late_share` come too late; in their unit.

    From `rough` on, in the same unit, they differ so much that they are waited for longer. NaN when there are none.
    """
    ordered = sorted(late)
    size = len(ordered)
    if size < 2:
        return ordered[0] if ordered else float("nan")
    seen = ordered[-1 - int(size * max(late_share, _SEEN_SHARE))]
    tail = max(1, round(size * _TAIL_SHARE))
    usual = ordered[-tail - 1]
    width = (ordered[-1 - tail // 2] - usual) / log(2)
    wait = max(seen, usual + width * max(0.0, log(tail / size / max(late_share, 1 / (_FORETOLD * size)))))
    return max(wait, _rough_wait(ordered)) if _is_rough(ordered, rough) else wait


def _is_rough(ordered: Sequence[float], rough: float) -> bool:
    return ordered[len(ordered) * 9 // 10] - ordered[len(ordered) // 2] > rough


def _rough_wait(ordered: Sequence[float]) -> float:
    """All that exceeds the middle one is taken to be exponentially distributed, with its own mean."""
    middle = ordered[len(ordered) // 2]
    above = ordered[len(ordered) // 2 + 1 :]
    mean_excess = (sum(above) / len(above) - middle) if above else 0.0
    return middle + min(mean_excess * log(0.5 / _ROUGH_LATE_SHARE), _ROUGH_SEEN_TIMES * (ordered[-1] - middle))


def wait_for_sum(some: Sequence[float], others: Sequence[float], *, rough: float) -> float:
    """How long to wait for what takes one of `some` and then one of `others`; NaN when either is unknown.

    Two tails hardly ever meet: this is less than the wait for each by itself. `rough` as in `wait_for`.
    """
    if not some or not others:
        return float("nan")
    size = max(len(some), len(others))
    return wait_for((some[index % len(some)] + others[index % len(others)] for index in range(size)), rough=rough)


def without_lone_stall(late: Sequence[float], *, stall: float = STALL_SAMPLES) -> Sequence[float]:
    """The frames of one stream, oldest first, without its only stall; all of them if there was none, or another.

    A stall is what is more than `stall` later than the middle one, in the unit of `late`.
    """
    if len(late) < _ONCE_FRAMES:
        return late
    bound = sorted(late)[len(late) // 2] + stall
    stalled = [index for index, one in enumerate(late) if one > bound]
    if not stalled or stalled[-1] - stalled[0] >= _STALL_FRAMES:
        return late
    kept = list(late)
    return kept[: stalled[0]] + kept[stalled[-1] + 1 :]


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
        return wait_for(without_lone_stall(self._late), rough=ROUGH_SAMPLES)
