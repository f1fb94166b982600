"""Repair: which parts of a stem are on disk, and which must be asked for again.

A page says once per epoch what it has sent (`sent`); the recorder says what it has written. What is promised and not
written is missing. A hole shorter than a frame cannot be sent and is none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from unisono.units import FRAME_SAMPLES, Position, Span


class SpanSet:
    """A set of positions, kept as separate ordered spans; adding at the end is cheap."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for span in spans:
            self.add(span)

    def __iter__(self) -> Iterator[Span]:
        for start, stop in zip(self._starts, self._stops, strict=True):
            yield Span(start=Position(start), stop=Position(stop))

    def __len__(self) -> int:
        """How many separate spans there are."""
        return len(self._starts)

    @property
    def samples(self) -> int:
        """How many positions are in it."""
        return sum(self._stops) - sum(self._starts)

    def add(self, span: Span) -> None:
        """Put every position of `span` in."""
        self.put(span.start, span.stop)

    def put(self, start: int, stop: int) -> None:
        """Put every position of [start, stop) in."""
        if stop <= start:
            return
        if self._stops and start == self._stops[-1]:
            self._stops[-1] = stop  # a voice that goes on
            return
        first = bisect_left(self._stops, start)
        last = bisect_right(self._starts, stop)
        if first < last:
            start = min(start, self._starts[first])
            stop = max(stop, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def holes(self, span: Span) -> list[Span]:
        """The parts of `span` that are not in it, in order."""
        found = []
        at = int(span.start)
        for index in range(bisect_right(self._stops, span.start), len(self._starts)):
            if self._starts[index] >= span.stop:
                break
            if self._starts[index] > at:
                found.append(Span(start=Position(at), stop=Position(self._starts[index])))
            at = self._stops[index]
        if at < span.stop:
            found.append(Span(start=Position(at), stop=span.stop))
        return found


class StemCover:
    """What one seat has promised of its stem, and what of it is on disk."""

    __slots__ = ("_promised", "_written")

    def __init__(self) -> None:
        self._promised: dict[int, Span] = {}
        self._written: dict[int, SpanSet] = {}

    @property
    def promised(self) -> bool:
        """Whether the page has said `sent` at all."""
        return bool(self._promised)

    @property
    def begun(self) -> bool:
        """Whether anything is on disk."""
        return bool(self._written)

    @property
    def written_samples(self) -> int:
        """How much is on disk, over all epochs: what grows while repair goes on."""
        return sum(spans.samples for spans in self._written.values())

    def promise(self, epoch: int, span: Span) -> None:
        """The page has sent (or keeps, and will send) all of `span` in `epoch`; a second promise replaces the first."""
        self._promised[epoch] = span

    def wrote(self, epoch: int, span: Span) -> None:
        """`span` of `epoch` is on disk."""
        self._written.setdefault(epoch, SpanSet()).add(span)

    def missing(self) -> list[Span]:
        """What is promised and not on disk, over all epochs, in order, joined; holes shorter than a frame left out."""
        holes = SpanSet()
        for epoch, span in self._promised.items():
            for hole in self._written.get(epoch, SpanSet()).holes(span):
                if hole.samples >= FRAME_SAMPLES:
                    holes.add(hole)
        return list(holes)

    def complete(self) -> bool:
        """Whether the page has promised, and all it promised is on disk."""
        return self.promised and not self.missing()
