"""Shares: how far a piece of work is, told from inside of it to whoever waits.

Whoever is told may raise, and so ends the work where it is: what is not finished was not there yet for anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Final

OnShare = Callable[[float], None]
"""Told how far a piece of work is, 0..1, never less than before; as often as the work finds convenient."""

_TOLD_EVERY_S: Final = 0.25


def untold(_share: float) -> None:
    """For work that nobody waits for."""


def within(on_share: OnShare, start: float, stop: float) -> OnShare:
    """Tells a part of a work, which is [start, stop) of the whole."""
    return lambda share: on_share(start + (stop - start) * min(max(share, 0.0), 1.0))


def weighed(on_share: OnShare, *weights: float) -> list[OnShare]:
    """For each part of a work, one after the other, whom it tells; a weight is how long it takes against the others."""
    total = sum(weights) or 1.0
    starts = [sum(weights[:i]) / total for i in range(len(weights) + 1)]
    return [within(on_share, start, stop) for start, stop in pairwise(starts)]


def paced(on_share: OnShare, every_s: float = _TOLD_EVERY_S) -> OnShare:
    """Passes on no more than somebody can read."""
    next_s = 0.0

    def tell(share: float) -> None:
        nonlocal next_s
        now_s = time.monotonic()
        if now_s >= next_s:
            next_s = now_s + every_s
            on_share(share)

    return tell
