"""Stretch: a take in a time of its own carried along a time map, its pitch kept.

Signalsmith's stretcher (python-stretch) takes a stretch of sound at one speed, so the map is cut into such stretches,
at the quietest places there are, and each is laid where the map says. Where two meet, the later one is moved by at most
a few milliseconds to where both are in phase, and they cross-fade.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import python_stretch
from numpy.typing import NDArray

from unisono.units import SAMPLE_RATE, Audio, samples_of_ms

STRETCH_SAMPLES = samples_of_ms(500)
QUIET_REACH_SAMPLES = samples_of_ms(120)
QUIET_SAMPLES = samples_of_ms(20)
OVERLAP_SAMPLES = samples_of_ms(20)
PHASE_REACH_SAMPLES = samples_of_ms(5)
UNSTRETCHED = 2e-4
SPEED_MIN, SPEED_MAX = 0.25, 4.0

Floats = NDArray[np.float64]


def stretched(sound: Audio, knots: Sequence[tuple[float, float]]) -> tuple[int, Audio]:
    """(guide position of the first sample, sound): a take along the time map that `knots` draw.

    sound: float32, (samples, channels). knots: (take sample, guide position), both rising, at least two; before the
    first and behind the last one the take runs at its own speed. A part sung more than four times too fast or too slow
    is not stretched further than that.
    """
    ours, theirs = _whole_map(len(sound), knots)
    cuts = _cuts(sound, ours)
    places = np.interp(cuts, ours, theirs)
    start = int(np.floor(places[0]))
    out = np.zeros((int(np.ceil(places[-1])) - start + 2 * OVERLAP_SAMPLES, sound.shape[1]), dtype=np.float32)
    written = 0
    for (begin, end), (place, until) in zip(pairwise(cuts), pairwise(places), strict=True):
        speed = float(np.clip((end - begin) / max(until - place, 1.0), SPEED_MIN, SPEED_MAX))
        lead = min(OVERLAP_SAMPLES, int(begin / speed))
        low, high = int(begin - lead * speed), int(min(len(sound), end + OVERLAP_SAMPLES * speed))
        part = _at_speed(sound[low:high], speed)
        at = round(place) - lead - start
        written = _joined(out, written, part, at)
    return start, out[:written]


def _whole_map(samples: int, knots: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """The map over all of a take: (take samples, guide positions)."""
    points = sorted(knots)
    (first, place), (last, until) = points[0], points[-1]
    if first > 0:
        points.insert(0, (0.0, place - first))
    if last < samples:
        points.append((float(samples), until + samples - last))
    ours, theirs = np.array(points, dtype=np.float64).T
    keep = np.concatenate([[True], np.diff(ours) > 0])
    return ours[keep], np.maximum.accumulate(theirs[keep])


def _cuts(sound: Audio, ours: Floats) -> Floats:
    """Where the take is cut: about every STRETCH_SAMPLES, at the quietest place near."""
    stop = min(float(len(sound)), float(ours[-1]))
    power = np.square(sound, dtype=np.float64).sum(axis=1)
    loudness = np.convolve(power, np.ones(QUIET_SAMPLES), mode="same") if len(power) >= QUIET_SAMPLES else power
    cuts = [max(0.0, float(ours[0]))]
    while cuts[-1] + 2 * STRETCH_SAMPLES < stop:
        middle = int(cuts[-1]) + STRETCH_SAMPLES
        near = loudness[middle - QUIET_REACH_SAMPLES : middle + QUIET_REACH_SAMPLES]
        cuts.append(float(middle - QUIET_REACH_SAMPLES + int(near.argmin())))
    return np.array([*cuts, stop])


def _at_speed(sound: Audio, speed: float) -> Audio:
    """One stretch at one speed (2: twice as fast), float32, (samples / speed, channels)."""
    if abs(speed - 1) < UNSTRETCHED or len(sound) < 2:
        return sound
    stretcher = python_stretch.Signalsmith.Stretch()
    stretcher.preset(sound.shape[1], float(SAMPLE_RATE))
    stretcher.timeFactor = speed
    return np.asarray(stretcher.process(np.ascontiguousarray(sound.T)), dtype=np.float32).T


def _joined(out: Audio, written: int, part: Audio, at: int) -> int:
    """Lay `part` at `at`, in phase with what is there and faded into it; return how far `out` is written."""
    shared = written - at
    if shared > OVERLAP_SAMPLES // 2:
        at += _phase(out[max(at, 0) : written], part)
        shared = max(0, min(written - at, len(part)))
    if at < 0:
        part, at, shared = part[-at:], 0, min(shared, written)
    part = part[: len(out) - at].copy()
    shared = min(max(shared, 0), len(part))
    if shared:
        rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(shared) + 0.5) / shared)).astype(np.float32)[:, None]
        out[at : at + shared] *= 1 - rise
        part[:shared] *= rise
    out[at : at + shared] += part[:shared]
    out[at + shared : at + len(part)] = part[shared:]
    return at + len(part)


def _phase(tail: Audio, head: Audio) -> int:
    """By how much `head` is to be moved, within PHASE_REACH_SAMPLES, to be most like `tail` where they overlap."""
    length = min(len(tail), len(head)) - 2 * PHASE_REACH_SAMPLES
    if length <= PHASE_REACH_SAMPLES:
        return 0
    wanted = tail[PHASE_REACH_SAMPLES : PHASE_REACH_SAMPLES + length].mean(axis=1)
    there = head[: length + 2 * PHASE_REACH_SAMPLES].mean(axis=1)
    likeness = np.correlate(there, wanted, mode="valid")
    level = np.sqrt(np.convolve(np.square(there), np.ones(length), mode="valid")) + 1e-9
    return PHASE_REACH_SAMPLES - int((likeness / level).argmax())
