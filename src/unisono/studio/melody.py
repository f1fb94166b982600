"""Melody: how well what was sung fits a row of notes, at every offset and in every key.

A frame of the take is weighed by how likely its pitch is under the note that would be due, against how likely it is by
the take's own choice of pitches: so singing in the same key as the guide says nothing yet, only the order of its notes
does. Summed over a take at every offset at once that is a correlation for each pitch (done by FFT). Sums are divided by
the frames of a mean note, because the frames of one note say one thing: evidence is in natural logarithms a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from unisono.studio.guide import Note
from unisono.studio.pitch import FRAME_SAMPLES, Contour

THIN = 2
LOOK_SAMPLES = THIN * FRAME_SAMPLES
"""Samples from one frame to the next here: 10 ms."""
OCTAVES = (-24, -12, 0, 12, 24)
OTHER_KEYS = tuple(key for key in range(-11, 12) if key)
NEAR_FRAMES = 30
"""Offsets so close together (0.3 s) are one place."""
NOTE_VOICED, REST_VOICED = 0.93, 0.3
"""How often there is a voice inside a note, and in a rest, before the first or behind the last note: these are not told
apart, so that verses which are the same fit the same wherever they stand."""
SPREAD_SEMITONES = 0.35
ASTRAY = 0.15
"""Share of frames in a note that are anywhere: wrong notes, consonants, slips of the pitch tracker."""
ANYWHERE_SEMITONES = 30.0
MOST = 4.0
LOWEST, HIGHEST, GRID = 20.0, 110.0, 0.25
MATCH_SEMITONES = 0.7
MATCH_FRAMES = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The best place of a take in a melody.

    lag: take frame minus melody frame. key: semitones that the take is sung above the notes, tuning those that are no
    whole ones. evidence, rival, other_key: nats by note, of this place, of the best one elsewhere, and of the best in a
    key that is no octave away. matched: share of the sung frames that have the pitch they should have.
    """

    lag: int
    key: int
    tuning: float
    evidence: float
    rival: float
    other_key: float
    matched: float


def thinned(contour: Contour) -> Floats:
    """A contour's pitch at each LOOK_SAMPLES."""
    return contour.pitch[::THIN]


def frames_of(notes: Sequence[Note]) -> Floats:
    """The pitch that is due in each frame from position 0 on, NaN in rests."""
    due = np.full(int(max(note.stop for note in notes) // LOOK_SAMPLES) + 1, np.nan)
    for note in notes:
        due[max(0, round(note.start / LOOK_SAMPLES)) : max(0, round(note.stop / LOOK_SAMPLES))] = note.pitch
    return due


class Melody:
    """Notes, made ready to be compared with any number of takes' frames."""

    def __init__(self, notes: Sequence[Note]) -> None:
        """notes: at least one, in order of their start; what is before position 0 is left out."""
        self.due = frames_of(notes)
        self.frames_a_note = float(np.mean([(note.stop - note.start) / LOOK_SAMPLES for note in notes]))
        self._rounded = np.round(self.due * 2) / 2

    def fit(self, sung: Floats) -> Fit | None:
        """Where frames of a take (`thinned`) stand best, or None where there is nothing to compare."""
        if not (~np.isnan(sung)).any() or np.isnan(self.due).all():
            return None
        rough = self._scores(sung, OCTAVES, 0.0)
        key, lag = self._best(rough)
        tuning = self._tuning(sung, lag, key)
        scores = self._scores(sung, (*OCTAVES, *OTHER_KEYS), tuning)
        octaves = {key: scores[key] for key in OCTAVES}
        key, lag = self._best(octaves)
        at = lag + len(self.due)
        away = np.ones(len(octaves[key]), dtype=np.bool_)
        away[max(0, at - NEAR_FRAMES) : at + NEAR_FRAMES + 1] = False
        rivals = [score[away if other == key else slice(None)].max(initial=-np.inf) for other, score in octaves.items()]
        return Fit(
            lag=lag,
            key=key,
            tuning=tuning,
            evidence=float(octaves[key][at]),
            rival=float(max(rivals)),
            other_key=float(max(scores[other].max() for other in OTHER_KEYS)),
            matched=self._matched(sung, lag, key + tuning),
        )

    def _best(self, scores: dict[int, Floats]) -> tuple[int, int]:
        """(key, lag) of the highest score."""
        key = max(scores, key=lambda each: float(scores[each].max()))
        return key, int(scores[key].argmax()) - len(self.due)

    def _scores(self, sung: Floats, keys: Iterable[int], tuning: float) -> dict[int, Floats]:
        """For each key, the evidence at each lag from -len(due) to len(sung) - 1."""
        size = fft.next_fast_len(len(sung) + 2 * len(self.due) + 1, real=True)
        weigh = Weigher(sung)
        rest, note = weigh.voicing(REST_VOICED), weigh.voicing(NOTE_VOICED)
        sounding = ~np.isnan(self.due)
        timing = _turned(note - rest, size) * np.conj(_turned(sounding, size))
        pitches = np.unique(self._rounded[sounding])
        places = [np.conj(_turned(self._rounded == pitch, size)) for pitch in pitches]
        weighed: dict[float, NDArray[np.complex128]] = {}
        scores = {}
        for key in keys:
            total = timing.copy()
            for pitch, place in zip(pitches, places, strict=True):
                at = float(pitch + key)
                if at not in weighed:
                    weighed[at] = _turned(weigh.pitch(at + tuning), size)
                total += weighed[at] * place
            sums = fft.irfft(total, size)
            sums = np.concatenate([sums[size - len(self.due) :], sums[: len(sung)]]) + rest.sum()
            scores[key] = sums / self.frames_a_note
        return scores

    def _under(self, frames: int, lag: int) -> Floats:
        """The pitch that is due at each frame of a take that stands at a lag; NaN where none is."""
        at = np.arange(frames) - lag
        inside = (at >= 0) & (at < len(self.due))
        return np.where(inside, self.due[np.clip(at, 0, len(self.due) - 1)], np.nan)

    def _tuning(self, sung: Floats, lag: int, key: int) -> float:
        """How far off a key is sung, in semitones."""
        apart = sung - self._under(len(sung), lag) - key
        apart = apart[np.abs(apart) < 1]
        return float(np.median(apart)) if len(apart) else 0.0

    def _matched(self, sung: Floats, lag: int, shift: float) -> float:
        """Share of the sung frames whose pitch is due within MATCH_FRAMES of them."""
        right = np.zeros(len(sung), dtype=np.bool_)
        for early in range(-MATCH_FRAMES, MATCH_FRAMES + 1, 2):
            right |= np.abs(sung - self._under(len(sung), lag + early) - shift) < MATCH_SEMITONES
        return float(right[~np.isnan(sung)].mean())


class Weigher:
    """What frames of a take speak for, each as a logarithm of how much likelier that makes them than chance."""

    def __init__(self, sung: Floats) -> None:
        self._sung = sung
        self._voiced = ~np.isnan(sung)
        self._usual = float(np.clip(self._voiced.mean(), 0.3, 0.9))
        edges = np.arange(LOWEST, HIGHEST + GRID, GRID)
        counts = np.histogram(sung[self._voiced], edges)[0].astype(np.float64)
        smooth = ndimage.gaussian_filter1d(counts, 1 / GRID) + 0.01 * counts.sum() / len(counts) + 1e-9
        density = smooth / (smooth.sum() * GRID)
        self._chance = np.interp(sung[self._voiced], edges[:-1] + GRID / 2, density)

    def voicing(self, share: float) -> Floats:
        """For a stretch in which this share of the frames has a voice."""
        present, absent = np.log(share / self._usual), np.log((1 - share) / (1 - self._usual))
        return np.asarray(self._voiced * (present - absent) + absent, dtype=np.float64)

    def pitch(self, pitch: float) -> Floats:
        """For a note of this pitch; 0 where there is no voice."""
        apart = np.abs(self._sung[self._voiced] - pitch)
        likely = (1 - ASTRAY) * np.exp(-apart / SPREAD_SEMITONES) / (2 * SPREAD_SEMITONES) + ASTRAY / ANYWHERE_SEMITONES
        weighed = np.zeros(len(self._sung))
        weighed[self._voiced] = np.clip(np.log(likely / self._chance), -MOST, MOST)
        return weighed


def _turned(track: NDArray[np.generic], size: int) -> NDArray[np.complex128]:
    """The spectrum of a track."""
    return np.asarray(fft.rfft(track.astype(np.float64), size), dtype=np.complex128)
