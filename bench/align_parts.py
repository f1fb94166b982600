"""Cases of `bench align` for takes in which no guide is to be heard: placed by what they sing, or by count-in claps.

Singers are a real one (vocadito) and people of arithmetic (bench/singers.py), who are late and early, out of tune and
sometimes wrong. A certain answer is counted false from 50 ms on: further off than people sing; how many are within
25 ms is what `error_ms_p95` says. Where a take sings another part than its guide's, another song, or one verse of many
that are the same, nothing may be certain. A voice of a strict canon against another voice's guide is none of these: it
sings that other voice's notes, and nothing in it says that it does so later. Claps and free tempo have files of their
own (bench/align_claps.py, bench/align_warps.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench import align_claps, align_warps, degrade, part_scores
from bench.align_case import Case
from bench.degrade import Random, Take
from bench.singers import Singer, sung
from unisono.studio.guide import Guide, Note
from unisono.units import SAMPLE_RATE, Audio

SECOND = SAMPLE_RATE
PARTS = ("soprano", "alto", "tenor", "bass")
WRONG_MS = 50.0
ROUNDS_LONG = 10
Notes = tuple[Note, ...]


def _homophonic(rng: Random) -> dict[str, Notes]:
    """The four parts of the Ode to Joy in some key and tempo, behind a count-in."""
    tempo, key = int(rng.integers(76, 126)), int(rng.integers(-3, 4))
    begin = int(8 * 60 * SECOND / tempo)
    return {part: part_scores.ode(part, tempo_bpm=tempo, key=key, begin=begin) for part in PARTS}


def _fugue(rng: Random) -> dict[str, Notes]:
    """The voices of the fugue."""
    sixteenth, key = float(rng.uniform(0.2, 0.3)) * SECOND, int(rng.integers(-3, 4))
    return {
        part: part_scores.written(text, sixteenth_samples=sixteenth, key=key, begin=SECOND)
        for part, text in part_scores.FUGUE.items()
    }


def _recorded(sound: Audio, start: int, rng: Random, samples: int | None = None) -> Take:
    """What a phone makes of a voice from position `start` on: a room, a clock, noise, a codec, or some of these."""
    take = Take.of(sound, start, samples or len(sound) - start + int(rng.integers(0, 2 * SECOND)))
    if rng.random() < 0.5:
        take = degrade.through(take, degrade.room(rng, float(rng.uniform(0.2, 0.5))))
    take = degrade.drifted(take, float(rng.uniform(-60, 60)))
    take = degrade.noisy(take, degrade.read(degrade.RAIN), float(rng.choice([15, 25, 40])))
    if rng.random() < 0.3:
        take = degrade.phone_band(take)
    return degrade.coded(take, str(rng.choice(["aac", "libopus"]))) if rng.random() < 0.5 else take


def _voice(notes: Notes, rng: Random) -> Audio:
    """Somebody singing notes, up to a second after the last one."""
    return sung(notes, Singer.some(rng), int(notes[-1].stop) + SECOND, rng)


def own_part(rng: Random, parts: tuple[str, ...] = PARTS) -> Iterator[Case]:
    """Each part of a homophonic song against its own notes: whole, a clip out of it, an octave off, to a recording."""
    for part in parts:
        notes = _homophonic(rng)[part]
        start = int(rng.integers(-3 * SECOND, int(notes[0].start)))
        take = _recorded(_voice(notes, rng), start, rng)
        yield Case(family="part", take=take, guide=Guide(notes=notes), wrong_ms=WRONG_MS)
        notes = _homophonic(rng)[part]
        length = int(rng.uniform(12, 24)) * SECOND
        start = int(rng.uniform(notes[0].start, notes[-1].stop - length))
        take = _recorded(_voice(notes, rng), start, rng, length)
        yield Case(family="part_clip", take=take, guide=Guide(notes=notes), wrong_ms=WRONG_MS, due=False)
        notes = _homophonic(rng)[part]
        sounding = part_scores.moved(notes, 0, -12 if part in ("soprano", "alto") else 12)
        take = _recorded(_voice(sounding, rng), int(rng.integers(0, SECOND)), rng)
        yield Case(family="part_octave", take=take, guide=Guide(notes=notes), wrong_ms=WRONG_MS)
        notes = _homophonic(rng)[part]
        take = _recorded(_voice(notes, rng), int(rng.integers(-SECOND, SECOND)), rng)
        yield Case(family="part_recorded", take=take, guide=Guide(part=_voice(notes, rng)), wrong_ms=WRONG_MS)


def own_voice(rng: Random) -> Iterator[Case]:
    """Each voice of the fugue against its own notes."""
    for notes in _fugue(rng).values():
        take = _recorded(_voice(notes, rng), int(rng.integers(-SECOND, SECOND)), rng)
        yield Case(family="part_fugue", take=take, guide=Guide(notes=notes), wrong_ms=WRONG_MS)


def real_singer(rng: Random) -> Iterator[Case]:
    """vocadito against what its annotators wrote down: whole, and a part of it."""
    whole = degrade.read(degrade.SINGER)
    for annotator in ("A1", "A2"):
        notes = part_scores.annotated(annotator)
        late = int(rng.integers(0, 20 * SECOND))
        guide = Guide(notes=part_scores.moved(notes, late))
        for family, start, samples in (
            ("vocadito", int(rng.integers(-5 * SECOND, SECOND // 2)), None),
            ("vocadito_clip", int(rng.integers(0, 15 * SECOND)), 15 * SECOND),
        ):
            take = _recorded(np.pad(whole, (late, 0)), late + start, rng, samples)
            yield Case(family=family, take=take, guide=guide, wrong_ms=WRONG_MS, due=samples is None)


def not_to_be_found(rng: Random) -> Iterator[Case]:
    """Other parts, other songs, one verse of many, speech, noise: nothing may be certain."""
    song, fugue = _homophonic(rng), _fugue(rng)
    for family, voices in (("other_part", song), ("other_voice", fugue)):
        ours, theirs = rng.permutation(list(voices))[:2]
        guide = Guide(notes=voices[theirs])
        yield _nowhere(family, _voice(voices[ours], rng), guide, rng)
    ours, theirs = rng.permutation(list(PARTS))[:2]
    yield _nowhere("other_part_recorded", _voice(song[ours], rng), Guide(part=_voice(song[theirs], rng)), rng)
    yield _nowhere("other_song", degrade.read(degrade.SINGER), Guide(notes=song[ours]), rng)
    yield _nowhere("other_song", _voice(song[ours], rng), Guide(notes=part_scores.annotated("A1")), rng)
    yield _nowhere("other_song", _voice(fugue["alto"], rng), Guide(notes=song[ours]), rng)
    verse = part_scores.written(part_scores.AVIGNON, sixteenth_samples=float(rng.uniform(5500, 7500)), begin=SECOND)
    guide = Guide(notes=part_scores.verses(verse, int(rng.integers(2, 5)), 2 * SECOND))
    yield _nowhere("one_verse", _voice(verse, rng), guide, rng)
    speech = degrade.read(degrade.SPEECH[int(rng.integers(len(degrade.SPEECH)))])[: 40 * SECOND]
    yield _nowhere("speech_for_part", speech, Guide(notes=song[ours]), rng)
    band = degrade.read(degrade.SONGS[int(rng.integers(len(degrade.SONGS)))])[: 40 * SECOND]
    yield _nowhere("band_for_part", band, Guide(notes=song[ours]), rng)


def _nowhere(family: str, sound: Audio, guide: Guide, rng: Random) -> Case:
    """A take that has no place."""
    take = _recorded(sound, int(rng.integers(-SECOND, SECOND)), rng)
    return Case(family=family, take=take, guide=guide, truth_known=False, due=False, wrong_ms=WRONG_MS)


def cases(long: bool, seed: int) -> Iterator[Case]:
    """Every case of a seed, as bench/align.py has them."""
    for index in range(ROUNDS_LONG if long else 1):
        rng = np.random.default_rng([seed, index, 2])
        yield from own_part(rng, PARTS if long else ("soprano", "bass"))
        yield from own_voice(rng)
        yield from real_singer(rng)
        yield from not_to_be_found(rng)
        for _ in range(2 if long else 1):
            yield from align_claps.clapped(rng)
            yield from align_claps.not_clapped(rng)
        yield from align_warps.cases(rng, PARTS if long else ("soprano",))
