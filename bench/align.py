"""`python -m bench align`: are takes put where they belong, and does what cannot be known come back as unsure?

Takes are made from real recordings (bench/degrade.py): the guide's own sound through each degradation and through all
of them, the guide bled into a real singer's microphone, and what no guide is in. Takes that are aligned by their own
part come from bench/align_parts.py. A case's error is the worst anywhere in the take, drift and steps included. It is
falsely certain when it is certain and further off than its family allows, or when there was nothing to be found.
Bleed is counted against the singer's own level while he sings; every bleed case has a recorder that drifts, headphones
that colour and reflect, and street noise 55 dB under the singer.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np

from bench import align_parts, degrade
from bench.align_case import Case, Outcome, judge
from bench.degrade import Random, Take
from unisono.studio.align import align
from unisono.studio.guide import Guide
from unisono.units import SAMPLE_RATE, Audio

SEED = 20_200_314
SECOND = SAMPLE_RATE
BLEEDS_DB = (-10, -20, -30, -35, -40, -45)
ROUNDS_LONG = 8
AHEAD = 8

Figures = dict[str, object]
Degradation = Callable[[Take, Random], Take]


def _plain(take: Take, _: Random) -> Take:
    return take


def _drift(take: Take, rng: Random) -> Take:
    return degrade.drifted(take, float(rng.uniform(-80, 80)))


def _drops(take: Take, rng: Random) -> Take:
    return degrade.some_drops(take, rng, int(rng.integers(1, 4)))


def _noise(take: Take, _: Random) -> Take:
    return degrade.noisy(take, degrade.read(degrade.RAIN), 0.0)


def _room(take: Take, rng: Random) -> Take:
    return degrade.through(take, degrade.room(rng))


def _kitchen(take: Take, rng: Random) -> Take:
    return degrade.through(take, degrade.kitchen(int(rng.integers(1, 3))))


def _phone(take: Take, _: Random) -> Take:
    return degrade.phone_band(take)


def _telephone(take: Take, _: Random) -> Take:
    return degrade.through(take, degrade.telephone())


def _aac(take: Take, _: Random) -> Take:
    return degrade.coded(take, "aac")


def _opus(take: Take, _: Random) -> Take:
    return degrade.coded(take, "libopus")


def _all(take: Take, rng: Random) -> Take:
    for change in (_room, _noise, _phone, _drift, _drops):
        take = change(take, rng)
    return (_aac, _opus)[int(rng.integers(2))](take, rng)


SAME: dict[str, Degradation] = {
    "same": _plain,
    "same_drift": _drift,
    "same_drops": _drops,
    "same_noise": _noise,
    "same_room": _room,
    "same_kitchen": _kitchen,
    "same_phone": _phone,
    "same_telephone": _telephone,
    "same_aac": _aac,
    "same_opus": _opus,
    "same_all": _all,
}


def same_sound(rng: Random) -> Iterator[Case]:
    """The guide itself, recorded through each degradation and through all: thirty seconds from anywhere."""
    for family, change in SAME.items():
        guide = degrade.read(degrade.SONGS[int(rng.integers(len(degrade.SONGS)))])
        start = int(rng.integers(-5 * SECOND, len(guide) - 25 * SECOND))
        take = change(Take.of(guide, start, 30 * SECOND), rng)
        yield Case(family=family, take=take, guide=Guide(sound=guide))


def drift_at_20_db(rng: Random) -> Iterator[Case]:
    """A minute with noise 20 dB down and a clock that drifts."""
    guide = degrade.read(degrade.SONGS[int(rng.integers(2))])
    take = Take.of(guide, int(rng.integers(0, max(1, len(guide) - 60 * SECOND))), 60 * SECOND)
    noise = rng.normal(0, 0.1, 20 * SECOND).astype(np.float32)
    yield Case(
        family="drift_20db_60s",
        take=degrade.noisy(degrade.drifted(take, float(rng.uniform(-100, 100))), noise, 20.0),
        guide=Guide(sound=guide),
        drift_counts=True,
    )


def three_minutes() -> Audio:
    """The songs one after the other: a guide of four minutes."""
    return np.concatenate([degrade.read(song) for song in degrade.SONGS])


def bleed(rng: Random, levels_db: tuple[int, ...], seconds: int) -> Iterator[Case]:
    """A real singer over the guide's bleed."""
    for level_db in levels_db:
        guide = three_minutes() if seconds > 60 else degrade.read(degrade.SONGS[int(rng.integers(len(degrade.SONGS)))])
        start = int(rng.integers(-SECOND, len(guide) - seconds * SECOND))
        take = degrade.through(Take.of(guide, start, seconds * SECOND), degrade.headphone_leak(rng))
        take = degrade.drifted(take, float(rng.uniform(-60, 60)))
        take = degrade.under_voice(take, degrade.singing(len(take.sound), rng), level_db)
        take = degrade.noisy(take, degrade.read(degrade.RAIN), 55.0)
        due = level_db >= (-35 if seconds >= 180 else -30)
        yield Case(family=f"bleed{level_db}_{seconds}s", take=take, guide=Guide(sound=guide), due=due)


def clip_bleed(rng: Random) -> Iterator[Case]:
    """A phone's clip: a loudspeaker's bleed through a kitchen, dropped buffers, AAC. Harder than what is asked for."""
    for level_db in (-15, -25):
        guide = degrade.read(degrade.SONGS[int(rng.integers(2))])
        take = Take.of(guide, int(rng.integers(0, len(guide) - 40 * SECOND)), 40 * SECOND)
        take = degrade.drifted(_kitchen(take, rng), float(rng.uniform(-60, 60)))
        take = degrade.under_voice(take, degrade.singing(len(take.sound), rng), level_db)
        take = degrade.coded(degrade.some_drops(take, rng, 1), "aac", 64_000)
        yield Case(family=f"clip{level_db}_40s", take=take, guide=Guide(sound=guide), due=False)


def nothing_there(rng: Random) -> Iterator[Case]:
    """Wrong songs, singing without bleed, silence, noise and speech: nothing may be certain."""
    first, second = rng.permutation(len(degrade.SONGS))[:2]
    guide = Guide(sound=degrade.read(degrade.SONGS[first]))
    wrong = degrade.read(degrade.SONGS[second])
    samples = int(rng.integers(3, 60)) * SECOND
    speech = degrade.read(degrade.SPEECH[int(rng.integers(len(degrade.SPEECH)))])
    voice = degrade.singing(samples, rng)
    sounds = {
        "wrong_song": Take.of(wrong, int(rng.integers(-SECOND, max(1, len(wrong) - samples))), samples),
        "wrong_bleed": degrade.under_voice(Take.of(wrong, 0, samples), voice, -20),
        "no_bleed": Take(sound=voice),
        "silence": Take(sound=(10 ** float(rng.uniform(-8, -3)) * rng.normal(0, 1, samples)).astype(np.float32)),
        "digital_silence": Take(sound=np.zeros(samples, dtype=np.float32)),
        "speech": Take.of(speech, 0, min(samples, len(speech))),
    }
    for family, take in sounds.items():
        yield Case(family=family, take=take, guide=guide, truth_known=False, due=False)


def third_party(_: Random) -> Iterator[Case]:
    """Speech whose offset somebody else measured, in hops of 8 ms, through MP3, the second with noise."""
    guide = Guide(sound=degrade.read("bbc-offset/timbl_1.mp3"))
    for name, start_s in (("timbl_2", 12.254), ("timbl_3", 12.223)):
        take = Take(sound=degrade.read(f"bbc-offset/{name}.mp3"), positions=(start_s * SECOND,))
        yield Case(family=f"bbc_{name}", take=take, guide=guide, truth_ms=8.0)


def cases(long: bool, seed: int) -> Iterator[Case]:
    """Every case of a seed; a round of each family, with `long` many and bleed over three minutes at every level."""
    yield from third_party(np.random.default_rng(seed))
    for index in range(ROUNDS_LONG if long else 1):
        rng = np.random.default_rng([seed, index])
        yield from same_sound(rng)
        yield from drift_at_20_db(rng)
        yield from bleed(rng, BLEEDS_DB, 30)
        yield from bleed(rng, BLEEDS_DB if long else (-35, -45), 180)
        yield from clip_bleed(rng)
        for _ in range(3 if long else 1):
            yield from nothing_there(rng)
    yield from align_parts.cases(long, seed)


def run(long: bool, *, seed: int = SEED) -> Figures:
    """Align every case."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        outcomes: list[Outcome] = []
        waiting: deque[Future[Outcome]] = deque()
        for case in cases(long, seed):  # takes are made here while others are aligned, a few ahead of them
            waiting.append(pool.submit(aligned, case))
            if len(waiting) > AHEAD:
                outcomes.append(waiting.popleft().result())
        outcomes += [each.result() for each in waiting]
    return summary(outcomes)


def aligned(case: Case) -> Outcome:
    """One case, and what its process worked on it."""
    began = time.process_time()
    said = align(case.take.sound, case.guide, free_tempo=case.free_tempo)
    return judge(case, said, time.process_time() - began)


def summary(outcomes: list[Outcome]) -> Figures:
    """The figures over all and by family. `seconds_per_take_minute` is of one core while all are at work,
    decoding not included."""
    families = dict.fromkeys(outcome.family for outcome in outcomes)
    drifts = [outcome.drift_error_ppm for outcome in outcomes if outcome.drift_error_ppm >= 0]
    due = [outcome for outcome in outcomes if outcome.due]
    return {
        **figures(outcomes),
        "certain_rate_due": sum(outcome.certain for outcome in due) / max(1, len(due)),
        "drift_error_ppm_p95": float(np.quantile(drifts, 0.95)) if drifts else None,
        "families": {family: figures([o for o in outcomes if o.family == family]) for family in families},
    }


def figures(outcomes: list[Outcome]) -> Figures:
    """Counts and errors of some cases."""
    errors = [outcome.error_ms for outcome in outcomes if outcome.certain and not np.isnan(outcome.error_ms)]
    minutes = sum(outcome.take_seconds for outcome in outcomes) / 60
    return {
        "cases": len(outcomes),
        "error_ms_p50": float(np.quantile(errors, 0.5)) if errors else None,
        "error_ms_p95": float(np.quantile(errors, 0.95)) if errors else None,
        "error_ms_max": max(errors, default=None),
        "certain_rate": sum(outcome.certain for outcome in outcomes) / len(outcomes),
        "false_certain_rate": sum(outcome.falsely_certain for outcome in outcomes) / len(outcomes),
        "seconds_per_take_minute": sum(outcome.seconds for outcome in outcomes) / minutes,
    }
