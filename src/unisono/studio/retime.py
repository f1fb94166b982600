"""Retime: an Alignment carried out, so that a take sounds on its guide's axis.

Each piece is resampled by its own exact ratio (soxr, whose delay is none when a sound is handed over whole), moved by
what is left of a sample, and laid where it belongs; seams are faded as those of epochs are (`splice.py`). What was sung
in a time of its own goes along its time map instead (`stretch.py`).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import soxr
from scipy import signal

from unisono.studio.alignment import Alignment, Piece
from unisono.studio.splice import CROSS_FADE_SAMPLES, Run, splice
from unisono.studio.stretch import stretched
from unisono.units import SAMPLE_RATE, Audio, span

TAPS_EACH_WAY = 48
KAISER_BETA = 9.0
UNMOVED_SAMPLES = 1e-4
UNMOVED_PPM = 1e-3


def placed(sound: Audio, alignment: Alignment, samples: int) -> Audio:
    """The take on its guide's axis: float32, positions [0, samples), silence wherever the take has nothing.

    sound: float32, (n,) or (n, channels), at units.SAMPLE_RATE; the answer has as many channels as it.
    """
    wide = sound[:, None] if sound.ndim == 1 else sound
    if len(alignment.warp) > 1 and len(wide):
        start, along = stretched(np.nan_to_num(wide), alignment.warp)
        runs = [Run(epoch=0, start=start, sound=along)]
    else:
        runs = [_run(wide, piece, epoch) for epoch, piece in enumerate(_meeting(alignment.pieces, len(wide)))]
    laid, _ = splice([run for run in runs if len(run.sound)], span(0, samples))
    if laid.shape[1] != wide.shape[1]:  # nothing of it sounds on the axis
        laid = np.zeros((samples, wide.shape[1]), dtype=np.float32)
    return laid[:, 0] if sound.ndim == 1 else laid


def _meeting(pieces: tuple[Piece, ...], take_samples: int) -> list[Piece]:
    """Pieces cut to the take, those that nearly meet reaching into each other, so that their seam can be faded."""
    reach = CROSS_FADE_SAMPLES
    stops = [piece.take_stop for piece in pieces]
    for i, (before, after) in enumerate(pairwise(pieces)):
        if abs(after.guide_start - before.guide_stop) < reach:
            stops[i] = before.take_stop + reach
    cut = [(piece, min(stop, take_samples)) for piece, stop in zip(pieces, stops, strict=True)]
    return [
        Piece(take_start=p.take_start, take_stop=stop, guide_start=p.guide_start, drift_ppm=p.drift_ppm)
        for p, stop in cut
        if stop > p.take_start
    ]


def _run(sound: Audio, piece: Piece, epoch: int) -> Run:
    """One piece at the guide's rate, from the first whole position on."""
    part = sound[piece.take_start : piece.take_stop]
    if abs(piece.drift_ppm) > UNMOVED_PPM:
        part = soxr.resample(part, SAMPLE_RATE * (1 + piece.drift_ppm * 1e-6), SAMPLE_RATE, quality="VHQ")
    start = math.floor(piece.guide_start + UNMOVED_SAMPLES)
    late = piece.guide_start - start
    return Run(epoch=epoch, start=start, sound=_late(part, late) if late > UNMOVED_SAMPLES else part)


def _late(sound: Audio, fraction: float) -> Audio:
    """A sound later by a fraction of a sample: a windowed sinc, its own delay taken back; flat to 21 kHz."""
    steps = np.arange(-TAPS_EACH_WAY, TAPS_EACH_WAY + 1)
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(0, 1 - ((steps - fraction) / (TAPS_EACH_WAY + 1)) ** 2)))
    taps = np.sinc(steps - fraction) * window
    moved = signal.oaconvolve(sound, (taps / taps.sum()).astype(np.float32)[:, None], axes=0)
    return np.asarray(moved[TAPS_EACH_WAY : TAPS_EACH_WAY + len(sound)], dtype=np.float32)
