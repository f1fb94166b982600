"""DTW: the path along which a take goes best through a guide, each in its own time.

A path may begin and end anywhere in both; what lies outside costs what it costs to be outside. On it, a guide frame
lasts half to twice a take frame (Sakoe & Chiba's slope limits, 1978); only while the take pauses may the guide wait.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.shares import OnShare, untold

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_NEW, _EVEN, _FAST, _SLOW, _WAIT = range(5)
NEVER = -1e9
_TOLD_EACH = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """frames: (take frame, guide frame) in order, int64 (steps, 2). score: the sum along it and outside of it."""

    frames: NDArray[np.int64]
    score: float


def best_path(weights: Floats, outside: Floats, pauses: Bools, bend_cost: float, *, on_share: OnShare = untold) -> Path:
    """The path with the highest sum.

    weights: (take frames, guide frames), what each pair speaks for. outside: (take frames,), what each take frame does
    when it is not on the path. pauses: (take frames,), where the guide may wait. bend_cost: for each step that is
    faster or slower than even.
    """
    takes, guides = weights.shape
    before = np.concatenate([[0.0], np.cumsum(outside)]).astype(np.float32)
    after = before[-1] - before[1:]
    steps = np.zeros((takes, guides), dtype=np.int8)
    rows = [np.full(guides, NEVER, dtype=np.float32)] * 2
    best, end = NEVER, (0, 0)
    for i in range(takes):
        row, steps[i] = _row(weights, i, rows, float(before[i]), bool(pauses[i]), bend_cost)
        rows = [rows[1], row]
        top = int(row.argmax())
        if row[top] + after[i] > best:
            best, end = float(row[top] + after[i]), (i, top)
        if i % _TOLD_EACH == 0:
            on_share(i / takes)
    return Path(frames=_back(steps, *end), score=best)


def _row(
    weights: Floats, i: int, rows: list[Floats], fresh: float, pause: bool, bend_cost: float
) -> tuple[Floats, NDArray[np.int8]]:
    """(sums, steps) of one take frame at every guide frame; rows: the sums of the two take frames before it."""
    here = weights[i]
    best = here + np.float32(fresh)
    steps = np.full(len(here), _NEW, dtype=np.int8)
    even = np.full_like(here, NEVER)
    even[1:] = rows[1][:-1] + here[1:]
    fast = np.full_like(here, NEVER)
    fast[2:] = rows[1][:-2] + 0.5 * (here[1:-1] + here[2:]) - bend_cost
    ways = [(even, _EVEN), (fast, _FAST)]
    if i >= 1:
        slow = np.full_like(here, NEVER)
        slow[1:] = rows[0][:-1] + weights[i - 1, 1:] + here[1:] - bend_cost
        ways.append((slow, _SLOW))
    if pause:
        ways.append((rows[1] + here, _WAIT))
    for sums, step in ways:
        better = sums > best
        best = np.where(better, sums, best)
        steps[better] = step
    return best, steps


def _back(steps: NDArray[np.int8], take: int, guide: int) -> NDArray[np.int64]:
    """The path that ends at a pair, from its beginning."""
    frames = [(take, guide)]
    while (step := steps[take, guide]) != _NEW:
        take -= 2 if step == _SLOW else 1
        guide -= {_EVEN: 1, _FAST: 2, _SLOW: 1, _WAIT: 0}[int(step)]
        frames.append((take, guide))
    return np.array(frames[::-1], dtype=np.int64)


def without(weights: Floats, path: Path, reach: int) -> Floats:
    """Weights that forbid every pair within `reach` guide frames of a path."""
    out = weights.copy()
    for take, guide in path.frames.tolist():
        out[take, max(0, guide - reach) : guide + reach + 1] = NEVER / 1e6
    return out
