"""Splice: runs of decoded sound laid on one span, the later epoch on top, every seam faded.

Two rules decide all: a sample belongs to the latest epoch that has it, and no seam moves anything. Where both sides of
a seam have sound they cross-fade for 10 ms; where one side is silence the sounding side is faded for 2.5 ms, which is
also how long a fresh Opus decoder needs to find its first window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unisono.units import Audio, Span, span

CROSS_FADE_SAMPLES = 480
EDGE_FADE_SAMPLES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Sound without a hole: float32, shape (samples, channels), its first sample at position `start`."""

    epoch: int
    start: int
    sound: Audio

    @property
    def stop(self) -> int:
        """The position behind the last sample."""
        return self.start + len(self.sound)


@dataclass(slots=True, kw_only=True)
class _Piece:
    """A stretch [start, stop) that belongs to one run (None: to nobody), and how long its ends fade.

    `reach_before` and `reach_after` are how far the run also sounds, fading, in its neighbours' stretches.
    """

    start: int
    stop: int
    run: Run | None
    fade_in: int = 0
    fade_out: int = 0
    reach_before: int = 0
    reach_after: int = 0

    @property
    def half(self) -> int:
        """The longest fade that leaves room for another one at the other end."""
        return (self.stop - self.start) // 2


def splice(runs: Sequence[Run], within: Span) -> tuple[Audio, tuple[Span, ...]]:
    """(sound, gaps): float32, shape (within.samples, channels), and the spans no run covers.

    Channels are those of the widest run; a mono run sounds in both.
    """
    channels = max((run.sound.shape[1] for run in runs), default=1)
    sound = np.zeros((within.samples, channels), dtype=np.float32)
    pieces = _owned(sorted(runs, key=lambda run: (run.epoch, run.start)), within)
    for first, second in pairwise(pieces):
        _join(first, second)
    for piece in pieces:
        if piece.run is not None:
            _lay(sound, piece, piece.run, within)
    gaps = tuple(span(piece.start, piece.stop) for piece in pieces if piece.run is None)
    return sound, gaps


def _owned(runs: Sequence[Run], within: Span) -> list[_Piece]:
    """The span cut into stretches by who owns them; `runs` in the order in which later ones win."""
    edges: set[int] = {within.start, within.stop}
    for run in runs:
        edges.update(edge for edge in (run.start, run.stop) if edge in within)
    ordered = sorted(edges)
    owner = np.full(max(len(ordered) - 1, 0), -1)
    for index, run in enumerate(runs):
        low, high = np.searchsorted(ordered, [max(run.start, within.start), min(run.stop, within.stop)])
        owner[low:high] = index
    pieces: list[_Piece] = []
    for (start, stop), index in zip(pairwise(ordered), owner, strict=True):
        run_or_none = runs[index] if index >= 0 else None
        if pieces and pieces[-1].run is run_or_none:
            pieces[-1].stop = stop
        else:
            pieces.append(_Piece(start=start, stop=stop, run=run_or_none))
    return pieces


def _join(first: _Piece, second: _Piece) -> None:
    """Decide how the seam between two neighbours sounds."""
    if first.run is None or second.run is None:
        first.fade_out = min(EDGE_FADE_SAMPLES, first.half)
        second.fade_in = min(EDGE_FADE_SAMPLES, second.half)
        return
    seam = second.start
    beyond = min(CROSS_FADE_SAMPLES, first.run.stop - seam, second.half)
    before = min(CROSS_FADE_SAMPLES, seam - second.run.start, first.half)
    if beyond >= EDGE_FADE_SAMPLES:
        first.reach_after = second.fade_in = beyond
    elif before >= EDGE_FADE_SAMPLES:
        second.reach_before = first.fade_out = before
    else:
        first.fade_out = min(EDGE_FADE_SAMPLES, first.half)
        second.fade_in = min(EDGE_FADE_SAMPLES, second.half)


def _lay(sound: Audio, piece: _Piece, run: Run, within: Span) -> None:
    """Add one run's part, its ends faded, into `sound`."""
    start, stop = piece.start - piece.reach_before, piece.stop + piece.reach_after
    part = run.sound[start - run.start : stop - run.start].copy()
    fade_in, fade_out = piece.reach_before or piece.fade_in, piece.reach_after or piece.fade_out
    if fade_in:
        part[:fade_in] *= _rise(fade_in)
    if fade_out:
        part[-fade_out:] *= _rise(fade_out)[::-1]
    sound[start - within.start : stop - within.start] += part


def _rise(samples: int) -> NDArray[np.float32]:
    """A raised-cosine ramp, shape (samples, 1); it and its mirror sum to one, as two takes of the same voice want."""
    turn = np.pi * (np.arange(samples) + 0.5) / samples
    return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)[:, np.newaxis]
