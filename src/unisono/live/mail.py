"""Mail: which sockets of a room have something waiting. While the room ticks they are written at its ticks, else soon.

A page gets the leader, the mix of its row, levels and acknowledgements of one tick in one piece: one call to the system
and one wake-up of the page instead of four. Listeners hear much later than singers, and there may be a thousand of
them: they come last, a few at each turn of the loop, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from unisono.live.session import Session

_LISTENERS_AT_ONCE = 50


class Mail:
    """The waiting sockets of one room."""

    def __init__(self, *, ticking: Callable[[], bool]) -> None:
        """`ticking` says whether `deliver` is called within 40 ms anyway."""
        self._ticking = ticking
        self._waiting: list[Session] = []
        self._listening: deque[Session] = deque()
        self._soon = self._going_on = False

    def post(self, session: Session) -> None:
        """Something begins to wait for this page."""
        (self._listening if session.listens else self._waiting).append(session)
        if not self._soon and not self._ticking():
            self._soon = True
            asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self) -> None:
        """Write everything that waits."""
        self._soon = False
        waiting, self._waiting = self._waiting, []
        for session in waiting:
            session.flush()
        if not self._going_on:
            self._go_on()

    def _go_on(self) -> None:
        """Write to the next few listeners; to the others at the next turns of the loop."""
        for _ in range(min(_LISTENERS_AT_ONCE, len(self._listening))):
            self._listening.popleft().flush()
        self._going_on = bool(self._listening)
        if self._going_on:
            asyncio.get_running_loop().call_soon(self._go_on)
