"""A world of the imagination: one clock in milliseconds, and what happens when. No sleep, no wall clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class World:
    """Things happen in the order of their times; those of one time in the order they were announced."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, then_ms: float, happen: Callable[[], None]) -> None:
        """Let this happen then; what is past already happens next."""
        heapq.heappush(self._events, (max(then_ms, self.now_ms), next(self._order), happen))

    def every(self, period_ms: float, happen: Callable[[], None], *, first_ms: float | None = None) -> None:
        """Let this happen again and again, for as long as the world runs."""

        def again() -> None:
            happen()
            self.at(self.now_ms + period_ms, again)

        self.at(self.now_ms + period_ms if first_ms is None else first_ms, again)

    def run(self, until_ms: float, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to `until_ms`, or until `unless` says so after something happened."""
        while self._events and self._events[0][0] <= until_ms:
            self.now_ms, _, happen = heapq.heappop(self._events)
            happen()
            if unless():
                return
        self.now_ms = max(self.now_ms, until_ms)
