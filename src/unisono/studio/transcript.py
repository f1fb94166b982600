"""Transcript: a voice's contour as notes, for parts that are known by somebody's recording only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unisono.studio.guide import Note
from unisono.studio.onsets import Kind, blur_db, onset_late_samples
from unisono.studio.pitch import FRAME_SAMPLES, Contour

SHORTEST_FRAMES = 16
SMOOTH_FRAMES = 13
LEAP_SEMITONES = 0.6
GAP_FRAMES = 3
DIP_DB = 4.0
DIP_REACH_FRAMES = 12


def notes_of(contour: Contour) -> tuple[Note, ...]:
    """The notes of a voice, each at its median pitch, in order. Beginnings are corrected as those of takes are."""
    notes = []
    room_db = blur_db(contour)
    for start, stop in _runs(contour.voiced):
        edges = _edges(contour.pitch[start:stop], contour.level_db[start:stop])
        for i, (low, high) in enumerate(pairwise(edges)):
            if high - low < SHORTEST_FRAMES:
                continue
            kind: Kind = "voice" if i == 0 else "pitch"
            pitch = float(np.median(contour.pitch[start + low : start + high]))
            begins = (start + low) * FRAME_SAMPLES - onset_late_samples(kind, room_db)
            notes.append(Note(start=float(begins), stop=float((start + high) * FRAME_SAMPLES), pitch=pitch))
    return tuple(notes)


def _runs(voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each stretch with a voice."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _edges(pitch: NDArray[np.float64], level_db: NDArray[np.float64]) -> list[int]:
    """Where notes begin and end in one stretch: where the pitch leaves its note for good, and where it is sung anew."""
    smooth = ndimage.median_filter(pitch, SMOOTH_FRAMES, mode="nearest")
    edges, begin = [0], 0
    for i in range(1, len(pitch)):
        here = float(np.median(smooth[begin:i][-40:]))
        ahead = smooth[i : i + SHORTEST_FRAMES // 2]
        if i - begin >= SHORTEST_FRAMES // 2 and np.all(np.abs(ahead - here) > LEAP_SEMITONES):
            edges.append(i)
            begin = i
    return sorted({*edges, *_dips(level_db), len(pitch)})


def _dips(level_db: NDArray[np.float64]) -> list[int]:
    """Where a sound that had sunk comes back."""
    reach = 2 * DIP_REACH_FRAMES + 1
    smooth = ndimage.gaussian_filter1d(level_db, 2.0)
    around = np.minimum(
        ndimage.maximum_filter1d(smooth, reach, origin=DIP_REACH_FRAMES, mode="nearest"),
        ndimage.maximum_filter1d(smooth, reach, origin=-DIP_REACH_FRAMES, mode="nearest"),
    )
    lowest = (smooth == ndimage.minimum_filter1d(smooth, reach)) & (around - smooth > DIP_DB)
    rise = np.gradient(smooth)
    return [int(at + rise[at : at + DIP_REACH_FRAMES].argmax()) for at in np.flatnonzero(lowest)]
