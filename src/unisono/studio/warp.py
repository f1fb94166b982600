"""Warp: a time map for what was sung in a time of its own."""

from __future__ import annotations

from dataclasses import dataclass

from unisono.studio.alignment import Estimate, Piece
from unisono.studio.guide import Guide
from unisono.units import Audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """A time map: an estimate (its offset and drift are those of the straight line nearest to it), and its knots.

    knots: (take sample, guide position), both rising, at least two. pieces: the straight line, for who needs one.
    """

    estimate: Estimate
    knots: tuple[tuple[float, float], ...]
    pieces: tuple[Piece, ...]


def find(take: Audio, guide: Guide) -> Warp | None:  # noqa: ARG001
    """The time map from a take to its guide, or None when there is nothing to compare.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. guide: `notes` of the take's own part, else
    `part`, else `sound`. Confidence: 0..1, from 0.5 on certain.
    """
    return None
