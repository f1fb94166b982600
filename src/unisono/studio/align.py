"""Align: where a take stands on its guide's axis, from every way of looking there is, and whether that is certain.

Ways are independent: a clock, the guide's own sound, claps, the sung part. The most trusted one that is sure of itself
places the take. Those that agree with it make it surer, those that contradict it less sure, so that a person is asked;
what nobody found stays unplaced, said as method `none`, and is never a quiet zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from unisono.studio import bleed, claps, part, warp
from unisono.studio.alignment import Alignment, Estimate, Method, Piece
from unisono.studio.guide import Guide, Note
from unisono.studio.pitch import Contour, contour
from unisono.studio.shares import OnShare, untold, weighed
from unisono.units import Audio, samples_of_ms

__all__ = ["Guide", "Known", "Note", "align"]

CERTAIN = 0.5
"""From this confidence on nobody is asked."""
TRUST: tuple[Method, ...] = ("clock", "bleed", "claps", "part", "warp")
EXACT: tuple[Method, ...] = ("clock", "bleed", "claps")
AGREE_SAMPLES: dict[Method, int] = {
    "clock": samples_of_ms(5),
    "bleed": samples_of_ms(5),
    "claps": samples_of_ms(10),
    "part": samples_of_ms(80),
    "warp": samples_of_ms(150),
}
"""How far each way may be off when it is right: people sing a little early and late, sound does not."""
CLOCK_CONFIDENCE = 0.9
OFFERED = 0.3
"""What nobody asked for is not certain however well it fits; a straight line that nearly fits is the better guess."""
SUNG: tuple[Method, ...] = ("part", "warp")
"""Both look at the same pitches: that they agree makes neither surer."""
CONTRADICTED = 0.6
"""What a contradiction by a sure witness of the same rank takes away; a lesser one takes half of it."""
_WEIGHTS = (5.0, 3.0, 0.2, 2.0)
"""How long hearing the guide, following the voice, holding it against notes and mapping it take against each other."""
_SELDOM = 0.25
"""What is done only if nothing else was certain is told as this share of it, so that few wait less than they expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What one way of looking found, as it would be carried out."""

    estimate: Estimate
    pieces: tuple[Piece, ...]
    warp: tuple[tuple[float, float], ...] = ()

    def guide_position(self, take_sample: float) -> float:
        """Where a sample of the take would belong."""
        if len(self.warp) > 1:
            ours, theirs = np.array(self.warp).T
            return float(np.interp(take_sample, ours, theirs))
        return _carried_out(self, 0.0).guide_position(take_sample)


@dataclass(slots=True)
class Known:
    """What was found out about one take that is the same for every part of its guide that it is tried against."""

    exact: list[_Way] | None = None
    sung: list[Contour] = field(default_factory=list)


def align(
    take: Audio,
    guide: Guide,
    *,
    clock_offset_samples: float | None = None,
    free_tempo: bool = False,
    known: Known | None = None,
    on_share: OnShare = untold,
) -> Alignment:
    """Where `take` stands: sample 0 of `guide` is position 0.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. clock_offset_samples: the guide position of
    its sample 0 by a clock that both shared (a take sung in the page), where there was one. free_tempo: the take was
    not sung to the guide's own time, so a time map is looked for. known: what was found out when the same take was
    held against another part of the same guide; filled. on_share: hears how much of all that may be looked at is.
    Never raises for what a take contains: what cannot be found comes back as method `none`, confidence 0 and not
    certain.
    """
    samples = max(len(take), 1)
    known = known or Known()
    hearing, following, holding, mapping = weighed(on_share, *_weights(guide, known, free_tempo))
    if known.exact is None:
        known.exact = _exact(take, guide, clock_offset_samples, hearing)
    ways = list(known.exact)
    if not free_tempo and _has_part(guide):
        ways += _sung(take, guide, _followed(take, known, following))
        holding(1.0)
    if free_tempo or not any(way.estimate.confidence >= CERTAIN for way in ways):
        ways += _mapped(take, guide, known, (following, mapping), asked=free_tempo)
    ways.sort(key=lambda way: TRUST.index(way.estimate.method))
    if not ways:
        nowhere = Piece(take_start=0, take_stop=samples, guide_start=0.0)
        return Alignment(method="none", pieces=(nowhere,), confidence=0.0, certain=False)
    return judged(ways, samples)


def _weights(guide: Guide, known: Known, free_tempo: bool) -> list[float]:
    """_WEIGHTS, without what is not to be done."""
    holds = float(_has_part(guide) and not free_tempo)
    maps = 1.0 if free_tempo else _SELDOM
    follows = 0.0 if known.sung else max(holds, maps)
    hears = float(known.exact is None and guide.sound is not None)
    return [weight * wanted for weight, wanted in zip(_WEIGHTS, (hears, follows, holds, maps), strict=True)]


def _has_part(guide: Guide) -> bool:
    return guide.part is not None or bool(guide.notes)


def _followed(take: Audio, known: Known, on_share: OnShare) -> Contour:
    """The take's contour, made once."""
    if not known.sung:
        known.sung.append(contour(take, on_share=on_share))
    return known.sung[0]


def _exact(take: Audio, guide: Guide, clock_offset_samples: float | None, on_share: OnShare) -> list[_Way]:
    """What a clock says, and what is heard of the guide's sound and of its count-in."""
    samples = max(len(take), 1)
    ways: list[_Way] = []
    if clock_offset_samples is not None:
        by_clock = Estimate(
            method="clock", offset_samples=clock_offset_samples, drift_ppm=0.0, confidence=CLOCK_CONFIDENCE
        )
        ways.append(_even(by_clock, samples))
    if guide.sound is not None:
        heard = bleed.find(take, guide.sound, on_share=on_share)
        if heard is not None:
            ways.append(_Way(estimate=heard.estimate, pieces=heard.pieces))
    if guide.claps:
        clapped = claps.find(take, guide.claps)
        ways += [_even(clapped, samples)] if clapped is not None else []
    return ways


def _sung(take: Audio, guide: Guide, sung: Contour) -> list[_Way]:
    """What the take's own part says."""
    found = part.find(take, guide, sung)
    return [_even(found, max(len(take), 1))] if found is not None else []


def _mapped(take: Audio, guide: Guide, known: Known, shares: tuple[OnShare, OnShare], *, asked: bool) -> list[_Way]:
    """A time map, for what was not sung in the guide's time; to whom nobody asked for one it is only offered.

    shares: who is told how far following the voice and mapping it are.
    """
    if not _has_part(guide) and guide.sound is None:
        return []
    following, mapping = shares
    found = warp.find(take, guide, _followed(take, known, following), on_share=mapping)
    if found is None:
        return []
    confidence = found.estimate.confidence if asked else min(found.estimate.confidence, OFFERED)
    estimate = replace(found.estimate, confidence=confidence)
    return [_Way(estimate=estimate, pieces=found.pieces, warp=found.knots)]


def _even(estimate: Estimate, samples: int) -> _Way:
    """An estimate as one piece."""
    piece = Piece(take_start=0, take_stop=samples, guide_start=estimate.offset_samples, drift_ppm=estimate.drift_ppm)
    return _Way(estimate=estimate, pieces=(piece,))


def judged(ways: list[_Way], samples: int) -> Alignment:
    """The alignment by the most trusted sure way, its confidence weighed against every other way's."""
    sure = [way for way in ways if way.estimate.confidence >= CERTAIN]
    chosen = sure[0] if sure else max(ways, key=lambda way: way.estimate.confidence)
    middle = samples / 2
    confidence = chosen.estimate.confidence
    for way in ways:
        if way is not chosen:
            confidence = _weighed(confidence, chosen, way, middle)
    apart = [abs(one.guide_position(middle) - two.guide_position(middle)) for one, two in combinations(ways, 2)]
    alignment = _carried_out(chosen, confidence)
    return Alignment(
        method=alignment.method,
        pieces=alignment.pieces,
        warp=alignment.warp,
        confidence=confidence,
        certain=confidence >= CERTAIN,
        estimates=(chosen.estimate, *(way.estimate for way in ways if way is not chosen)),
        spread_samples=max(apart, default=0.0),
    )


def _weighed(confidence: float, chosen: _Way, other: _Way, at: float) -> float:
    """A confidence after one more witness was heard."""
    mine, theirs = chosen.estimate.method, other.estimate.method
    apart = abs(chosen.guide_position(at) - other.guide_position(at))
    if apart <= max(AGREE_SAMPLES[mine], AGREE_SAMPLES[theirs]):
        if mine in SUNG and theirs in SUNG:
            return confidence
        return 1 - (1 - confidence) * (1 - other.estimate.confidence)
    same_rank = (mine in EXACT) == (theirs in EXACT) or theirs in EXACT
    taken = CONTRADICTED if same_rank else CONTRADICTED / 2
    return confidence * (1 - taken * other.estimate.confidence)


def _carried_out(way: _Way, confidence: float) -> Alignment:
    """A way as an alignment that is not certain yet."""
    return Alignment(method=way.estimate.method, pieces=way.pieces, warp=way.warp, confidence=confidence, certain=False)
