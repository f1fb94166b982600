"""Cases of `bench align` in free tempo: sung without a guide, in a key and a time of the singer's own.

The tempo wanders by a fifth and slows down at ends of lines; truth is the curve itself. Worst anywhere in the take, a
certain map counts as wrong from 300 ms on: a beat is at least 450 ms. What is sung to another song's guide, or is one
verse of many, must not be certain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench import degrade, part_scores
from bench.align_case import Case
from bench.degrade import Floats, Random, Take
from bench.singers import Singer, sung
from unisono.studio.guide import Guide, Note
from unisono.units import SAMPLE_RATE

SECOND = SAMPLE_RATE
WRONG_MS = 300.0
Notes = tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Free(Take):
    """A take in free tempo: its sample ours[i] belongs at theirs[i]."""

    ours: Floats
    theirs: Floats

    def guide_positions(self, samples: Floats) -> Floats:
        """Where samples of the take belong."""
        return np.asarray(np.interp(samples, self.ours, self.theirs))


def free(notes: Notes, rng: Random) -> Take:
    """Somebody who sings notes at leisure, until the last one has begun: when a breath ends it is not written down."""
    margin = SECOND // 5
    theirs = np.arange(notes[0].start - margin, notes[-1].start + margin, 480.0)
    along = (theirs - theirs[0]) / SECOND
    slow = float(rng.uniform(0.8, 1.3)) * np.ones(len(along))
    for period_s in (23.0, 9.0):
        slow *= 1 + float(rng.uniform(0, 0.1)) * np.sin(2 * np.pi * along / period_s + float(rng.uniform(0, 6)))
    ends = [note.start for note, after in pairwise(notes) if after.start - note.start > SECOND]
    for end in ends:
        slow *= 1 + float(rng.uniform(0, 0.3)) * np.exp(-np.square((theirs - end) / SECOND))
    ours = np.concatenate([[0.0], np.cumsum(slow[:-1] * 480.0)])
    key = float(rng.integers(-5, 6))
    starts, stops = (
        np.interp([getattr(note, edge) for note in notes], theirs, ours, right=float(ours[-1]) + SECOND)
        for edge in ("start", "stop")
    )
    wanted = tuple(
        Note(start=start, stop=stop, pitch=note.pitch + key)
        for start, stop, note in zip(starts.tolist(), stops.tolist(), notes, strict=True)
    )
    take: Take = Free(sound=sung(wanted, Singer.some(rng), int(ours[-1]), rng), ours=ours, theirs=theirs)
    take = degrade.through(take, degrade.room(rng, 0.3)) if rng.random() < 0.5 else take
    return degrade.noisy(take, degrade.read(degrade.RAIN), float(rng.choice([15, 25, 40])))


def _ode(part: str, rng: Random) -> Notes:
    return part_scores.ode(part, tempo_bpm=int(rng.integers(90, 126)), begin=2 * SECOND)


def cases(rng: Random, parts: tuple[str, ...]) -> Iterator[Case]:
    """Parts sung at leisure, and what has no map."""
    for part in parts:
        notes = _ode(part, rng)
        yield Case(
            family="free_tempo", take=free(notes, rng), guide=Guide(notes=notes), wrong_ms=WRONG_MS, free_tempo=True
        )
    notes = _ode(parts[0], rng)
    fugue = part_scores.written(part_scores.FUGUE["alto"], sixteenth_samples=12_000, begin=SECOND)
    verse = part_scores.written(part_scores.AVIGNON, sixteenth_samples=float(rng.uniform(5500, 7500)), begin=SECOND)
    many = part_scores.verses(verse, 3, SECOND)
    speech = degrade.read(degrade.SPEECH[int(rng.integers(len(degrade.SPEECH)))])[: 40 * SECOND]
    second = parts[1] if len(parts) > 1 else "alto"
    wrong = {
        "free_other_song": (free(fugue, rng), notes),
        "free_other_part": (free(_ode(second, rng), rng), notes),
        "free_real_other_song": (Take(sound=degrade.read(degrade.SINGER)), notes),
        "free_one_verse": (free(verse, rng), many),
        "free_speech": (Take(sound=speech), notes),
    }
    for family, (take, wanted) in wrong.items():
        yield Case(family=family, take=take, guide=Guide(notes=wanted), truth_known=False, due=False, free_tempo=True)
