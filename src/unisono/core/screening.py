"""Screening: the room watches a song's film together. Somebody begins it; whoever wants to watches at the same place.

Pure. Where the film is and how far it is made the server says; nobody's page shows it unless they ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import structs

from unisono.core.events import Outbox
from unisono.core.messages import Film, Problem, Screening, Watch
from unisono.core.seats import Seat
from unisono.units import SAMPLE_RATE, Position

FILMS_MAX: Final = 8
AHEAD_SAMPLES: Final = 5 * SAMPLE_RATE
"""Pages have so long to fetch a film's beginning."""


class Screenings:
    """The last songs' films, and what is being watched."""

    def __init__(self, *, outbox: Outbox, running: Callable[[], bool]) -> None:
        """`running`: whether a song is sung."""
        self._outbox = outbox
        self._running = running
        self._films: dict[str, Film] = {}
        self._screening: Screening | None = None

    def tell(self, film: Film) -> None:
        """How a film is now; the room is told. A film that is taken away is watched no more."""
        self._films.pop(film.performance, None)
        self._films[film.performance] = film
        while len(self._films) > FILMS_MAX:
            del self._films[next(iter(self._films))]
        shown = self._screening
        if shown is not None and shown.performance == film.performance and shown.url != film.url:
            self._screening = None
        self._outbox.send_all(film)

    def welcome(self, connection: int, now: Position) -> None:
        """Somebody came: what there is, and what is being watched."""
        for film in self._films.values():
            if film.step:
                self._outbox.send(connection, film)
        shown = self._screening
        if shown is not None and now < shown.start + shown.samples and not self._running():
            self._outbox.send(connection, shown)

    def watch(self, seat: Seat, message: Watch, now: Position) -> None:
        """This seat wants to watch: everybody is told when it begins; who comes later is told when it began."""
        film = self._films.get(message.performance)
        if self._running():
            self._problem(seat, "song_running", "a song is being sung")
            return
        if film is None or film.url is None:
            self._problem(seat, "no_film", "there is no such film")
            return
        shown = self._screening
        same = shown is not None and shown.performance == film.performance
        if shown is not None and same and now < shown.start + shown.samples:
            self._screening = structs.replace(shown, webm=film.webm)  # it may be there only since they began
            self._outbox.send(seat.connection, self._screening)
            return
        self._screening = Screening(
            performance=film.performance,
            start=Position(now + AHEAD_SAMPLES),
            url=film.url,
            webm=film.webm,
            poster=film.poster,
            words=film.words,
            samples=film.samples,
            by=seat.number,
        )
        self._outbox.send_all(self._screening)

    def _problem(self, seat: Seat, code: str, text: str) -> None:
        self._outbox.send(seat.connection, Problem(code=code, text=text))
