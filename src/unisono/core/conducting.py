"""Conducting: what only the leader and hosts may do: pick, start, stop, begin again, discard, hand over."""

from __future__ import annotations

from typing import assert_never

from unisono.core.events import Outbox
from unisono.core.messages import Again, Discard, Note, Pick, Problem, Start, Stop
from unisono.core.seats import Seat, Seats
from unisono.core.singing import Singing
from unisono.core.together import too_fast
from unisono.errors import NotAllowed
from unisono.units import Position

Order = Pick | Note | Start | Stop | Again | Discard


class Conducting:
    """Checks who gives an order and how often, and passes it on to `core/singing.py`."""

    def __init__(self, *, outbox: Outbox, seats: Seats, singing: Singing) -> None:
        self._outbox = outbox
        self._seats = seats
        self._singing = singing

    def hand_over(self, seat: Seat, number: int) -> bool:
        """A host says who leads from now on; whether somebody else leads now. Raises NotAllowed."""
        if seat.role != "host":
            raise NotAllowed(what="choosing who leads")
        other = self._seats.find(number)
        if other is None or other.gone:
            self._outbox.send(seat.connection, Problem(code="nobody_there", text="nobody is on that balcony"))
            return False
        self._singing.lead(other)
        return True

    def obey(self, seat: Seat, order: Order, now: Position) -> None:
        """An order concerning the song. Raises NotAllowed. Whoever gives too many can still stop the song."""
        if not self._singing.may_lead(seat):
            raise NotAllowed(what="leading the song")
        if not isinstance(order, Stop) and not seat.changes.take(now):
            self._outbox.send(seat.connection, too_fast())
            return
        match order:
            case Pick():
                self._singing.pick(seat, order)
            case Note():
                self._singing.note(seat)
            case Start():
                self._singing.start(seat, now)
            case Stop():
                self._singing.stop(Position(order.position), now)
            case Again():
                self._singing.again(seat, now)
            case Discard():
                self._singing.discard(order.performance)
            case _:
                assert_never(order)
