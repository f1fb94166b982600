"""Relearn: where a room's clock stands, from pages that kept it running while the server's machine was started anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from unisono.units import SAMPLE_RATE

NANOSECONDS: Final = 1_000_000_000
_AGREE_NS: Final = 60_000_000
"""Pages that are right differ by how long their messages took, and by little else."""
AHEAD_SAMPLES_MAX: Final = 24 * 3600 * SAMPLE_RATE
"""No page of a song sung the day before is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A page said that the room's clock stands at `position` as its message arrives; it arrived at `heard_ns`."""

    position: float
    heard_ns: int

    @property
    def zero_ns(self) -> float:
        """When, on the server's monotonic clock, the room's position was 0: late by what the message took longer."""
        return self.heard_ns - self.position * NANOSECONDS / SAMPLE_RATE


def believable(position: float, *, reached: int) -> bool:
    """Whether a room that had counted up to `reached` may stand at `position`."""
    return reached <= position <= reached + AHEAD_SAMPLES_MAX


def agreed_zero_ns(reports: Sequence[Report], *, guess_ns: float) -> float:
    """The zero that most pages agree on, as the quickest of them had it; nearest to `guess_ns` if opinions are equal.

    A single page with a wrong clock, or a wrong mind, moves no room in which two others are right.
    """
    zeros = sorted(report.zero_ns for report in reports)
    best, votes = guess_ns, 0
    for zero in zeros:
        agreeing = sum(1 for other in zeros if zero <= other <= zero + _AGREE_NS)
        if (agreeing, -abs(zero - guess_ns)) > (votes, -abs(best - guess_ns)):
            best, votes = zero, agreeing
    return best
