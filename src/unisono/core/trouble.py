"""Trouble: the server cannot write, or not soon enough. Hosts are told, now and then, and when it is over.

What is sung meanwhile stays in the pages: nothing is acknowledged that is not written.
"""

from __future__ import annotations

from typing import Final, Literal

from unisono.core.events import Outbox
from unisono.core.messages import Problem
from unisono.core.seats import Seat, Seats
from unisono.units import SAMPLE_RATE, Position

TroubleCode = Literal["disk_full", "disk_trouble", "disk_slow", "disk_low", "ledger_trouble"]
"""No room left; writing fails; writing takes seconds; little room left; the database does not take what happens."""
QUIET_SAMPLES: Final = 10 * SAMPLE_RATE
WARNED_SAMPLES: Final = 300 * SAMPLE_RATE
"""That a disk is almost full is no news every ten seconds."""


class Trouble:
    """What is the matter with the server's disk, as its hosts know it."""

    def __init__(self, *, outbox: Outbox, seats: Seats) -> None:
        self._outbox = outbox
        self._seats = seats
        self._told_at: dict[TroubleCode, Position] = {}
        self._lasting: dict[TroubleCode, Problem] = {}

    def tell(self, code: TroubleCode, text: str, now: Position) -> None:
        """This is the matter; `text` is what the system says."""
        quiet_samples = WARNED_SAMPLES if code == "disk_low" else QUIET_SAMPLES
        told_at = self._told_at.get(code)
        problem = Problem(code=code, text=text)
        if code != "disk_low":
            self._lasting[code] = problem
        if told_at is None or now >= told_at + quiet_samples:
            self._told_at[code] = now
            self._to_hosts(problem)

    def over(self, codes: frozenset[TroubleCode]) -> None:
        """These are over; when nothing is the matter any more, hosts are told."""
        before = bool(self._lasting)
        for code in codes:
            self._lasting.pop(code, None)
            self._told_at.pop(code, None)
        if before and not self._lasting:
            self._to_hosts(Problem(code="disk_well", text="the server can write again"))

    def welcome(self, seat: Seat) -> None:
        """A host who comes in the middle of it is told too."""
        if seat.role == "host":
            for problem in self._lasting.values():
                self._outbox.send(seat.connection, problem)

    def _to_hosts(self, problem: Problem) -> None:
        for seat in self._seats.present():
            if seat.role == "host":
                self._outbox.send(seat.connection, problem)
