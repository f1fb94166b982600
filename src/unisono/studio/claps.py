"""Claps: the count-in's beats, clapped along or heard from a loudspeaker, as transients in a take.

Every transient may be any of the beats, so every such pair is a place to be tried. A place is likely when transients
stand at its beats and none are missing, against how often they would stand there by chance; transients as loud as the
claps and between them speak against it. What is heard from a loudspeaker agrees to half a millisecond, hands to some
ten. Beats are a row of equal steps: a row that is cut off at its beginning fits in two places, and is not certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.alignment import Estimate, Lag
from unisono.studio.transients import Transients, transients
from unisono.units import SAMPLE_RATE, Audio, ms_of_samples, samples_of_ms

FEWEST = 2
EXACT_SAMPLES, HANDS_SAMPLES = samples_of_ms(0.4), samples_of_ms(12)
"""How far a clap is off its beat (standard deviation): from a loudspeaker, by hand."""
REACH = 3.0
HIT = 0.9
LEAST_RATE = 0.3 / SAMPLE_RATE
STRANGER_NATS = 2.0
STRANGER_DB = 9.0
APART_SAMPLES = samples_of_ms(80)
MOST = 0.97

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """A lag that was tried. hits: for each beat the index of its transient, -1 for none."""

    lag: float
    nats: float
    width: int
    hits: NDArray[np.int64]


def find(take: Audio, claps: Sequence[float]) -> Estimate | None:
    """Where the count-in's beats are heard in a take, or None when fewer than two of them could be.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. claps: their guide positions in samples.
    Confidence: 0..1, from 0.5 on certain; never so from one transient, nor where the row of beats fits twice.
    """
    beats = np.sort(np.asarray(claps, dtype=np.float64))
    if len(beats) < FEWEST:
        return None
    heard = transients(take)
    if len(heard.at) < FEWEST:
        return None
    places = _places(heard, beats, len(take))
    best = max(places, key=lambda place: place.nats)
    hit = best.hits >= 0
    if hit.sum() < FEWEST or best.nats <= 0:
        return None
    lags = heard.at[best.hits[hit]] - beats[hit]
    lag = float(lags.mean() if best.width == EXACT_SAMPLES else np.median(lags))
    rival = max((place.nats for place in places if abs(place.lag - lag) > APART_SAMPLES), default=0.0)
    return Estimate(
        method="claps",
        offset_samples=-lag,
        drift_ppm=0.0,
        confidence=_confidence(best, rival, lags, len(take) + float(np.ptp(beats))),
        lags=tuple(
            Lag(at=float(beat + one), lag_samples=float(one), confidence=0.5)
            for beat, one in zip(beats[hit], lags, strict=True)
        ),
    )


def _places(heard: Transients, beats: Floats, samples: int) -> list[_Place]:
    """Every lag at which some transient is some beat, taken for a loudspeaker's and for hands'."""
    tries = np.unique(np.round(heard.at[:, None] - beats[None]).ravel())
    places = []
    for lag in tries.tolist():
        at, near = _nearest(heard.at, beats + lag)
        inside = (beats + lag >= 0) & (beats + lag < samples)
        for width in (EXACT_SAMPLES, HANDS_SAMPLES):
            middle = _middle(heard.at[at] - beats, inside & (near <= REACH * width), lag)
            apart = heard.at[at] - beats - middle
            hits = np.where(inside & (np.abs(apart) <= REACH * width), at, -1)
            nats = _nats(heard, beats + middle, hits, inside, apart, width, samples)
            places.append(_Place(lag=middle, nats=nats, width=width, hits=hits))
    return places


def _nearest(at: Floats, wanted: Floats) -> tuple[NDArray[np.int64], Floats]:
    """(index, distance) of what is nearest to each wanted sample."""
    after = np.clip(np.searchsorted(at, wanted), 1, len(at) - 1)
    nearest = np.where(np.abs(at[after - 1] - wanted) <= np.abs(at[after] - wanted), after - 1, after)
    return nearest, np.abs(at[nearest] - wanted)


def _middle(lags: Floats, counted: NDArray[np.bool_], otherwise: float) -> float:
    return float(np.median(lags[counted])) if counted.any() else otherwise


def _nats(
    heard: Transients,
    due: Floats,
    hits: NDArray[np.int64],
    inside: NDArray[np.bool_],
    apart: Floats,
    width: int,
    samples: int,
) -> float:
    """How much likelier this place makes what is heard than chance does, as a logarithm."""
    rate = max(len(heard.at) / samples, LEAST_RATE)
    hit = hits >= 0
    if not hit.any():
        return -np.inf
    density = np.exp(-0.5 * np.square(apart[hit] / width)) / (width * np.sqrt(2 * np.pi))
    nats = float(np.log(HIT * density / rate).sum()) + float((inside & ~hit).sum()) * float(np.log(1 - HIT))
    step = float(np.median(np.diff(due)))
    ours = np.zeros(len(heard.at), dtype=np.bool_)
    ours[hits[hit]] = True
    around = (heard.at > due[0] - 1.5 * step) & (heard.at < due[-1] + 1.5 * step)
    loud = heard.level_db >= float(np.median(heard.level_db[ours])) - STRANGER_DB
    return nats - STRANGER_NATS * float((around & loud & ~ours).sum())


def _confidence(best: _Place, rival: float, lags: Floats, span_samples: float) -> float:
    """The weakest of: how many claps, against chance in the whole search, against the next place, how evenly."""
    tried = np.log(span_samples / best.width)
    error_ms = 1.25 * ms_of_samples(float(np.std(lags))) / np.sqrt(max(len(lags) - 1, 1))
    return MOST * min(
        _enough(len(lags), 1.0, 3.0),
        _enough(best.nats - tried, 0.0, 5.0),
        _enough(best.nats - max(rival, 0.0), 0.0, 4.0),
        _enough(-error_ms, -12.0, -5.0),
    )


def _enough(value: float, none: float, suffices: float) -> float:
    """0 at `none`, 0.5 / MOST where it `suffices`, then on towards 1."""
    ratio, half = max(0.0, (value - none) / (suffices - none)), 0.5 / MOST
    return half * ratio if ratio <= 1 else 1 - (1 - half) * 0.5 ** (3 * (ratio - 1))
