"""Warp: a time map for what was sung in a time of its own.

Key and tuning first: those in which the pitches that were sung and those that are due are the same ones for as long.
Then the best path through the guide (`dtw.py`), by the weights that `melody.py` gives a frame. A path that may bend
fits much, so it is held against the best one elsewhere, in other keys, and through the same notes backwards: what fits
those nearly as well is not sure. Knots are single beginnings of notes (`onsets.py`), as few as keep near them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.alignment import Estimate, Piece
from unisono.studio.chroma import chroma
from unisono.studio.dtw import Path, best_path, without
from unisono.studio.guide import Guide, Note
from unisono.studio.melody import Weigher, frames_of
from unisono.studio.onsets import onsets
from unisono.studio.part import FEWEST_NOTES, own_notes
from unisono.studio.pitch import FRAME_SAMPLES, Contour, contour
from unisono.studio.shares import OnShare, untold, weighed
from unisono.units import SAMPLE_RATE, Audio, samples_of_ms

LOOKS_A_FRAME = 8
FRAME = LOOKS_A_FRAME * FRAME_SAMPLES
"""Samples from one frame of the path to the next: 40 ms, more where take and guide are so long that memory forbids."""
CELLS_MOST = 24_000_000
KEYS_TRIED = 3
BEND_COST = 0.15
APART_SAMPLES = SAMPLE_RATE
MIX_FRAMES_A_NOTE = 10
MIX_NATS = 0.8
KNOT_SAMPLES, MIX_KNOT_SAMPLES = samples_of_ms(25), samples_of_ms(80)
STRAY_SAMPLES = samples_of_ms(150)
STEEPEST = 3.0
LEAP = 1.5
"""A tempo does not change by so much from one beginning of a note to the next: one of them is another note's."""
WANDER_SAMPLES = SAMPLE_RATE
WANDERS, WANDERS_MOST = 0.38, 0.7
"""How far a tempo may wander in all (log of fastest to slowest second): beyond it, notes were taken for others."""
VOICED, RESTING = 0.93, 0.3
MATCH_SEMITONES = 0.8
TEMPO_SAMPLES = 10 * SAMPLE_RATE
OPEN_END = 2.0
LOOSE_SECONDS = 5.0
"""While one pitch is repeated for longer, an even tempo is too much of a guess."""
MOST = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """A time map: an estimate (its offset and drift are those of the straight line nearest to it), and its knots.

    knots: (take sample, guide position), both rising, at least two. pieces: the straight line, for who needs one.
    """

    estimate: Estimate
    knots: tuple[tuple[float, float], ...]
    pieces: tuple[Piece, ...]


def find(take: Audio, guide: Guide, sung: Contour | None = None, *, on_share: OnShare = untold) -> Warp | None:
    """The time map from a take to its guide, or None when there is nothing to compare.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. guide: `notes` of the take's own part, else
    `part`, else `sound`. sung: the take's contour, if that is known. Confidence: 0..1, from 0.5 on certain.
    """
    sung = contour(take) if sung is None else sung
    if len(take) < SAMPLE_RATE or not sung.voiced.any():
        return None
    notes = own_notes(guide)
    if len(notes) >= FEWEST_NOTES:
        due: _Notes | _Mix = _Notes(notes, len(sung))
    elif guide.sound is not None and len(guide.sound) >= SAMPLE_RATE:
        due = _Mix(guide.sound, len(sung))
    else:
        return None
    found = _searched(sung, due, on_share)
    return _carried(take, sung, notes, due, found) if found is not None else None


class _Notes:
    """A guide that is known by its notes."""

    octaves = True

    def __init__(self, notes: Sequence[Note], looks: int) -> None:
        fine = frames_of(notes)
        each = 2 * FRAME_SAMPLES
        self.frame = _frame(looks * FRAME_SAMPLES, len(fine) * each)
        self.due = fine[:: self.frame // each]
        self.frames_a_note = float(np.mean([note.stop - note.start for note in notes])) / self.frame

    def classes(self) -> Floats:
        """How long each of the twelve pitches sounds."""
        return np.bincount(np.round(self.due[~np.isnan(self.due)]).astype(int) % 12, minlength=12).astype(np.float64)

    def weights(self, sung: Floats, shift: float) -> NDArray[np.float32]:
        """What each pair of frames speaks for, the take being `shift` semitones up."""
        weigh = Weigher(sung)
        note = weigh.voicing(VOICED)
        out = np.empty((len(sung), len(self.due)), dtype=np.float32)
        out[:] = weigh.voicing(RESTING)[:, None]
        rounded = np.round(self.due * 2) / 2
        for pitch in np.unique(rounded[~np.isnan(rounded)]).tolist():
            out[:, rounded == pitch] = (note + weigh.pitch(pitch + shift))[:, None]
        return out

    def right(self, path: Path, sung: Floats, shift: float) -> float:
        """Share of all that is sung which has its pitch on the path."""
        take, guide = path.frames.T
        apart = np.abs(sung[take] - self.due[guide] - shift)
        return float((apart < MATCH_SEMITONES).sum() / max((~np.isnan(sung)).sum(), 1))


class _Mix:
    """A guide that is known by its sound only."""

    octaves = False

    def __init__(self, sound: Audio, looks: int) -> None:
        self.frame = _frame(looks * FRAME_SAMPLES, len(sound))
        self.due = chroma(sound, self.frame)
        self.frames_a_note = float(MIX_FRAMES_A_NOTE * FRAME / self.frame)

    def classes(self) -> Floats:
        """How strongly each of the twelve pitches sounds."""
        return np.asarray(self.due.sum(axis=0), dtype=np.float64)

    def weights(self, sung: Floats, shift: float) -> NDArray[np.float32]:
        """What each pair of frames speaks for, the take being `shift` semitones up."""
        usual = self.due.mean(axis=0) + 0.05
        table = np.clip(np.log((self.due + 0.05) / usual), -2, 2) * MIX_NATS
        voiced = ~np.isnan(sung)
        out = np.zeros((len(sung), len(self.due)), dtype=np.float32)
        out[voiced] = table[:, np.round(sung[voiced] - shift).astype(int) % 12].T
        return out

    def right(self, path: Path, sung: Floats, shift: float) -> float:
        """Share of all that is sung which sounds in the guide on the path."""
        take, guide = path.frames.T
        voiced = ~np.isnan(sung[take])
        classes = np.round(sung[take][voiced] - shift).astype(int) % 12
        return float((self.due[guide[voiced], classes] > 0.5).sum() / max((~np.isnan(sung)).sum(), 1))


def _frame(take_samples: int, guide_samples: int) -> int:
    """A frame's length: FRAME or a multiple of it that CELLS_MOST allows."""
    cells = take_samples / FRAME * guide_samples / FRAME
    return FRAME * max(1, int(np.ceil(np.sqrt(cells / CELLS_MOST))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The best path, in which key, and what speaks for it and for others: nats by note."""

    path: Path
    shift: float
    evidence: float
    rival: float
    chance: float
    right: float


def _searched(sung: Contour, due: _Notes | _Mix, on_share: OnShare) -> _Found | None:
    """The best path through a guide, in the likeliest keys."""
    each = due.frame // FRAME_SAMPLES
    frames = _thinned(sung, each)
    voiced = frames[~np.isnan(frames)]
    if len(voiced) < 2 * FEWEST_NOTES:
        return None
    tuning = _tuning(voiced)
    shifts = [key + tuning for key in _keys(voiced - tuning, due)]
    outside = np.asarray(Weigher(frames).voicing(RESTING) if due.octaves else np.zeros(len(frames)), dtype=np.float32)
    pauses = np.isnan(frames)
    looks = weighed(on_share, *[1.0] * (len(shifts) + 2))

    def along(weights: NDArray[np.float32], number: int) -> Path:
        return best_path(weights, outside, pauses, BEND_COST, on_share=looks[number])

    tried = [(along(due.weights(frames, shift), number), shift) for number, shift in enumerate(shifts)]
    path, shift = max(tried, key=lambda each: each[0].score)
    weights = due.weights(frames, shift)
    elsewhere = along(without(weights, path, APART_SAMPLES // due.frame), len(shifts))
    backwards = along(weights[:, ::-1], len(shifts) + 1)
    others = [other.score for other, key in tried if (key - shift) % 12 > 0.01]
    return _Found(
        path=path,
        shift=shift,
        evidence=path.score / due.frames_a_note,
        rival=elsewhere.score / due.frames_a_note,
        chance=max([backwards.score, *others]) / due.frames_a_note,
        right=due.right(path, frames, shift),
    )


def _thinned(sung: Contour, each: int) -> Floats:
    """The median pitch of every `each` looks around a frame; NaN where most have no voice."""
    looks = np.concatenate([np.full(each // 2, np.nan), sung.pitch, np.full(each, np.nan)])
    blocks = looks[: len(looks) // each * each].reshape(-1, each)
    voiced = (~np.isnan(blocks)).sum(axis=1) * 2 > each
    out = np.full(len(blocks), np.nan)
    out[voiced] = np.nanmedian(blocks[voiced], axis=1)
    return out


def _tuning(voiced: Floats) -> float:
    """How far off the twelve pitches somebody sings, -0.5..0.5 semitones: their mean on a circle."""
    return float(np.angle(np.exp(2j * np.pi * voiced).sum()) / (2 * np.pi))


def _keys(voiced: Floats, due: _Notes | _Mix) -> list[int]:
    """The likeliest whole semitones that a take is above its guide, an octave among them where octaves are known."""
    ours = np.bincount(np.round(voiced).astype(int) % 12, minlength=12).astype(np.float64)
    theirs = np.sqrt(due.classes())
    fits = [float(np.dot(np.roll(theirs, key), np.sqrt(ours))) for key in range(12)]
    keys = [int(key) for key in np.argsort(fits)[::-1][:KEYS_TRIED]]
    if not isinstance(due, _Notes):
        return keys
    middle = float(np.median(voiced) - np.nanmedian(due.due))
    return [key + 12 * round((middle - key) / 12) for key in keys]


def _carried(take: Audio, sung: Contour, notes: Sequence[Note], due: _Notes | _Mix, found: _Found) -> Warp | None:
    """The path as knots, and the straight line nearest to it."""
    at = found.path.frames.astype(np.float64) * due.frame
    loose_samples = 0.0
    if len(at) < 2 or np.ptp(at[:, 1]) < SAMPLE_RATE:
        return None
    points, near = at, MIX_KNOT_SAMPLES
    if isinstance(due, _Notes):
        at = _anchored(at, np.nan_to_num(np.round(due.due), nan=-1.0), due.frame)
        loose_samples = _loose(at)
        begun = _begun(sung, notes, at, found.shift)
        if len(begun) >= FEWEST_NOTES:
            points, near = _steady(_rising(_with_ends(begun, at))), KNOT_SAMPLES
        else:
            points = at
    points = _rising(points)
    knots = _to_the_ends(_thin(points, near), len(take))
    if len(knots) < 2:
        return None
    slope, offset = np.polyfit(points[:, 0], points[:, 1], 1)
    drift_ppm = float((1 / max(slope, 1e-3) - 1) * 1e6)
    piece = Piece(take_start=0, take_stop=len(take), guide_start=float(offset), drift_ppm=drift_ppm)
    estimate = Estimate(
        method="warp",
        offset_samples=float(offset),
        drift_ppm=drift_ppm,
        confidence=_confidence(found, points, loose_samples),
    )
    return Warp(estimate=estimate, knots=tuple((float(ours), float(theirs)) for ours, theirs in knots), pieces=(piece,))


def _anchored(path: Floats, due: Floats, frame: int) -> Floats:
    """A path's ends and where its pitch changes: while a pitch is repeated nothing says when, so the tempo is even.

    Before the first change it is the tempo behind it, back to where that pitch begins in the guide or the take begins.
    """
    passed = due[(path[:, 1] / frame).astype(int)]
    changes = np.flatnonzero(np.diff(passed)) + 1
    anchors = path[np.unique([0, *changes.tolist(), len(path) - 1])]
    soon = anchors[(anchors[:, 0] > anchors[0, 0]) & (anchors[:, 0] < anchors[0, 0] + TEMPO_SAMPLES)]
    if len(soon) < FEWEST_NOTES or np.ptp(soon[:, 1]) == 0:
        return np.asarray(anchors)
    each = np.ptp(soon[:, 0]) / np.ptp(soon[:, 1])
    other = np.flatnonzero(due[: int(path[0, 1] / frame)] != passed[0])
    begins = (other[-1] + 1) * frame if len(other) else 0
    first = max(soon[0, 0] - (soon[0, 1] - begins) * each, 0.0)
    return np.concatenate([[[first, soon[0, 1] - (soon[0, 0] - first) / each]], anchors[1:]])


def _loose(anchors: Floats) -> float:
    """The longest stretch without a change of pitch, in samples; the first one has an anchor at one end only."""
    lengths = np.diff(anchors[:, 0])
    return float(max(OPEN_END * lengths[0], lengths.max()))


def _begun(sung: Contour, notes: Sequence[Note], path: Floats, shift: float) -> Floats:
    """(take sample, guide position) of each beginning that is seen near the path."""
    _, unlike = np.unique(path[:, 1], return_index=True)
    ours, theirs = path[unlike].T
    within = [note for note in notes if theirs[0] - STRAY_SAMPLES <= note.start <= theirs[-1]]
    if not within:
        return np.zeros((0, 2))
    starts = np.array([note.start for note in within])
    lags = np.interp(starts, theirs, ours) - starts
    seen = onsets(sung, within, lag_samples=lags, shift=shift)
    near = [(each.at, each.due) for each in seen if abs(each.at - np.interp(each.due, theirs, ours)) <= STRAY_SAMPLES]
    return np.array(near, dtype=np.float64).reshape(-1, 2)


def _with_ends(begun: Floats, path: Floats) -> Floats:
    """Beginnings, and the path's own ends where they lie beyond: a last note is held as long as it is held."""
    first, last = path[:1], path[-1:]
    apart = 4 * FRAME
    before = first if begun[0, 0] - first[0, 0] > apart else first[:0]
    after = last if last[0, 0] - begun[-1, 0] > apart else last[:0]
    return np.concatenate([before, begun, after])


def _rising(points: Floats) -> Floats:
    """Points without those that go back, or on more steeply than anybody sings."""
    kept = [points[0]]
    for point in points[1:]:
        ours, theirs = point - kept[-1]
        if ours > 0 and theirs > 0 and 1 / STEEPEST <= theirs / ours <= STEEPEST:
            kept.append(point)
    return np.array(kept)


def _steady(points: Floats) -> Floats:
    """Points without those at which the tempo would leap: what shows there is the beginning of a note beside.

    Of the points around a leap, the one goes without which the tempo is evenest.
    """
    while len(points) > FEWEST_NOTES:
        leaps = _leaps(points)
        worst = int(leaps.argmax())
        if leaps[worst] <= np.log(LEAP):
            break
        around = range(worst, worst + 3)
        without_each = [_leaps(np.delete(points, i, axis=0)[max(0, i - 4) : i + 4]).max() for i in around]
        points = np.delete(points, worst + int(np.argmin(without_each)), axis=0)
    return points


def _leaps(points: Floats) -> Floats:
    """By how much the tempo changes at each inner point: log of a ratio, not negative."""
    ours, theirs = np.diff(points, axis=0).T
    return np.asarray(np.abs(np.diff(np.log(theirs / ours))))


def _wander(points: Floats) -> float:
    """Log of the ratio of the fastest second's tempo to the slowest one's."""
    starts = np.arange(points[0, 0], points[-1, 0] - WANDER_SAMPLES, WANDER_SAMPLES // 2)
    if not len(starts):
        return 0.0
    passed = np.interp(starts + WANDER_SAMPLES, *points.T) - np.interp(starts, *points.T)
    return float(np.ptp(np.log(passed)))


def _thin(points: Floats, near_samples: float) -> Floats:
    """The fewest points whose straight lines pass near all of them (Ramer 1972, Douglas & Peucker 1973)."""
    if len(points) < 3:
        return points
    line = np.interp(points[:, 0], points[[0, -1], 0], points[[0, -1], 1])
    off = np.abs(points[:, 1] - line)
    worst = int(off.argmax())
    if off[worst] <= near_samples:
        return points[[0, -1]]
    return np.concatenate([_thin(points[: worst + 1], near_samples)[:-1], _thin(points[worst:], near_samples)])


def _to_the_ends(knots: Floats, samples: int) -> Floats:
    """Knots with one at each end of the take, at the tempo of the whole."""
    if len(knots) < 2:
        return knots
    slope = (knots[-1, 1] - knots[0, 1]) / (knots[-1, 0] - knots[0, 0])
    first, last = knots[0], knots[-1]
    before = [[0.0, first[1] - slope * first[0]]] if first[0] > 0 else []
    after = [[float(samples), last[1] + slope * (samples - last[0])]] if last[0] < samples else []
    return np.array([*before, *knots.tolist(), *after])


def _confidence(found: _Found, points: Floats, loose_samples: float) -> float:
    """The weakest of what must all be so (`bench align`).

    points: what the knots are made of, rising. loose_samples: the longest stretch on one repeated pitch.
    """
    evidence = max(found.evidence, 1e-9)
    return MOST * min(
        _enough(found.evidence, 3.0, 14.0),
        _enough(1 - max(found.rival, 0.0) / evidence, 0.0, 0.15),
        _enough(1 - max(found.chance, 0.0) / evidence, 0.0, 0.35),
        _enough(found.right, 0.5, 0.75),
        _enough(len(points), 2.0, 8.0),
        _enough(-_wander(points), -WANDERS_MOST, -WANDERS),
        _enough(-loose_samples / SAMPLE_RATE, -12.0, -LOOSE_SECONDS),
    )


def _enough(value: float, none: float, suffices: float) -> float:
    """0 at `none`, 0.5 / MOST where it `suffices`, then on towards 1."""
    ratio, half = max(0.0, (value - none) / (suffices - none)), 0.5 / MOST
    return half * ratio if ratio <= 1 else 1 - (1 - half) * 0.5 ** (3 * (ratio - 1))
