"""Clip: one recording that somebody made elsewhere, from its file to a voice in its place.

    decode -> align -> clean (with the guide known, in place) -> measure

Each step's result is kept in the work folder under its fingerprint. Runs in a worker process (`hand.py`, `worker.py`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from unisono.studio import align as aligning
from unisono.studio import clean as cleaning
from unisono.studio.alignment import Alignment, at_offset
from unisono.studio.confined import take_in_now
from unisono.studio.decoded import Decoded, TakeIn, decode_name, decoded, is_decoded
from unisono.studio.facts import Fact
from unisono.studio.guides import GuideFacts, guide_for, guide_sound
from unisono.studio.heard import heard_in, silences
from unisono.studio.mixdown import Voice, measure
from unisono.studio.pictures import shape
from unisono.studio.retime import placed
from unisono.studio.shares import OnShare, paced, weighed
from unisono.studio.steps import State, Step, Work, content_hash, fingerprint
from unisono.studio.take import TakeFacts
from unisono.units import SAMPLE_RATE, Audio

S = TypeVar("S", bound=Struct)

OnStep = Callable[[Step, State, float], None]
"""Told each step, its state, and the clip's length in seconds as far as it is known (else 0)."""

OnStepShare = Callable[[Step, float], None]
"""Told how far a step under way is, 0..1."""

AGREE_SAMPLES = SAMPLE_RATE // 20
"""Two parts that a take is tried against say the same if their offsets are this near."""

_ALIGN_WEIGHTS = (2.0, 0.25)
"""How long looking at a take by the guide as a whole and, for the few that need it, by each part take to each other."""
_CLEAN_WEIGHTS = (1.0, 10.0, 1.0)
"""How long laying a take in its place, cleaning it and keeping what comes of it take against each other."""
_MEASURE_WEIGHTS = (4.0, 1.0, 1.0, 2.0)
"""How long weighing a voice, finding where it sounds and is silent, and drawing it take against each other."""

LEAK_DB_MAX = 0.0
"""A guide louder in a take than all else has not leaked into it: the take is a recording of it, and stays whole."""


class Clip(Struct, frozen=True, kw_only=True):
    """A recording and what is known of it beforehand.

    key: its name in this run, unlike any other's. part: the part of the piece that was sung, empty if nobody said so.
    place_samples: where a person placed its sample 0 on the guide's axis. clock_samples: where a clock that it shared
    with the guide says that it stands. stamped: each of its samples was, as it was sung: the clock has the only word.
    town, flag: where they sing and what hangs from their window in a film (film/brief.py).
    """

    key: str
    path: str
    name: str = ""
    part: str = ""
    place_samples: float | None = None
    clock_samples: float | None = None
    stamped: bool = False
    lead: bool = False
    town: str = ""
    flag: str = ""


class ClipSettings(Struct, frozen=True, kw_only=True):
    """How clips are worked on. free_tempo: they were not sung to the guide's own time. samples: the axis's length."""

    samples: int
    clean: cleaning.CleanSettings = field(default_factory=cleaning.CleanSettings)
    free_tempo: bool = False


class ClipReport(Struct, frozen=True, kw_only=True):
    """What was found out about a clip and done to it.

    voice: the name of its sound in the work folder: float32, shape (samples, channels), on the guide's axis. alignment
    is what it was placed by, guess what was found without a person (they differ where one placed it). heard: guide
    positions [start, stop) between which it sounds, None for nowhere; silent: where it does not although the guide
    does. quiet: there is nothing to hear in the take itself, wherever it stands. before, after: peaks for the pictures,
    of the take on its own axis and of the voice on the guide's.
    """

    key: str
    voice: str
    take: TakeFacts
    alignment: Alignment
    guess: Alignment
    part: str
    cleaned: tuple[Fact, ...]
    lufs: float | None
    quiet: bool
    clipped: bool
    heard: tuple[int, int] | None
    silent: tuple[tuple[int, int], ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


class _Found(Struct, frozen=True, kw_only=True):
    """What aligning is kept as."""

    alignment: Alignment
    part: str


class _Done(Struct, frozen=True, kw_only=True):
    """What cleaning is kept as, beside its sound."""

    did: tuple[Fact, ...]


class Names(Struct, frozen=True, kw_only=True):
    """The names of all results of one clip."""

    decode: str
    align: str
    clean: str
    measure: str


def names_of(clip: Clip, guide: GuideFacts, settings: ClipSettings) -> Names:
    """What each step's result will be called: a hash of all that decides it. Raises OSError."""
    decode = decode_name(content_hash(Path(clip.path)))
    align = fingerprint("align", decode, guide, clip.part, clip.clock_samples, clip.stamped, settings.free_tempo)
    clean = fingerprint("clean", align, clip.place_samples, settings.clean, settings.samples)
    return Names(decode=decode, align=align, clean=clean, measure=fingerprint("measure", clean))


def kept_report(names: Names, work: Work) -> ClipReport | None:
    """The report of a clip that has been through all steps before, with its sound; else None."""
    report = work.facts(names.measure, ClipReport)
    if report is None or work.sound(report.voice) is None:
        return None
    work.use([names.decode, names.align, names.clean])
    return report


def analyse(
    clip: Clip,
    guide: GuideFacts,
    work: Work,
    settings: ClipSettings,
    on_step: OnStep = lambda *_: None,
    *,
    take_in: TakeIn = take_in_now,
    on_share: OnStepShare = lambda *_: None,
) -> ClipReport:
    """One clip through all steps; what is finished is not done again. Raises UserError for what is no take, OSError.

    on_share: hears how far a step under way is, 0..1, a few times a second.
    """
    return _Analysis(clip, guide, work, settings, on_step, take_in, on_share).run()


class _Analysis:
    """One clip on its way."""

    def __init__(
        self,
        clip: Clip,
        guide: GuideFacts,
        work: Work,
        settings: ClipSettings,
        on_step: OnStep,
        take_in: TakeIn,
        on_share: OnStepShare,
    ) -> None:
        self._clip = clip
        self._guide = guide
        self._work = work
        self._settings = settings
        self._on_step = on_step
        self._take_in = take_in
        self._on_share = on_share
        self._names = names_of(clip, guide, settings)
        self._seconds = 0.0

    def run(self) -> ClipReport:
        self._on_step("decode", "begun", 0.0)
        was_there = is_decoded(self._work, self._names.decode)
        take = decoded(
            Path(self._clip.path),
            self._work,
            name=self._names.decode,
            take_in=self._take_in,
            on_progress=self._told("decode"),
        )
        self._seconds = len(take.sound) / SAMPLE_RATE
        self._on_step("decode", "kept" if was_there else "done", self._seconds)
        found = self._step("align", self._names.align, _Found, lambda: self._aligned(take.sound))
        stands = found.alignment
        if self._clip.place_samples is not None:
            stands = at_offset(len(take.sound), self._clip.place_samples, method="person")
        whole = self._work.sound(self._names.clean) is not None
        done = self._step("clean", self._names.clean, _Done, lambda: self._cleaned(take.sound, stands), again=not whole)
        return self._step(
            "measure", self._names.measure, ClipReport, lambda: self._measured(take, found, stands, done.did)
        )

    def _told(self, step: Step) -> OnShare:
        return paced(lambda share: self._on_share(step, share))

    def _step(self, step: Step, name: str, kind: type[S], do: Callable[[], S], *, again: bool = False) -> S:
        """What was kept of a step, or what doing it gives."""
        kept = None if again else self._work.facts(name, kind)
        if kept is not None:
            self._on_step(step, "kept", self._seconds)
            return kept
        self._on_step(step, "begun", self._seconds)
        result = do()
        self._work.keep_facts(name, result)
        self._on_step(step, "done", self._seconds)
        return result

    def _aligned(self, sound: Audio) -> _Found:
        """By the guide as a whole; a take left in doubt by this is tried against every part, if nobody said which."""
        if self._clip.stamped and self._clip.clock_samples is not None:
            return _Found(alignment=at_offset(len(sound), self._clip.clock_samples), part=self._clip.part)
        own = self._guide.part(self._clip.part)
        parts = () if own is not None else self._guide.parts
        first_weight, part_weight = _ALIGN_WEIGHTS
        told, *part_told = weighed(self._told("align"), first_weight, *[part_weight] * len(parts))
        known = aligning.Known()
        first = self._ask(sound, own.name if own else "", known, told)
        if first.certain or not parts:
            return _Found(alignment=first, part=own.name if own else self._clip.part)
        tried = [
            (self._ask(sound, part.name, known, told), part.name) for part, told in zip(parts, part_told, strict=True)
        ]
        best, part = max(tried, key=lambda pair: (pair[0].certain, pair[0].confidence))
        certain = [alignment for alignment, _ in tried if alignment.certain]
        if any(abs(other.offset_samples - best.offset_samples) > AGREE_SAMPLES for other in certain):
            best = dataclasses.replace(best, certain=False)  # two parts, two places: a person has to say
        if best.confidence <= first.confidence and not best.certain:
            return _Found(alignment=first, part=self._clip.part)
        return _Found(alignment=best, part=part if best.certain else self._clip.part)

    def _ask(self, sound: Audio, part: str, known: aligning.Known, told: OnShare) -> Alignment:
        return aligning.align(
            sound,
            guide_for(self._guide, self._work, part),
            clock_offset_samples=self._clip.clock_samples,
            free_tempo=self._settings.free_tempo,
            known=known,
            on_share=told,
        )

    def _cleaned(self, sound: Audio, stands: Alignment) -> _Done:
        """The voice in its place and cleaned, kept in the work folder."""
        laying, working, keeping = weighed(self._told("clean"), *_CLEAN_WEIGHTS)
        laying(0.0)
        laid = placed(sound, stands, self._settings.samples)
        is_guide = any((one.bleed_db or -math.inf) > LEAK_DB_MAX for one in stands.estimates)
        guide = None if is_guide else guide_sound(self._guide, self._work)
        cleaned = cleaning.clean(laid, self._settings.clean, guide=guide, on_share=working)
        keeping(0.0)
        self._work.keep_sound(self._names.clean, cleaned.sound)
        return _Done(did=cleaned.did)

    def _measured(self, take: Decoded, found: _Found, stands: Alignment, did: tuple[Fact, ...]) -> ClipReport:
        voice = self._work.sound(self._names.clean)
        assert voice is not None, "it was kept a moment ago"
        weighing, hearing, missing, drawing = weighed(self._told("measure"), *_MEASURE_WEIGHTS)
        measured = measure(Voice(seat=0, sound=voice), on_share=weighing)
        hearing(0.0)
        quiet = measured.quiet and measure(Voice(seat=0, sound=take.sound)).quiet
        heard = None if measured.quiet else heard_in(voice)
        missing(0.0)
        silent = silences(voice, guide_sound(self._guide, self._work))
        drawing(0.0)
        return ClipReport(
            key=self._clip.key,
            voice=self._names.clean,
            take=take.facts,
            alignment=stands,
            guess=found.alignment,
            part=found.part,
            cleaned=did,
            lufs=measured.lufs,
            quiet=quiet,
            clipped=measured.clipped,
            heard=heard,
            silent=silent,
            before=shape(take.sound),
            after=shape(voice),
        )
