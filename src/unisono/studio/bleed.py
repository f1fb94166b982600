"""Bleed: the guide's own sound in a take, leaked from headphones, played by a loudspeaker, or the take itself.

Coarse first: the whole take against the whole guide, whitened, at every lag; drift and rooms smear the arrival, so
energy is looked for at several widths. Then, around each of the best lags, windows of the take look for themselves, and
what counts is how many of them agree on one line: looks at something else agree by chance only, and how often they do
is arithmetic (`_evidence`). Last, all windows that agree are laid over each other along the line: that is the response
from loudspeaker to microphone, and the take is placed by its first arrival, not by its loudest reflection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal, special

from unisono.studio import line
from unisono.studio.alignment import Estimate, Lag, Piece
from unisono.studio.arrival import ECHO_SAMPLES, FINE_SAMPLES, Response, first_arrival, template
from unisono.studio.leak import leak_db
from unisono.studio.shares import OnShare, untold, weighed
from unisono.studio.whiten import (
    PER_RATE,
    RATE,
    Sound,
    band,
    correlated,
    correlated_near,
    made_ready,
    mono,
    silent,
    standardised,
    whitened,
    window_spectra,
)
from unisono.units import Audio

SHORTEST_SAMPLES = RATE // 2
WINDOW_SAMPLES = 2 * RATE
SHORTEST_WINDOW_SAMPLES = RATE // 4
WINDOWS_MAX = 300
SMEARS_SAMPLES = (1, 8, 32, 128, 400)
CANDIDATES_EACH = 3
APART_SAMPLES = RATE // 50
NEAR_SAMPLES = RATE // 40
WIDE_SAMPLES = 3 * RATE // 2
PREFER = 1.25
PREFER_SAMPLES = RATE // 250
"""A look far off the line must be this much clearer than the one near it."""
DRIFT_MAX = line.DRIFT_PPM_MAX * 1e-6
FULL_EVIDENCE = 12.0
RESPONSE_FLOOR = 0.05
PASSES = 4
CONTENDS = 0.3
"""A place in the guide with this share of the best one's score may be the right one all the same."""
CONTENDERS_MAX = 4
FULL_CLEARER = 8.0
"""Standard errors by which the best place is seen more clearly than any other, for it to be beyond doubt."""
_WEIGHTS = (2.0, 4.0, 3.0, 1.0)
"""How long getting ready, looking coarsely, looking finely and placing take against each other."""

Looks = NDArray[np.float32]
"""Correlations of windows, shape (windows, lags)."""


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
class _Seen:
    """Windows' correlations at every lag within WIDE_SAMPLES of `lags`, one a window."""

    lags: NDArray[np.int64]
    rows: Looks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A line with its steps, which windows agree with it, and how clearly each sees it."""

    line: line.Line
    agree: NDArray[np.bool_]
    heights: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """What windows near one lag agree on, and how much of them does."""

    line: line.Line
    score: float


def find(take: Audio, guide: Audio, *, on_share: OnShare = untold) -> Heard | None:
    """The guide's own sound in a take, or None when there is nothing that could be it.

    take, guide: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE; either may begin before the other,
    and last longer. The estimate's confidence is 0.5 where agreement by chance is one in a million. Its lags are in
    samples at units.SAMPLE_RATE.
    """
    ready, coarse, fine, last = weighed(on_share, *_WEIGHTS)
    ours, (theirs, flat) = mono(take), made_ready(guide)
    if min(len(ours), len(theirs)) < SHORTEST_SAMPLES or silent(ours) or silent(theirs):
        return None
    ready(0.3)
    pair = _paired(whitened(ours, 1.0), flat)
    ready(0.7)
    lags = _candidates(correlated(pair.take, pair.guide), len(pair.guide))
    tried = _tried(pair, lags, coarse)
    if not tried:
        return None
    least = CONTENDS * max(each.score for each in tried)
    contenders = sorted((each for each in tried if each.score >= least), key=lambda each: -each.score)
    places: list[_Place] = []
    for number, each in enumerate(contenders):
        fine(number / len(contenders))
        if all(_apart(pair, each.line, place.line) for place in places) and len(places) < CONTENDERS_MAX:
            places.append(_place(pair, each.line))
    last(0.0)
    best = max(places, key=lambda place: float(np.square(place.heights).sum()))
    rivals = [place for place in places if place is not best and _apart(pair, place.line, best.line)]
    response = _response(pair, best.line)
    placed = _steps_placed(pair, best.line, template(response))
    evidence = _evidence(pair, placed.pieces, best.agree)
    placed = line.later(placed, first_arrival(response) * PER_RATE)
    estimate = Estimate(
        method="bleed",
        offset_samples=placed.pieces[0].guide_position(0),
        drift_ppm=placed.drift_ppm,
        confidence=_confidence(evidence, min((_clearer(pair, best, rival) for rival in rivals), default=np.inf)),
        lags=placed.lags,
        bleed_db=_bleed_db(pair, ours, theirs, best.line),
    )
    return Heard(estimate=estimate, pieces=placed.pieces)


def _tried(pair: _Pair, lags: Sequence[int], on_share: OnShare) -> list[_Tried]:
    """What windows agree on near each lag at which they agree on anything."""
    spectra = window_spectra(pair.take, pair.starts, pair.length, _near(pair))
    tried = []
    for number, lag in enumerate(lags, 1):
        tried.append(_agreeing(pair, lag, spectra))
        on_share(number / len(lags))
    return [each for each in tried if each is not None]


def _bleed_db(pair: _Pair, take: Sound, guide: Sound, found: line.Line) -> float | None:
    """How loud the guide is in the take, by the windows that are on the line."""
    used = np.array([look.used for look in found.lags])
    lags = np.round(_lags_on(pair, found.pieces)).astype(np.int64)
    return leak_db(take, guide, pair.starts[used], lags[used], pair.length)


def _place(pair: _Pair, found: line.Line) -> _Place:
    """A line followed until windows, looking for all that the room made of the guide, agree on where it runs."""
    seen = _seen(pair, found)
    place = _widened(pair, seen, found, [None])
    for _ in range(PASSES):
        before, templates = place, [template(half) for half in _halves(pair, place.line)]
        place = _widened(pair, seen, place.line, templates)
        if float(np.abs(_lags_on(pair, place.line.pieces) - _lags_on(pair, before.line.pieces)).max()) < 1:
            break
    return place


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


def _near(pair: _Pair) -> int:
    """How far from one lag windows look: as far as the greatest drift takes them."""
    return NEAR_SAMPLES + int(DRIFT_MAX * len(pair.take) / 2)


def _agreeing(pair: _Pair, lag: int, spectra: NDArray[np.complex64]) -> _Tried | None:
    """What windows near a lag agree on, without steps, and the energy of those that do."""
    lags = np.full(len(pair.starts), lag)
    seen = correlated_near(pair.take, pair.guide, pair.starts, pair.length, lags, _near(pair), spectra=spectra)
    offsets, heights = _strongest(seen)
    found = line.fit(_looks(pair, lags, offsets, heights), len(pair.take) * PER_RATE, steps=False)
    if found is None:
        return None
    used = np.array([look.used for look in found.lags])
    return _Tried(line=found, score=float(np.square(heights[used]).sum()))


def _strongest(seen: Looks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(where, how high) each window's strongest lag is, as an offset from its own lag, to a fraction of a sample."""
    heights, reach = np.abs(seen), seen.shape[1] // 2
    rows, at = np.arange(len(seen)), heights.argmax(axis=1)
    inner = np.clip(at, 1, 2 * reach - 1)
    before, peak, after = (heights[rows, inner + k].astype(np.float64) for k in (-1, 0, 1))
    bend = before - 2 * peak + after
    shift = np.where((bend < 0) & (inner == at), 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0.0)
    return at - reach + np.clip(shift, -0.5, 0.5), heights[rows, at].astype(np.float64)


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


def _seen(pair: _Pair, found: line.Line) -> _Seen:
    """All windows at every lag within WIDE_SAMPLES of a line."""
    lags = np.round(_lags_on(pair, found.pieces)).astype(np.int64)
    rows = correlated_near(pair.take, pair.guide, pair.starts, pair.length, lags, WIDE_SAMPLES)
    return _Seen(lags=lags, rows=rows)


def _widened(pair: _Pair, seen: _Seen, found: line.Line, templates: Sequence[Response | None]) -> _Place:
    """The line with its steps: windows that see something clearer further off say so.

    templates: what an arrival looks like, taken in turn by the windows; None for a single peak. A window agrees if the
    line is where it sees most of all lags within WIDE_SAMPLES, whatever was expected of it.
    """
    expected = np.round(_lags_on(pair, found.pieces) - seen.lags).astype(np.int64)
    expected = np.clip(expected, PREFER_SAMPLES - WIDE_SAMPLES, WIDE_SAMPLES - PREFER_SAMPLES)
    far, high, near, near_high = (np.zeros(len(expected)) for _ in range(4))
    for turn, expects in enumerate(templates):
        own = np.arange(turn, len(expected), len(templates))
        rows = seen.rows[own] if expects is None else _matched(seen.rows[own], expects)
        far[own], high[own] = _strongest(rows)
        columns = expected[own][:, None] + WIDE_SAMPLES + np.arange(-PREFER_SAMPLES, PREFER_SAMPLES + 1)
        near[own], near_high[own] = _strongest(np.take_along_axis(rows, columns, axis=1))
    further = high > PREFER * near_high
    offsets = np.where(further, far, near + expected)
    looks = _looks(pair, seen.lags, offsets, np.where(further, high, near_high))
    wide = line.fit(looks, len(pair.take) * PER_RATE) or found
    agree = np.abs(seen.lags + far - _lags_on(pair, wide.pieces)) <= line.AGREE_SAMPLES / PER_RATE
    return _Place(line=wide, agree=agree, heights=near_high)


def _matched(seen: Looks, expected: Response) -> Looks:
    """Windows with all of a response's arrivals gathered where the line is."""
    return standardised(signal.oaconvolve(seen, expected[None, ::-1].astype(np.float32), mode="same", axes=1))


def _evidence(pair: _Pair, pieces: tuple[Piece, ...], agree: NDArray[np.bool_]) -> float:
    """How unlikely it is that so many windows agree by chance, as -log10 of the chance for the whole search.

    A window that hears nothing of the guide sees its strongest lag anywhere, so it agrees with a given line as often as
    the line is wide. Of windows that overlap, each counts for what is its own. Lines tried: every offset and every
    drift for the first piece, every step at every window for each further one.
    """
    ats = pair.middles * PER_RATE
    hop = float(np.diff(pair.starts).min(initial=pair.length))
    own = min(1.0, hop / pair.length)
    width = line.AGREE_SAMPLES / PER_RATE
    total = 0.0
    for piece in pieces:
        inside = (ats >= piece.take_start) & (ats < piece.take_stop)
        windows, agreeing = own * float(inside.sum()), own * float((agree & inside).sum())
        chance = special.betainc(agreeing, windows - agreeing + 1, width / WIDE_SAMPLES) if agreeing > 0 else 1.0
        total -= np.log10(max(chance, 1e-300))
    offsets = (len(pair.take) + len(pair.guide)) / (2 * width)
    drifts = 1 + 2 * DRIFT_MAX * len(pair.take) / width
    steps = (len(pieces) - 1) * np.log10(len(ats) * WIDE_SAMPLES / width)
    return float(max(0.0, total - np.log10(offsets * drifts) - steps))


def _apart(pair: _Pair, other: line.Line, placed: line.Line) -> bool:
    """Whether another line is another place in the guide: further off than reflections and steps explain."""
    apart = np.abs(_lags_on(pair, other.pieces)[:, None] - np.unique(np.round(_lags_on(pair, placed.pieces)))[None])
    return bool(apart.min() > ECHO_SAMPLES)


def _clearer(pair: _Pair, best: _Place, rival: _Place) -> float:
    """By how many standard errors windows see one place more clearly than another, window by window.

    Music made of loops repeats itself nearly to the sample; what tells its bars apart is whatever is not in the loop.
    """
    more = best.heights - rival.heights
    own = min(1.0, float(np.diff(pair.starts).min(initial=pair.length)) / pair.length)
    error = float(more.std()) / np.sqrt(max(own * len(more), 1.0))
    return float(more.mean()) / error if error > 0 else 0.0


def _confidence(evidence: float, clearer: float) -> float:
    """0..1, from 0.5 on certain: how unlikely chance is, less when another place in the guide fits nearly as well."""
    return min(1.0, evidence / FULL_EVIDENCE) * float(np.clip(clearer / FULL_CLEARER, 0, 1))


def _halves(pair: _Pair, found: line.Line) -> list[Response]:
    """The responses that the other half of the windows hears: no window is to find itself in what it looks for."""
    turns = np.arange(len(pair.starts)) % 2
    return [_response(pair, found, turns != turn) for turn in (0, 1)]


def _response(pair: _Pair, found: line.Line, among: NDArray[np.bool_] | None = None) -> Response:
    """From loudspeaker to microphone: windows that are on the line laid over each other along it, clear ones more.

    What the guide's own notes would leave of an arrival is divided out (Wiener). Offset 0 is in the middle.
    """
    used = np.array([look.used for look in found.lags])
    chosen = used & among if among is not None and (used & among).any() else used
    exact = _lags_on(pair, found.pieces)[chosen]
    lags, starts = np.round(exact).astype(np.int64), pair.starts[chosen]
    seen = correlated_near(pair.take, pair.guide, starts, pair.length, lags, FINE_SAMPLES)
    alone = correlated_near(pair.guide, pair.guide, starts - lags, pair.length, np.zeros_like(lags), FINE_SAMPLES)
    size = seen.shape[1]
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size)[None] * (lags - exact)[:, None])
    clear = np.abs(seen).max(axis=1, keepdims=True).astype(np.float64)
    heard = (np.fft.rfft(seen * clear, axis=1) * turn).sum(axis=0)
    power = np.abs(np.fft.rfft((alone * clear).sum(axis=0)))
    least = RESPONSE_FLOOR * float(power.max(initial=0.0)) + 1e-20
    shape = band(np.asarray(np.fft.rfftfreq(size, 1 / RATE), dtype=np.float64))
    return np.asarray(np.fft.irfft(heard * power / (power**2 + least**2) * shape, size))


def _steps_placed(pair: _Pair, found: line.Line, response: Response) -> line.Line:
    """Steps put where what is heard changes from one piece's guide to the next one's: the likeliest change point."""
    pieces = list(found.pieces)
    used = np.array([look.at for look in found.lags if look.used]) / PER_RATE
    for i in range(1, len(pieces)):
        cut = pieces[i].take_start / PER_RATE
        low = int(max(used[used < cut].max(initial=0.0) - pair.length / 2, pieces[i - 1].take_start / PER_RATE))
        high = int(min(used[used >= cut].min(initial=cut) + pair.length / 2, pieces[i].take_stop / PER_RATE))
        at = np.arange(low, high)
        gain = [_explained(pair, piece, at, response) for piece in pieces[i - 1 : i + 1]]
        best = low + int(np.argmax(np.cumsum(gain[0] - gain[1]))) + 1
        pieces[i - 1], pieces[i] = _cut_at(pieces[i - 1], pieces[i], best * PER_RATE)
    return line.Line(pieces=tuple(pieces), drift_ppm=found.drift_ppm, lags=found.lags)


def _explained(pair: _Pair, piece: Piece, at: NDArray[np.int64], response: Response) -> NDArray[np.float64]:
    """For each take sample (at RATE), how much of it the guide as this piece places it explains."""
    reach = len(response) // 2
    lag = at[0] - round(piece.guide_position(float(at[0]) * PER_RATE) / PER_RATE)
    slip = np.round((at - at[0]) * piece.drift_ppm * 1e-6).astype(np.int64)
    wanted = at - lag - slip
    index = np.arange(wanted[0] - reach, wanted[-1] + reach + 1)
    inside = (index >= 0) & (index < len(pair.guide))
    around = np.where(inside, pair.guide[np.clip(index, 0, len(pair.guide) - 1)], 0)
    expected = signal.oaconvolve(around, response, mode="same")[wanted - index[0]]
    level = float(np.sqrt(np.mean(np.square(expected)))) or 1.0
    return np.asarray(pair.take[at] * expected / level)


def _cut_at(before: Piece, after: Piece, take_sample: int) -> tuple[Piece, Piece]:
    """Two neighbouring pieces, the step between them moved."""
    at = int(np.clip(take_sample, before.take_start + 1, after.take_stop - 1))
    return (
        replace(before, take_stop=at),
        replace(after, take_start=at, guide_start=after.guide_position(at)),
    )
