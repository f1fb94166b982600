"""Line: looks at where a take lags its guide become even pieces: one clock's drift, and the steps a recorder made.

The drift is Theil and Sen's: the median of the slopes between looks (Theil 1950, Sen 1968), here of all pairs that no
step parts. Steps are found as Potts's model finds them: the fewest levels that explain the most looks, by dynamic
programming; a look that fits no level is kept, unused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unisono.studio.alignment import Lag, Piece
from unisono.units import samples_of_ms

AGREE_SAMPLES = samples_of_ms(0.5)
"""Looks this near a line are on it."""
STEP_SAMPLES = samples_of_ms(2)
"""Levels nearer than this are one: no recorder drops less than a block of 128 samples."""
STEP_COST = 2.5
"""Looks that must speak for a step before it is believed."""
DRIFT_PPM_MAX = 300.0
PAIRS_EACH = 60
LOOKS_MAX = 1200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What looks add up to: pieces, their one drift, and the looks with `used` as it came out."""

    pieces: tuple[Piece, ...]
    drift_ppm: float
    lags: tuple[Lag, ...]

    @property
    def used(self) -> int:
        """How many looks are on it."""
        return sum(lag.used for lag in self.lags)


def fit(lags: Sequence[Lag], take_samples: int, *, steps: bool = True) -> Line | None:
    """The even pieces that explain most looks, or None when not even two agree.

    lags: in order of `at`. The pieces cover [0, take_samples) together; a step lies halfway between the last look
    before it and the first one behind. steps: whether there may be any.
    """
    looks = list(lags)
    if len(looks) < 2 or take_samples < 1:
        return None
    at, lag = np.array([look.at for look in looks]), np.array([look.lag_samples for look in looks])
    slope = _rough_slope(at, lag)
    levels, used = _levels(lag - slope * at, STEP_COST if steps else np.inf)
    if used.sum() < 2:
        return None
    slope = _slope(at, lag, levels, used)
    if steps:
        levels, used = _levels(lag - slope * at, STEP_COST)
    else:
        used = np.abs(lag - slope * at - np.median((lag - slope * at)[used])) <= AGREE_SAMPLES
    if used.sum() < 2:
        return None
    slope = _slope(at, lag, levels, used)
    marked = tuple(replace(look, used=bool(on)) for look, on in zip(looks, used, strict=True))
    pieces = _pieces(at, lag - slope * at, levels, used, slope, take_samples)
    return Line(pieces=pieces, drift_ppm=pieces[0].drift_ppm, lags=marked)


def _rough_slope(at: Floats, lag: Floats) -> float:
    """The slope on which most near pairs of looks agree, whatever steps and outliers there are."""
    each = min(PAIRS_EACH, max(2, len(at) // 2))
    first = np.concatenate([np.arange(len(at) - k) for k in range(1, each)])
    second = np.concatenate([np.arange(k, len(at)) for k in range(1, each)])
    run, rise = at[second] - at[first], lag[second] - lag[first]
    longest = float(run.max())
    if longest <= 0:
        return 0.0
    step = AGREE_SAMPLES / 2 / longest
    slopes = np.arange(-np.ceil(DRIFT_PPM_MAX * 1e-6 / step), np.ceil(DRIFT_PPM_MAX * 1e-6 / step) + 1) * step
    close = np.abs(rise) <= AGREE_SAMPLES + DRIFT_PPM_MAX * 1e-6 * run
    run, rise = run[close], rise[close]
    votes = np.array([np.maximum(0, 1 - np.abs(rise - slope * run) / AGREE_SAMPLES).sum() for slope in slopes])
    best = votes.max(initial=0.0)
    tied = slopes[votes >= best - 1e-9]
    return float(tied[np.abs(tied).argmin()])


def _levels(height: Floats, step_cost: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The level each look is on, and whether it truly is: least sum of misses (1 at most each) and steps.

    height: looks with the drift taken out.
    """
    candidates = np.unique(np.round(height / (AGREE_SAMPLES / 4)) * (AGREE_SAMPLES / 4))
    if len(candidates) > LOOKS_MAX:
        candidates = candidates[:: len(candidates) // LOOKS_MAX + 1]
    miss = np.minimum(np.abs(height[:, None] - candidates) / AGREE_SAMPLES, 1.0)
    cost, came_from = miss[0], np.zeros((len(height), len(candidates)), dtype=np.int64)
    own = np.arange(len(candidates))
    for i in range(1, len(height)):
        cheapest = int(cost.argmin())
        stepping = cost[cheapest] + step_cost < cost
        came_from[i] = np.where(stepping, cheapest, own)
        cost = np.where(stepping, cost[cheapest] + step_cost, cost) + miss[i]
    path = np.empty(len(height), dtype=np.int64)
    path[-1] = int(cost.argmin())
    for i in range(len(height) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return _merged(candidates[path], height)


def _merged(levels: Floats, height: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Levels told exactly, as their looks' median; neighbours nearer than a step are one."""
    bounds = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    exact = np.empty_like(levels)
    runs: list[tuple[int, int]] = []
    for start, stop in pairwise(bounds):
        if runs and abs(levels[start] - levels[runs[-1][0]]) < STEP_SAMPLES:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    for start, stop in runs:
        near = np.abs(height[start:stop] - np.median(levels[start:stop])) <= STEP_SAMPLES
        exact[start:stop] = np.median(height[start:stop][near]) if near.any() else levels[start]
    return exact, np.abs(height - exact) <= AGREE_SAMPLES


def _slope(at: Floats, lag: Floats, levels: Floats, used: NDArray[np.bool_]) -> float:
    """Theil-Sen over all pairs of used looks on one level; 0 where the looks cannot tell it from none."""
    slopes, spans, residuals = [], 0.0, []
    for level in np.unique(levels[used]):
        on = np.flatnonzero(used & (levels == level))
        if len(on) < 2:
            continue
        on = on[:: len(on) // LOOKS_MAX + 1]
        first, second = np.triu_indices(len(on), 1)
        run = at[on][second] - at[on][first]
        apart = run > 0.25 * (at[on][-1] - at[on][0])
        slopes.append((lag[on][second] - lag[on][first])[apart] / run[apart])
        residuals.append((at[on], lag[on]))
        spans += len(on) * float(np.var(at[on]))
    if not slopes or spans <= 0:
        return 0.0
    slope = float(np.median(np.concatenate(slopes)))
    left = np.concatenate([y - slope * x - np.median(y - slope * x) for x, y in residuals])
    unsure = 1.4826 * float(np.median(np.abs(left))) / np.sqrt(spans)
    return slope if abs(slope) > 2 * unsure else 0.0


def _pieces(
    at: Floats, height: Floats, levels: Floats, used: NDArray[np.bool_], slope: float, take_samples: int
) -> tuple[Piece, ...]:
    """Pieces from levels: lag = level + slope * at, so guide = at - lag, and the drift is slope / (1 - slope)."""
    on = np.flatnonzero(used)
    groups = np.split(on, np.flatnonzero(np.diff(levels[on])) + 1)
    cuts = [0, *(round((at[before[-1]] + at[after[0]]) / 2) for before, after in pairwise(groups)), take_samples]
    drift_ppm = slope / (1 - slope) * 1e6
    pieces = []
    for group, start, stop in zip(groups, cuts, cuts[1:], strict=False):
        level = float(np.median(height[group]))
        if stop > start:
            guide_start = start - (level + slope * start)
            pieces.append(Piece(take_start=start, take_stop=stop, guide_start=guide_start, drift_ppm=drift_ppm))
    return tuple(pieces)


def later(found: Line, samples: float) -> Line:
    """The same line, all its lags greater by `samples` at units.SAMPLE_RATE."""
    return Line(
        pieces=tuple(replace(piece, guide_start=piece.guide_start - samples) for piece in found.pieces),
        drift_ppm=found.drift_ppm,
        lags=tuple(replace(look, lag_samples=look.lag_samples + samples) for look in found.lags),
    )
