"""Alignment: where a take stands on its guide's axis, how sure that is, and what says so.

A take's clock may run fast or slow, and its recorder may have dropped buffers: so an alignment is a list of pieces,
each of which runs evenly. In free tempo it is a `warp`, a curve of knots, instead. Values only: `align.py` finds
them, `retime.py` carries them out.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

Method = Literal["clock", "bleed", "claps", "part", "warp", "person", "none"]
"""What an alignment stands on, most trusted first; `none` has found nothing, and its offset means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a take that runs evenly: its sample `take_start` belongs at guide position `guide_start`.

    take_start, take_stop: samples of the decoded take, half-open. guide_start: samples of the guide's axis, may be a
    fraction and negative (before the guide begins). drift_ppm: how much faster than the guide's the take's clock ran:
    n samples of the take last n / (1 + drift_ppm * 1e-6) samples of the guide.
    """

    take_start: int
    take_stop: int
    guide_start: float
    drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.take_start < self.take_stop:
            raise ValueError(f"a piece must not be empty or reversed: [{self.take_start}, {self.take_stop})")

    @property
    def guide_stop(self) -> float:
        """Where the sample after its last one belongs."""
        return self.guide_position(self.take_stop)

    def guide_position(self, take_sample: float) -> float:
        """Where on the guide's axis a sample of the take belongs."""
        return self.guide_start + (take_sample - self.take_start) / (1 + self.drift_ppm * 1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One look: around take sample `at`, the take lags the guide by `lag_samples` (take sample minus guide position).

    `confidence` is 0..1; looks that were thrown out are kept, with `used` false, for the picture.
    """

    at: float
    lag_samples: float
    confidence: float
    used: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one way of looking found on its own: an offset (guide position of take sample 0), and how sure it is."""

    method: Method
    offset_samples: float
    drift_ppm: float
    confidence: float
    lags: tuple[Lag, ...] = ()
    bleed_db: float | None = None
    """For `bleed`: how loud the guide is in the take, against the take's own sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where a take stands. `confidence` is 0..1; only what is `certain` is used without asking a person.

    pieces: in order, without overlap, at least one. warp: knots (take sample, guide position), both rising, for free
    tempo; empty otherwise. estimates: every way that was tried and found something, the trusted one first.
    spread_samples: how far the estimates are from each other.
    """

    method: Method
    pieces: tuple[Piece, ...]
    confidence: float
    certain: bool
    warp: tuple[tuple[float, float], ...] = ()
    estimates: tuple[Estimate, ...] = ()
    spread_samples: float = 0.0

    def __post_init__(self) -> None:
        if not self.pieces:
            raise ValueError("an alignment has at least one piece")
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            if after.take_start < before.take_stop:
                raise ValueError(f"pieces overlap at take sample {after.take_start}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence is 0 to 1, not {self.confidence}")

    @property
    def offset_samples(self) -> float:
        """The guide position of the take's sample 0."""
        first = self.pieces[0]
        return first.guide_position(0)

    @property
    def drift_ppm(self) -> float:
        """The drift of its longest piece."""
        return max(self.pieces, key=lambda piece: piece.take_stop - piece.take_start).drift_ppm

    def guide_position(self, take_sample: float) -> float:
        """Where a sample of the take belongs: by its piece, or the nearest before it (the first, before any).

        A warp is left to `retime.py`.
        """
        at = bisect_right(self.pieces, take_sample, key=lambda piece: piece.take_start)
        return self.pieces[max(at - 1, 0)].guide_position(take_sample)


def at_offset(samples: int, offset_samples: float, *, method: Method = "clock", confidence: float = 1.0) -> Alignment:
    """A take of `samples` samples that runs evenly from `offset_samples` on, as certain as clock or person are."""
    piece = Piece(take_start=0, take_stop=max(samples, 1), guide_start=offset_samples)
    return Alignment(method=method, pieces=(piece,), confidence=confidence, certain=True)
