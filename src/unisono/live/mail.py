"""Mail: which sockets of a room have something waiting. While the room ticks they are written at each tick, else soon.

A page gets the leader, the mix of its row, levels and acknowledgements of one tick in one piece: one call to the system
and one wake-up of the page instead of four.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unisono.live.session import Session


class Mail:
    """The waiting sockets of one room."""

    def __init__(self, *, ticking: Callable[[], bool]) -> None:
        """`ticking` says whether `deliver` is called within 20 ms anyway."""
        self._ticking = ticking
        self._waiting: list[Session] = []
        self._soon = False

    def post(self, session: Session) -> None:
        """Something begins to wait for this page."""
        self._waiting.append(session)
        if not self._soon and not self._ticking():
            self._soon = True
            asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self) -> None:
        """Write everything that waits."""
        self._soon = False
        waiting, self._waiting = self._waiting, []
        for session in waiting:
            session.flush()
