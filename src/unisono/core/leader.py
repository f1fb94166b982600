"""Leader: who picks, starts and stops, and for how long nobody could have. Part of `core/singing.py`."""

from __future__ import annotations

from typing import Final

from unisono.core.events import Outbox
from unisono.core.messages import LeaderChanged
from unisono.core.seats import Seat, Seats
from unisono.errors import NotAllowed
from unisono.units import SAMPLE_RATE, Position

LEADERLESS_SAMPLES: Final = 20 * SAMPLE_RATE
"""A free song ends when leader and hosts have been away for so long."""


class Leader:
    """The seat that leads; any host may do what a leader does."""

    def __init__(self, *, outbox: Outbox, seats: Seats) -> None:
        self._outbox = outbox
        self._seats = seats
        self._away_since: Position | None = None
        self.number: int | None = None

    @property
    def seat(self) -> Seat | None:
        """Who leads, present or not."""
        return self._seats.find(self.number) if self.number else None

    def may_lead(self, seat: Seat) -> bool:
        """Whether this seat may pick, start and stop."""
        return seat.role == "host" or (seat.sings and seat.number == self.number)

    def offer(self, seat: Seat) -> None:
        """A host leads if nobody else does."""
        if self.number is None and seat.role == "host":
            self.lead(seat)

    def lead(self, seat: Seat) -> None:
        """From now on this seat leads; in a song, from the next one on. Raises NotAllowed."""
        if not seat.sings:
            raise NotAllowed(what="leading")
        self.number = seat.number
        self._outbox.send_all(LeaderChanged(seat=seat.number))

    def gone(self, seat: Seat) -> None:
        """This balcony is free: a host who is there leads instead."""
        if self.number == seat.number:
            host = next((other for other in self._seats.singers() if other.role == "host"), None)
            self.number = host.number if host else None
            self._outbox.send_all(LeaderChanged(seat=self.number))

    def song_begins(self) -> None:
        """Absence counts anew."""
        self._away_since = None

    def nobody_can_stop(self, now: Position) -> bool:
        """Whether leader and hosts have been away for a while: a free song must not run on for ever."""
        if any(self.may_lead(seat) for seat in self._seats.present()):
            self._away_since = None
        elif self._away_since is None:
            self._away_since = now
        return self._away_since is not None and now >= self._away_since + LEADERLESS_SAMPLES
