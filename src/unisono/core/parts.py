"""Parts: who sings what (`soprano`, `alto`, or whatever they call it), so that parts are balanced against each other.

Everybody says their own, hosts anybody's. What was said last before a song ended is what was sung in it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from unisono.core.events import Outbox, Remember, SongStateChanged
from unisono.core.messages import Part, Problem, SeatChanged
from unisono.core.seats import Seat, Seats
from unisono.core.singing import Singing
from unisono.core.texts import clean
from unisono.core.together import too_fast
from unisono.errors import BadPart, NotAllowed
from unisono.units import Position

PART_MAX: Final = 40
_LOOKED_AT_MAX: Final = 500


class Parts:
    """Takes in what people say they sing, and tells everybody."""

    def __init__(self, *, outbox: Outbox, seats: Seats, singing: Singing) -> None:
        self._outbox = outbox
        self._seats = seats
        self._singing = singing

    def say(self, by: Seat, message: Part, now: Position) -> None:
        """`by` says what they, or as a host somebody else, sing. Raises NotAllowed, BadPart."""
        if message.seat not in (None, by.number) and by.role != "host":
            raise NotAllowed(what="choosing what others sing")
        seat = by if message.seat is None else self._seats.find(message.seat)
        if seat is None or seat.gone:
            self._outbox.send(by.connection, Problem(code="nobody_there", text="nobody is on that balcony"))
            return
        if not seat.sings:
            raise NotAllowed(what="singing")
        part = name_of_part(message.part)
        if part == seat.part:
            return
        if not by.changes.take(now):
            self._outbox.send(by.connection, too_fast())
            return
        self._keep_what_was_sung(seat)
        seat.part = part
        self._outbox.put(Remember(seat=seat.number))
        self._outbox.send_all(SeatChanged(seat=seat.info(self._singing.row_of(seat.number))))

    def _keep_what_was_sung(self, seat: Seat) -> None:
        """Voices of a song that has ended are still on their way, or not mixed yet: it was sung as was said then."""
        song = self._singing.song
        if song is not None and song.state in ("ending", "mixing") and seat.number not in song.parts:
            song.parts[seat.number] = seat.part
            self._outbox.put(SongStateChanged(performance=song.performance))


def name_of_part(text: str) -> str:
    """A part's name as everybody sees it; empty if there is none. Raises BadPart for what can be no name."""
    if not text.strip():
        return ""
    name = clean(text[:_LOOKED_AT_MAX], characters_max=_LOOKED_AT_MAX)
    if not name or len(name) > PART_MAX or any(unicodedata.category(letter) == "Cc" for letter in text):
        raise BadPart(letters_max=PART_MAX)
    return name
