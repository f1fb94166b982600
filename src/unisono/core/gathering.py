"""Gathering: after a song, waiting for every stem to be whole, and asking for what is missing.

A page says once per epoch what it has sent; what is not on disk soon after is asked for, again every few seconds. Who
never sang a note is not waited for, nor who has been away for `AWAY_SAMPLES`. Nobody is waited for when nothing has
come for `PATIENCE_SAMPLES`, after the first minute only while sound flows, and never longer than `AT_MOST_SAMPLES`.
While the server cannot write, patience does not run out before that.
"""

from __future__ import annotations

from collections.abc import Iterable

from unisono.core.events import Outbox
from unisono.core.messages import Missing
from unisono.core.repair import StemCover
from unisono.core.seats import Seats
from unisono.units import SAMPLE_RATE, Position, Span

PATIENCE_SAMPLES = 20 * SAMPLE_RATE
AWAY_SAMPLES = 10 * SAMPLE_RATE
"""Whoever is away for so long after the end may send later (docs/wire.md): it is stored, and the mix does not wait."""
SHORT_OF_PATIENCE_AFTER_SAMPLES = 60 * SAMPLE_RATE
SHORT_PATIENCE_SAMPLES = 5 * SAMPLE_RATE
AT_MOST_SAMPLES = 5 * 60 * SAMPLE_RATE
ASK_AFTER_SAMPLES = SAMPLE_RATE * 6 // 10
"""Longer than the recorder takes to say what it has written: nothing is asked for that is on its way to the disk."""
ASK_EVERY_SAMPLES = 3 * SAMPLE_RATE
_SILENT_SAMPLES = 2 * SAMPLE_RATE
_SPANS_MAX = 200


class Gathering:
    """The stems of one performance: what is promised, what is there, what was asked for."""

    def __init__(self, *, outbox: Outbox, seats: Seats, performance: str) -> None:
        self._outbox = outbox
        self._seats = seats
        self._performance = performance
        self._covers: dict[int, StemCover] = {}
        self._ask_at: dict[int, Position] = {}
        self._settled_at: dict[int, Position] = {}
        self._progress = -1
        self._progress_at: Position | None = None
        self._began_at: Position | None = None

    def wrote(self, seat: int, epoch: int, span: Span) -> None:
        """`span` of the seat's epoch is on disk."""
        self._cover(seat).wrote(epoch, span)

    def promise(self, seat: int, epoch: int, span: Span, now: Position) -> None:
        """The page has sent, or keeps and is sending, all of `span`."""
        self._cover(seat).promise(epoch, span)
        self._ask_at[seat] = self._settled_at[seat] = Position(now + ASK_AFTER_SAMPLES)

    def _cover(self, seat: int) -> StemCover:
        return self._covers.setdefault(seat, StemCover())

    def complete(self, singing: Iterable[int], *, since: Position, now: Position) -> bool:
        """Whether the stems are as whole as they will be.

        `singing` are the seats that sat in the song's rows, `since` is when the last of them heard its end.
        """
        if self._out_of_patience(since, now):
            return True
        waited_for = {seat for seat, cover in self._covers.items() if cover.begun or cover.promised}
        if now < max(since, self._began_at or 0) + _SILENT_SAMPLES:
            waited_for |= {seat for seat in singing if self._is_there(seat)}
        return all(self._whole(seat, now) or self._is_away(seat, now) for seat in waited_for)

    def _is_away(self, number: int, now: Position) -> bool:
        """Whether this page left, and has not come back for a while since the song's end (or the server's start)."""
        seat = self._seats.find(number)
        if seat is None or seat.present:
            return seat is None
        began = self._began_at if self._began_at is not None else now
        return now >= max(began, seat.left_at or 0) + AWAY_SAMPLES

    def _whole(self, seat: int, now: Position) -> bool:
        return self._cover(seat).complete() and now >= self._settled_at[seat]

    def _is_there(self, number: int) -> bool:
        seat = self._seats.find(number)
        return seat is not None and seat.present and seat.method not in (None, "none")

    def hold(self, now: Position) -> None:
        """The server cannot write: that nothing comes is no sign that nothing will."""
        self._progress_at = now

    def _out_of_patience(self, since: Position, now: Position) -> bool:
        progress = sum(cover.written_samples + int(cover.promised) for cover in self._covers.values())
        if progress != self._progress or self._progress_at is None:
            self._progress, self._progress_at = progress, max(now, since)
        if self._began_at is None:
            self._began_at = max(now, since)
        waited = now - self._began_at
        patience = PATIENCE_SAMPLES if waited < SHORT_OF_PATIENCE_AFTER_SAMPLES else SHORT_PATIENCE_SAMPLES
        return now >= self._progress_at + patience or waited >= AT_MOST_SAMPLES

    def ask(self, now: Position) -> None:
        """Ask every page that is there for what is missing of its stem, if it is time to."""
        for number, ask_at in self._ask_at.items():
            seat = self._seats.find(number)
            if now < ask_at or seat is None or not seat.present:
                continue
            spans = self._covers[number].missing()
            if spans:
                self._ask_at[number] = Position(now + ASK_EVERY_SAMPLES)
                pairs = tuple((int(span.start), int(span.stop)) for span in spans[:_SPANS_MAX])
                self._outbox.send(seat.connection, Missing(performance=self._performance, spans=pairs))
