"""Onsets: when each note of a part was begun, seen at a take's contour near where it is due.

A note begins where its pitch takes over; after a rest or a consonant where its voice comes in; a repeated note where
its loudness rises again. Each kind is seen late by LATE_MS, which is taken off, and more so in reverberant rooms, where
the note before hides the one that begins: how much, the sound itself tells by how fast it ever falls. Against singers
out of arithmetic and the annotators of a real one, each in dry rooms and others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unisono.studio.guide import Note
from unisono.studio.pitch import FRAME_SAMPLES, Contour
from unisono.units import samples_of_ms

Kind = Literal["voice", "pitch", "level"]

REACH_SAMPLES = samples_of_ms(200)
JOINED_SAMPLES = samples_of_ms(60)
SAME_SEMITONES = 0.8
SHORTEST_FRAMES = 10
GAP_FRAMES = 2
RISE_DB = 0.7
SMOOTH_FRAMES = 2.0
LATE_MS: dict[Kind, float] = {"voice": 1.0, "pitch": 8.0, "level": 12.0}
FALL_FRAMES = 6
FALL_SHARE = 0.005
"""Of all looks, those at which the level falls most, over 30 ms: at a few ends of notes."""
HEARD_DB = -30.0
FALLS_DB, FALLS_DB_MOST, FALLS_DB_LEAST = -17.0, -26.0, -8.0
LATER_MS_PER_DB: dict[Kind, float] = {"voice": 1.3, "pitch": 1.0, "level": 0.5}
"""How much later than by LATE_MS beginnings are seen for each decibel that sound falls less than by FALLS_DB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """A note's beginning: take sample, where on the guide's axis it is due, and what shows it."""

    at: float
    due: float
    kind: Kind


def onsets(
    contour: Contour, notes: Sequence[Note], *, lag_samples: float | NDArray[np.float64], shift: float
) -> list[Onset]:
    """The beginnings that can be seen when the take lags its guide by about lag_samples and is `shift` semitones up.

    lag_samples: one lag for all notes, or one for each.
    """
    lags = np.broadcast_to(lag_samples, len(notes))
    room_db = blur_db(contour)
    smooth_db = ndimage.gaussian_filter1d(contour.level_db, SMOOTH_FRAMES)
    seen = []
    for i, note in enumerate(notes):
        before = notes[i - 1] if i else None
        low, high = _between(before, note, float(lags[i]), len(contour))
        if high - low < SHORTEST_FRAMES:
            continue
        found = _seen(contour.pitch[low:high], smooth_db[low:high], before, note, shift)
        if found is not None:
            frame, kind = found
            at = (low + frame) * FRAME_SAMPLES - onset_late_samples(kind, room_db)
            seen.append(Onset(at=at, due=note.start, kind=kind))
    return seen


def onset_late_samples(kind: Kind, room_db: float) -> int:
    """How late a beginning is seen that shows in this way, in a room of this `blur_db`."""
    return samples_of_ms(LATE_MS[kind] + LATER_MS_PER_DB[kind] * room_db)


def blur_db(contour: Contour) -> float:
    """By how much less than by FALLS_DB sound falls in this room when a note ends; negative in a dry one."""
    level_db = contour.level_db
    if len(level_db) <= FALL_FRAMES:
        return 0.0
    before, after = level_db[:-FALL_FRAMES], level_db[FALL_FRAMES:]
    heard = np.maximum(before, after) > HEARD_DB
    falls_db = float(np.quantile((after - before)[heard], FALL_SHARE)) if heard.any() else FALLS_DB
    return min(max(falls_db, FALLS_DB_MOST), FALLS_DB_LEAST) - FALLS_DB


def _between(before: Note | None, note: Note, lag_samples: float, frames: int) -> tuple[int, int]:
    """The frames among which a note may begin: near where it is due, not past its middle nor before its neighbour's."""
    low, high = note.start - REACH_SAMPLES, min(note.start + REACH_SAMPLES, (note.start + note.stop) / 2)
    if before is not None:
        low = max(low, (before.start + before.stop) / 2)
    first, last = (int((edge + lag_samples) // FRAME_SAMPLES) for edge in (low, high))
    return (first, last + 1) if first >= 1 and last < frames else (0, 0)


def _seen(
    pitch: NDArray[np.float64], level_db: NDArray[np.float64], before: Note | None, note: Note, shift: float
) -> tuple[int, Kind] | None:
    """(frame, what shows it) of a note's beginning among some frames."""
    voiced = ~np.isnan(pitch)
    joined = before is not None and note.start - before.stop < JOINED_SAMPLES
    if joined and before is not None and abs(before.pitch - note.pitch) < SAME_SEMITONES:
        return _again(voiced, level_db)
    on = voiced & (np.abs(pitch - note.pitch - shift) < SAME_SEMITONES)
    balance = np.concatenate([[0], np.cumsum(np.where(on, 1, -1))])
    frame = int(balance.argmin())
    if frame == 0 or frame >= len(pitch):
        return None
    gap = int((~voiced[max(0, frame - 3) : frame]).sum()) >= GAP_FRAMES
    return frame, "voice" if gap else "pitch"


def _again(voiced: NDArray[np.bool_], level_db: NDArray[np.float64]) -> tuple[int, Kind] | None:
    """A repeated note: where the voice comes back, else where it grows most."""
    comes = np.flatnonzero(~voiced[:-1] & voiced[1:])
    if len(comes):
        return int(comes[-1]) + 1, "voice"
    rise = np.gradient(level_db)
    frame = int(rise.argmax())
    return (frame, "level") if rise[frame] >= RISE_DB else None
