"""Bleed: the guide's own sound in a take, leaked from headphones, played by a loudspeaker, or the take itself.

Coarse first: the whole take against the whole guide, whitened, at every lag; drift and rooms smear the arrival, so
energy is looked for at several widths. Then, around each of the best lags, windows of the take look for themselves, and
what counts is how many of them agree on one line: looks at something else agree by chance only, and how often they do
is arithmetic (`_evidence`). Last, all windows that agree are laid over each other along the line: that is the response
from loudspeaker to microphone, and the take is placed by its first arrival, not by its loudest reflection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal, special

from unisono.studio import line
from unisono.studio.alignment import Estimate, Lag, Piece
from unisono.studio.whiten import PER_RATE, RATE, Sound, correlated, correlated_near, mono, silent, whitened
from unisono.units import Audio

SHORTEST_SAMPLES = RATE // 2
WINDOW_SAMPLES = 2 * RATE
SHORTEST_WINDOW_SAMPLES = RATE // 4
WINDOWS_MAX = 500
SMEARS_SAMPLES = (1, 8, 32, 128, 400)
CANDIDATES_EACH = 3
APART_SAMPLES = RATE // 50
NEAR_SAMPLES = RATE // 40
WIDE_SAMPLES = 3 * RATE // 2
FINE_SAMPLES = RATE // 20
PREFER = 1.25
PREFER_SAMPLES = RATE // 250
"""A look far off the line must be this much clearer than the one near it."""
DRIFT_MAX = line.DRIFT_PPM_MAX * 1e-6
FULL_EVIDENCE = 12.0
FIRST = 0.35
"""An arrival before the strongest one counts from this share of it on."""
LEAD_SAMPLES = RATE // 100
ECHO_SAMPLES = RATE // 25
RIVAL = 0.8
"""A second place in the guide with more than this share of the first one's agreement makes both a guess."""

Looks = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The guide in a take: an estimate, and the pieces it runs in."""

    estimate: Estimate
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A take and its guide, whitened, and the windows that look: `starts`, each `length` samples at RATE."""

    take: Sound
    guide: Sound
    starts: NDArray[np.int64]
    length: int

    @property
    def middles(self) -> NDArray[np.float64]:
        """The middle of each window."""
        return np.asarray(self.starts + self.length / 2, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """What windows near one lag agree on, and how much of them does."""

    line: line.Line
    score: float


def find(take: Audio, guide: Audio) -> Heard | None:
    """The guide's own sound in a take, or None when there is nothing that could be it.

    take, guide: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE; either may begin before the other,
    and last longer. The estimate's confidence is 0.5 where agreement by chance is one in a million. Its lags are in
    samples at units.SAMPLE_RATE.
    """
    ours, theirs = mono(take), mono(guide)
    if min(len(ours), len(theirs)) < SHORTEST_SAMPLES or silent(ours) or silent(theirs):
        return None
    pair = _paired(whitened(ours, 1.0), whitened(theirs, 0.5))
    lags = _candidates(correlated(pair.take, pair.guide), len(pair.guide))
    tried = [found for found in (_agreeing(pair, lag) for lag in lags) if found is not None]
    if not tried:
        return None
    best = max(tried, key=lambda each: each.score)
    wide, evidence = _widened(pair, best.line)
    rivals = [each.score for each in tried if _apart(pair, each.line, wide)]
    fine = _refined(pair, wide)
    estimate = Estimate(
        method="bleed",
        offset_samples=fine.pieces[0].guide_position(0),
        drift_ppm=fine.drift_ppm,
        confidence=_confidence(evidence, max(rivals, default=0.0) / best.score),
        lags=fine.lags,
    )
    return Heard(estimate=estimate, pieces=fine.pieces)


def _paired(take: Sound, guide: Sound) -> _Pair:
    """Windows that overlap by half, at most WINDOWS_MAX of them."""
    length = int(np.clip(len(take) // 6, SHORTEST_WINDOW_SAMPLES, WINDOW_SAMPLES))
    hop = max(length // 2, (len(take) - length) // WINDOWS_MAX)
    return _Pair(take=take, guide=guide, starts=np.arange(0, len(take) - length + 1, max(hop, 1)), length=length)


def _candidates(correlation: NDArray[np.float32], guide_samples: int) -> list[int]:
    """Lags at which the whole take may stand: the most energy at each width of smear, as lags at RATE."""
    power = np.square(correlation, dtype=np.float64)
    power /= power.mean() or 1.0
    found: list[int] = []
    for width in SMEARS_SAMPLES:
        smeared = ndimage.uniform_filter1d(power, width, mode="constant") if width > 1 else power.copy()
        for _ in range(CANDIDATES_EACH):
            at = int(smeared.argmax())
            smeared[max(0, at - APART_SAMPLES) : at + APART_SAMPLES] = 0
            if all(abs(at - other) > APART_SAMPLES for other in found):
                found.append(at)
    return [at - (guide_samples - 1) for at in found]


def _agreeing(pair: _Pair, lag: int) -> _Tried | None:
    """What windows near a lag agree on, without steps, and the energy of those that do."""
    reach = NEAR_SAMPLES + int(DRIFT_MAX * len(pair.take) / 2)
    lags = np.full(len(pair.starts), lag)
    seen = correlated_near(pair.take, pair.guide, pair.starts, pair.length, lags, reach)
    offsets, heights = _strongest(seen, reach)
    found = line.fit(_looks(pair, lags, offsets, heights), len(pair.take) * PER_RATE, steps=False)
    if found is None:
        return None
    used = np.array([look.used for look in found.lags])
    return _Tried(line=found, score=float(np.square(heights[used]).sum()))


def _strongest(seen: Looks, reach: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(where, how high) each window's strongest lag is, as an offset from its own lag, to a fraction of a sample."""
    heights = np.abs(seen)
    rows, at = np.arange(len(seen)), heights.argmax(axis=1)
    inner = np.clip(at, 1, 2 * reach - 1)
    before, peak, after = (heights[rows, inner + k].astype(np.float64) for k in (-1, 0, 1))
    bend = before - 2 * peak + after
    shift = np.where((bend < 0) & (inner == at), 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0.0)
    return at - reach + np.clip(shift, -0.5, 0.5), heights[rows, at].astype(np.float64)


def _middle(seen: Looks) -> Looks:
    """The lags within PREFER_SAMPLES of each window's own."""
    middle = seen.shape[1] // 2
    return seen[:, middle - PREFER_SAMPLES : middle + PREFER_SAMPLES + 1]


def _looks(
    pair: _Pair, lags: NDArray[np.int64], offsets: NDArray[np.float64], heights: NDArray[np.float64]
) -> list[Lag]:
    """Looks in samples at units.SAMPLE_RATE. A look's confidence is from 0 at 4 sigma to 1 at 12."""
    return [
        Lag(at=float(at) * PER_RATE, lag_samples=float(lag) * PER_RATE, confidence=float(np.clip((high - 4) / 8, 0, 1)))
        for at, lag, high in zip(pair.middles, lags + offsets, heights, strict=True)
    ]


def _lags_on(pair: _Pair, pieces: tuple[Piece, ...]) -> NDArray[np.float64]:
    """The lag at RATE that pieces say for each window."""
    ats = pair.middles * PER_RATE
    starts = np.array([piece.take_start for piece in pieces])
    on = np.maximum(np.searchsorted(starts, ats, side="right") - 1, 0)
    return np.array([(at - pieces[i].guide_position(at)) / PER_RATE for at, i in zip(ats, on, strict=True)])


def _widened(pair: _Pair, found: line.Line) -> tuple[line.Line, float]:
    """(line, evidence): the line with its steps, since windows that see something clearer further off say so."""
    lags = np.round(_lags_on(pair, found.pieces)).astype(np.int64)
    seen = correlated_near(pair.take, pair.guide, pair.starts, pair.length, lags, WIDE_SAMPLES)
    far, high = _strongest(seen, WIDE_SAMPLES)
    near, near_high = _strongest(
        seen[:, WIDE_SAMPLES - PREFER_SAMPLES : WIDE_SAMPLES + PREFER_SAMPLES + 1], PREFER_SAMPLES
    )
    further = high > PREFER * near_high
    looks = _looks(pair, lags, np.where(further, far, near), np.where(further, high, near_high))
    wide = line.fit(looks, len(pair.take) * PER_RATE) or found
    agree = np.abs(lags + far - _lags_on(pair, wide.pieces)) <= line.AGREE_SAMPLES / PER_RATE
    return wide, max(_evidence(pair, agree, piece) for piece in wide.pieces)


def _evidence(pair: _Pair, agree: NDArray[np.bool_], piece: Piece) -> float:
    """How unlikely it is that as many windows of a piece agree by chance, as -log10 of the chance for the whole search.

    A window that hears nothing of the guide sees its strongest lag anywhere, so it agrees with a given line as often as
    the line is wide. Of windows that overlap, each counts for what is its own. Lines tried: every offset, every drift.
    """
    ats = pair.middles * PER_RATE
    inside = (ats >= piece.take_start) & (ats < piece.take_stop)
    hop = float(np.diff(pair.starts).min(initial=pair.length))
    windows, agreeing = (float(count) * min(1.0, hop / pair.length) for count in (inside.sum(), (agree & inside).sum()))
    if agreeing <= 0:
        return 0.0
    width = line.AGREE_SAMPLES / PER_RATE
    chance = special.betainc(agreeing, windows - agreeing + 1, width / WIDE_SAMPLES)
    offsets = (len(pair.take) + len(pair.guide)) / (2 * width)
    drifts = 1 + 2 * DRIFT_MAX * len(pair.take) / width
    return float(max(0.0, -np.log10(max(chance, 1e-300)) - np.log10(offsets * drifts)))


def _apart(pair: _Pair, other: line.Line, placed: line.Line) -> bool:
    """Whether another line is another place in the guide: further off than reflections and steps explain."""
    apart = np.abs(_lags_on(pair, other.pieces)[:, None] - np.unique(np.round(_lags_on(pair, placed.pieces)))[None])
    return bool(apart.min() > ECHO_SAMPLES)


def _confidence(evidence: float, rivalry: float) -> float:
    """0..1, from 0.5 on certain: how unlikely chance is, less when another place in the guide fits nearly as well."""
    return min(1.0, evidence / FULL_EVIDENCE) * float(np.clip((1 - rivalry) / (2 * (1 - RIVAL)), 0, 1))


def _refined(pair: _Pair, found: line.Line) -> line.Line:
    """The line by looks at the whole response from loudspeaker to microphone, placed by its first arrival."""
    exact = _lags_on(pair, found.pieces)
    lags = np.round(exact).astype(np.int64)
    seen = correlated_near(pair.take, pair.guide, pair.starts, pair.length, lags, FINE_SAMPLES)
    used = np.array([look.used for look in found.lags])
    response = _response(seen[used], (lags - exact)[used])
    template, arrival = _arrival(response)
    matched = signal.oaconvolve(seen, template[None, ::-1], mode="same", axes=1)
    matched /= np.maximum(np.median(np.abs(matched), axis=1, keepdims=True) / 0.6745, 1e-20)
    at, high = _strongest(_middle(matched), PREFER_SAMPLES)
    fine = line.fit(_looks(pair, lags, at, high), len(pair.take) * PER_RATE) or found
    return _later(fine, arrival * PER_RATE)


def _response(seen: Looks, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windows laid over each other along the line, each first moved by its fraction of a sample, by how clear it is."""
    clear = np.abs(seen).max(axis=1, keepdims=True).astype(np.float64)
    size = seen.shape[1]
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size)[None] * moved[:, None])
    return np.asarray(np.fft.irfft((np.fft.rfft(seen * clear, axis=1) * turn).sum(axis=0), size))


def _arrival(response: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """(template, arrival): a response without its noise, and the offset of its first arrival from the middle, at RATE.

    First is the earliest peak that is at least FIRST of the strongest and clear of the noise ahead of everything.
    """
    height = np.abs(response)
    middle = len(response) // 2
    top = int(height.argmax())
    ahead = height[: max(top - 2 * LEAD_SAMPLES, LEAD_SAMPLES)]
    noise = float(np.sqrt(np.mean(np.square(ahead))))
    peaks, _ = signal.find_peaks(height[: top + 1], height=max(FIRST * height[top], 5 * noise))
    first = min((int(peak) for peak in peaks if peak >= top - ECHO_SAMPLES), default=top)
    keep = np.zeros_like(response)
    keep[max(first - 16, 0) : top + LEAD_SAMPLES] = 1
    template = np.where(height > 3 * noise, response, 0) * keep
    template[top] = response[top]
    inner = int(np.clip(first, 1, len(height) - 2))
    before, peak, after = height[inner - 1 : inner + 2]
    bend = before - 2 * peak + after
    return template, first - middle + (float(0.5 * (before - after) / bend) if bend < 0 else 0.0)


def _later(found: line.Line, samples: float) -> line.Line:
    """The same line, all its lags greater by `samples` at units.SAMPLE_RATE."""
    return line.Line(
        pieces=tuple(replace(piece, guide_start=piece.guide_start - samples) for piece in found.pieces),
        drift_ppm=found.drift_ppm,
        lags=tuple(replace(look, lag_samples=look.lag_samples + samples) for look in found.lags),
    )
