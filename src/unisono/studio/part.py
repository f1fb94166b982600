"""Part: what a take sings, and when, against the notes of its own part.

First the whole melody (`melody.py`): tuning, octave, and the one offset at which the order of pitches fits. Then single
beginnings (`onsets.py`), whose middle places the take more finely than any one of them, since people sing early and
late. It is certain only where no other place fits nearly as well (verses repeat), where most of what was sung has the
pitch it should have (another part may move at the same times), and where enough notes say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unisono.studio.alignment import Estimate, Lag
from unisono.studio.guide import Guide, Note
from unisono.studio.melody import LOOK_SAMPLES, Fit, Melody, thinned
from unisono.studio.onsets import Onset, onsets
from unisono.studio.pitch import Contour, contour
from unisono.studio.transcript import notes_of
from unisono.units import SAMPLE_RATE, Audio, ms_of_samples, samples_of_ms

FEWEST_NOTES = 4
ROUNDS = 3
USED_MS = 120.0
LEAST_SCATTER_MS = 12.0
"""Nobody sings more evenly than this: fewer notes that agree by chance are not surer for it."""
MOST = 0.95


def find(take: Audio, guide: Guide, sung: Contour | None = None) -> Estimate | None:
    """Where a take stands by the part it sings, or None when it sings none or none is known.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. guide: `notes` of the take's own part, else
    `part`, somebody's recording of it. sung: its contour, if that is known. Confidence: 0..1, from 0.5 on certain.
    """
    notes = own_notes(guide)
    if len(notes) < FEWEST_NOTES or len(take) < SAMPLE_RATE:
        return None
    sung = contour(take) if sung is None else sung
    fit = Melody(notes).fit(thinned(sung))
    if fit is None or fit.evidence <= 0:
        return None
    placed = _placed(sung, notes, fit)
    return Estimate(
        method="part",
        offset_samples=-placed.lag_samples,
        drift_ppm=0.0,
        confidence=_confidence(fit, placed),
        lags=placed.lags,
    )


def own_notes(guide: Guide) -> tuple[Note, ...]:
    """The take's own part as notes: as written, else as a recording of it has them."""
    if guide.notes or guide.part is None:
        return guide.notes
    return notes_of(contour(guide.part))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A lag by single beginnings: how far it may be off (standard error), from how many, and each of them."""

    lag_samples: float
    error_ms: float
    notes: int
    lags: tuple[Lag, ...]


def _placed(sung: Contour, notes: tuple[Note, ...], fit: Fit) -> _Placed:
    """The middle of all beginnings' lags, looked for again from where it was found."""
    lag = float(fit.lag * LOOK_SAMPLES)
    seen: list[Onset] = []
    for _ in range(ROUNDS):
        seen = onsets(sung, notes, lag_samples=lag, shift=fit.key + fit.tuning)
        if not seen:
            break
        lag = _middle(np.array([onset.at - onset.due for onset in seen]), lag)
    each = np.array([onset.at - onset.due for onset in seen])
    used = np.abs(each - lag) <= samples_of_ms(USED_MS)
    count = int(used.sum())
    scatter_ms = 1.4826 * ms_of_samples(float(np.median(np.abs(each[used] - lag)))) if count else np.inf
    lags = tuple(
        Lag(at=onset.at, lag_samples=onset.at - onset.due, confidence=0.5, used=bool(take))
        for onset, take in zip(seen, used, strict=True)
    )
    error_ms = 1.2 * max(scatter_ms, LEAST_SCATTER_MS) / max(count, 1) ** 0.5
    return _Placed(lag_samples=lag, error_ms=float(error_ms), notes=count, lags=lags)


def _middle(each: np.ndarray[tuple[int], np.dtype[np.float64]], near: float) -> float:
    """The middle of lags: between median and mean, by Tukey's biweight around the median of those that are near."""
    close = each[np.abs(each - near) <= samples_of_ms(2 * USED_MS)]
    if not len(close):
        return near
    middle = float(np.median(close))
    width = 6 * max(float(np.median(np.abs(close - middle))), samples_of_ms(8))
    weight = np.maximum(0.0, 1 - ((close - middle) / width) ** 2) ** 2
    return float((close * weight).sum() / weight.sum())


def _confidence(fit: Fit, placed: _Placed) -> float:
    """The weakest of what must all be so; each is 0.5 where it just suffices (`bench align`)."""
    return MOST * min(
        _enough(fit.evidence - fit.rival, 0.0, 5.0),
        _enough(1 - fit.rival / fit.evidence, 0.0, 0.15),
        _enough(fit.evidence - fit.other_key, 0.0, 6.0),
        _enough(fit.evidence, 2.0, 10.0),
        _enough(fit.matched, 0.5, 0.68),
        _enough(placed.notes, 2.0, 8.0),
        _enough(-placed.error_ms, -18.0, -7.5),
    )


def _enough(value: float, none: float, suffices: float) -> float:
    """0 at `none`, 0.5 / MOST where it `suffices`, then on towards 1."""
    ratio = max(0.0, (value - none) / (suffices - none))
    half = 0.5 / MOST
    return half * ratio if ratio <= 1 else 1 - (1 - half) * 0.5 ** (5 * (ratio - 1))
