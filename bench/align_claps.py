"""Cases of `bench align` with count-in claps: real claps on the beat or by hands, in rooms, among speech and singing.

Hands are 8 ms off at random, and a take of theirs counts as wrong from 15 ms on; what a loudspeaker plays counts as all
that is exact does, from 5 ms on. Where a single clap, a steady beat or no clap is heard, nothing may be certain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench import degrade
from bench.align_case import Case
from bench.degrade import Random, Take
from unisono.studio.guide import Guide
from unisono.units import SAMPLE_RATE, Audio

SECOND = SAMPLE_RATE
CLAP = "fluidr3/clap_stereo.flac"
HANDS_MS, HANDS_WRONG_MS = 8.0, 15.0


def clapped(rng: Random) -> Iterator[Case]:
    """A count-in heard from a loudspeaker, one clapped along, and one of which the beginning is missing."""
    for family, hands_ms in (("claps_heard", 0.0), ("claps_hands", HANDS_MS)):
        beats = _beats(rng)
        start = int(rng.integers(-6 * SECOND, 0))
        take = _clapped(beats, start, hands_ms, rng)
        yield _case(family, take, beats, HANDS_WRONG_MS if hands_ms else 5.0, due=True)
    beats = _beats(rng)
    take = _clapped(beats, int(beats[0] + rng.uniform(1.2, 2.8) * (beats[1] - beats[0])), 0.0, rng)
    yield _case("claps_cut_off", take, beats, 5.0, due=False)


def not_clapped(rng: Random) -> Iterator[Case]:
    """One clap, a steady beat, a drum loop, speech and singing without claps, applause."""
    beats = _beats(rng)
    step = beats[1] - beats[0]
    steady = np.arange(0, 20 * SECOND, step) + float(rng.uniform(0, step))
    speech = degrade.read(degrade.SPEECH[int(rng.integers(len(degrade.SPEECH)))])
    loops = ("loop_amen_full", "loop_breakbeat", "loop_compus", "loop_tabla")
    loop = degrade.read(f"sonic-pi/{loops[int(rng.integers(len(loops)))]}.flac")
    sounds = {
        "one_clap": _laid(steady[3:4], 20 * SECOND) + 0.3 * degrade.singing(20 * SECOND, rng),
        "steady_beat": _laid(steady, 20 * SECOND),
        "drum_loop": np.resize(loop, 20 * SECOND),
        "no_clap_speech": speech[: 20 * SECOND],
        "no_clap_singing": degrade.singing(20 * SECOND, rng),
        "applause": np.resize(degrade.read("fluidr3/applause.flac"), 20 * SECOND),
    }
    for family, sound in sounds.items():
        take = _around(Take(sound=sound.astype(np.float32)), rng)
        yield Case(family=family, take=take, guide=Guide(claps=tuple(beats)), truth_known=False, due=False)


def _beats(rng: Random) -> list[float]:
    """A count-in of one or two bars."""
    step = 60 / float(rng.uniform(70, 130)) * SECOND
    return [step * i for i in range(int(rng.choice([4, 8])))]


def _laid(at: np.ndarray[tuple[int], np.dtype[np.float64]], samples: int) -> Audio:
    """The real clap at some samples, to the whole sample, by its direct arrival."""
    clap = degrade.read(CLAP)[: SECOND // 4]
    clap = clap[degrade.onset(clap.astype(np.float64)) :] / np.abs(clap).max()
    sound = np.zeros(samples + len(clap), dtype=np.float32)
    for each in at:
        if 0 <= each < samples:
            sound[round(float(each)) :][: len(clap)] += clap
    return sound[:samples]


def _clapped(beats: list[float], start: int, hands_ms: float, rng: Random) -> Take:
    """A take from guide position `start` on: somebody talks, claps, sings."""
    samples = int(beats[-1] - start + rng.uniform(8, 20) * SECOND)
    at = np.array(beats) - start + rng.normal(0, 1, len(beats)) * hands_ms * SECOND / 1000
    sound = 0.6 * _laid(np.round(at) if hands_ms else at, samples)
    after = int(beats[-1] - start + SECOND)
    voice = degrade.singing(samples - after, rng)
    sound[after:] += np.float32(0.2 / degrade.level(voice)) * voice
    if start < -3 * SECOND:
        speech = degrade.read(degrade.SPEECH[int(rng.integers(len(degrade.SPEECH)))])
        said = speech[: -start - SECOND]
        sound[: len(said)] += np.float32(0.1 / degrade.level(said)) * said
    return _around(Take(sound=sound, positions=(float(start),)), rng)


def _around(take: Take, rng: Random) -> Take:
    """In a room, with rain at the window, through a codec, or some of these."""
    if rng.random() < 0.5:
        take = degrade.through(take, degrade.room(rng, float(rng.uniform(0.2, 0.5))))
    take = degrade.noisy(take, degrade.read(degrade.RAIN), float(rng.choice([15, 25, 40])))
    return degrade.coded(take, str(rng.choice(["aac", "libopus"]))) if rng.random() < 0.5 else take


def _case(family: str, take: Take, beats: list[float], wrong_ms: float, *, due: bool) -> Case:
    return Case(family=family, take=take, guide=Guide(claps=tuple(beats)), wrong_ms=wrong_ms, due=due)
