"""Together: what people do besides singing: wave, raise a hand, write, talk."""

from __future__ import annotations

from collections import deque
from typing import Final

from unisono.core.events import Outbox, TalkOpened
from unisono.core.messages import Problem, SeatChanged, SeatHand, SeatWaved, SeatWrote, Wrote
from unisono.core.seats import Seat
from unisono.core.texts import clean
from unisono.errors import NotAllowed
from unisono.units import Position

WRITTEN_MAX: Final = 50
_TEXT_MAX: Final = 500


class Together:
    """Waves, hands, lines and open microphones; each person has a bucket for each of them (`core/limits.py`)."""

    def __init__(self, *, outbox: Outbox) -> None:
        self._outbox = outbox
        self._written: deque[Wrote] = deque(maxlen=WRITTEN_MAX)

    @property
    def written(self) -> tuple[Wrote, ...]:
        """The last lines, oldest first."""
        return tuple(self._written)

    def wave(self, seat: Seat, now: Position) -> None:
        """A wave, seen by all; too many are not seen."""
        if seat.waves.take(now):
            self._outbox.send_all(SeatWaved(seat=seat.number))

    def raise_hand(self, seat: Seat, up: bool, now: Position) -> None:
        """A hand goes up or down."""
        if seat.hand != up and seat.changes.take(now):
            seat.hand = up
            self._outbox.send_all(SeatHand(seat=seat.number, up=up))

    def write(self, seat: Seat, text: str, now: Position) -> None:
        """A line for everybody."""
        line = clean(text, characters_max=_TEXT_MAX)
        if not line:
            return
        if not seat.lines.take(now):
            self._outbox.send(seat.connection, too_fast())
            return
        self._written.append(Wrote(seat=seat.number, text=line, at=now))
        self._outbox.send_all(SeatWrote(seat=seat.number, text=line, at=now))

    def talk(self, seat: Seat, on: bool, now: Position) -> None:
        """The microphone opens or closes between songs; nobody has a row then. Raises NotAllowed."""
        if not seat.sings:
            raise NotAllowed(what="talking")
        if on != seat.talking and (not on or seat.changes.take(now)):
            seat.talking = on
            self._outbox.put(TalkOpened(seat=seat.number, on=on))
            self._outbox.send_all(SeatChanged(seat=seat.info(None)))


def too_fast() -> Problem:
    """What somebody is told whose bucket is empty."""
    return Problem(code="too_fast", text="that was a little too fast")
