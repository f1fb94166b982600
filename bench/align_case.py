"""Cases of `bench align`, and what came of them: the form in which every family of takes is handed over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.degrade import Take
from unisono.studio.alignment import Alignment
from unisono.studio.guide import Guide
from unisono.units import SAMPLE_RATE

POINTS = 25
STEP_BLUR_SAMPLES = SAMPLE_RATE // 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A take to be aligned. `truth_known` is false where nothing may be certain: wrong songs, silence, speech.

    wrong_ms: a certain answer further off than this is a false one. truth_ms: how exactly its
    truth is known; only what is further off counts as error. drift_counts: whether its drift goes into
    `drift_error_ppm_p95`. due: whether it belongs to what must be certain. free_tempo: as align() takes it.
    """

    family: str
    take: Take
    guide: Guide
    truth_known: bool = True
    wrong_ms: float = 5.0
    truth_ms: float = 0.0
    drift_counts: bool = False
    due: bool = True
    free_tempo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What align() said, against the truth. error_ms: the worst over the take, away from steps; NaN without truth."""

    family: str
    certain: bool
    method: str
    confidence: float
    error_ms: float
    drift_error_ppm: float
    wrong_ms: float
    due: bool
    take_seconds: float
    seconds: float

    @property
    def falsely_certain(self) -> bool:
        """Certain, and wrong or with nothing there to be found."""
        return self.certain and not self.error_ms <= self.wrong_ms


def judge(case: Case, said: Alignment, seconds: float) -> Outcome:
    """One answer against the truth, at places all over what the take and the guide have in common."""
    take = case.take
    return Outcome(
        family=case.family,
        certain=said.certain,
        method=said.method,
        confidence=said.confidence,
        error_ms=_error_ms(case, said) if case.truth_known else float("nan"),
        drift_error_ppm=abs(said.drift_ppm - take.drift_ppm) if case.drift_counts and said.certain else float("nan"),
        wrong_ms=case.wrong_ms,
        due=case.due,
        take_seconds=len(take.sound) / SAMPLE_RATE,
        seconds=seconds,
    )


def _error_ms(case: Case, said: Alignment) -> float:
    """The greatest distance between where samples are said to belong and where they do."""
    take = case.take
    samples = np.linspace(0, len(take.sound) - 1, POINTS)
    near_step = [abs(samples - start) < STEP_BLUR_SAMPLES for start in take.starts[1:]]
    samples = samples[~np.any(near_step, axis=0)] if near_step else samples
    truth = take.guide_positions(samples)
    sounds = case.guide.sound if case.guide.sound is not None else case.guide.part
    if sounds is not None:
        inside = (truth >= 0) & (truth < len(sounds))
        samples, truth = (samples[inside], truth[inside]) if inside.any() else (samples, truth)
    found = np.array([position(said, float(sample)) for sample in samples])
    return max(0.0, float(np.abs(found - truth).max()) / SAMPLE_RATE * 1000 - case.truth_ms)


def position(said: Alignment, sample: float) -> float:
    """Where an alignment says a sample belongs, by its warp where it has one."""
    if len(said.warp) < 2:
        return said.guide_position(sample)
    ours, theirs = np.array(said.warp).T
    return float(np.interp(sample, ours, theirs))
