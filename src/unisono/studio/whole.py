"""Whole: the voices that are to sound become a mix and files. The last two steps of a run, in the run's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
from msgspec import Struct

from unisono.core.mix import pans
from unisono.errors import DiskTrouble
from unisono.studio import files
from unisono.studio.deliver import deliver_mix
from unisono.studio.guides import GuideFacts, guide_sound
from unisono.studio.mixdown import Measured, Voice, measure, mix
from unisono.studio.outcome import Outcome, ProduceSettings, Production
from unisono.studio.performance import FileReport
from unisono.studio.pictures import shape
from unisono.studio.shares import OnShare, paced, weighed, within
from unisono.studio.steps import Cancelled, Teller, Work, fingerprint
from unisono.units import SAMPLE_RATE, Audio

STEMS_FOLDER = "stems"

Written = Future[tuple[FileReport, ...]]
_Write = Callable[[Audio, OnShare], tuple[FileReport, ...]]

_AFTER_LAST_SAMPLES = SAMPLE_RATE // 4
_VOICE_WEIGHT, _MASTER_WEIGHT = 1.0, 9.0
"""How long one voice and mastering all of them take against each other."""
_MIX_WEIGHT, _STEM_WEIGHT = 3.0, 1.0
"""How long a file of the mix, which is measured and may be written again, and one voice's files take."""
_LOOK_SECONDS = 0.2
_NOT_IN_NAMES = frozenset('/\\:*?"<>|')
_NAME_BYTES_MAX = 80


class _Mixed(Struct, frozen=True, kw_only=True):
    """What the mix is kept as, beside its sound. `voices`: (gain in dB, pan) of each."""

    lufs: float | None
    reduction_db: float
    voices: tuple[tuple[float, float], ...]
    shape: tuple[int, ...]


class _Filed(Struct, frozen=True, kw_only=True):
    """What files were written from the same sound with the same tags."""

    files: tuple[FileReport, ...]


def make_whole(
    outcomes: Sequence[Outcome],
    guide: GuideFacts,
    axis_samples: int,
    work: Work,
    out: Path,
    settings: ProduceSettings,
    tell: Teller,
    cancelled: Callable[[], bool],
) -> Production:
    """Mix what is `mixed` of `outcomes`, write it and every stem into `out`. Raises DiskTrouble, Cancelled."""
    sounding = [outcome for outcome in outcomes if outcome.state == "mixed"]
    samples = _length(sounding, guide)
    mixed, name = _Mixed(lufs=None, reduction_db=0.0, voices=(), shape=()), ""
    tags = {"title": guide.title, "artist": ", ".join(outcome.name for outcome in sounding)}
    tell("mix", "begun")
    with _Writers(work, out, cancelled) as writers:
        stems = [
            writers.stem(outcome, stem, {"title": guide.title, "artist": outcome.name})
            for outcome, stem in zip(sounding, stem_names([outcome.name for outcome in sounding]), strict=True)
        ]  # they are written while the mix is made: nothing of it is in them
        if sounding:
            name = fingerprint("mix", _mix_inputs(sounding), samples, guide.name, settings.mix, settings.keep_guide)
            kept = work.facts(name, _Mixed) if work.sound(name) is not None else None
            mixed = kept or _mix(sounding, samples, guide, work, name, settings, _told(tell, cancelled))
            tell("mix", "kept" if kept else "done")
        tell("files", "begun")
        mixes = [writers.mix(name, form, tags) for form in _slowest_first() if sounding]
        writers.wait(paced(lambda share: tell("files", "going", step_share=share)))
        written = [writers.result(each) for each in stems]
        reports = [file for each in mixes for file in writers.result(each)]
    order = [f"mix.{form.kind}" for form in files.MIX_FORMS]
    _leave_only(out, [file.name for file in (*reports, *(file for each in written for file in each))])
    tell("files", "done")
    done = {
        outcome.key: msgspec.structs.replace(outcome, gain_db=round(gain_db, 2), pan=round(pan, 3), files=stem_files)
        for outcome, (gain_db, pan), stem_files in zip(sounding, mixed.voices, written, strict=True)
    }
    return Production(
        guide=guide,
        settings=settings,
        clips=tuple(done.get(outcome.key, outcome) for outcome in outcomes),
        samples=samples,
        axis_samples=axis_samples,
        lufs=mixed.lufs,
        limiter_db=round(mixed.reduction_db, 2),
        files=tuple(sorted(reports, key=lambda file: order.index(file.name))),
        shape=mixed.shape,
        guide_shape=shape(guide_sound(guide, work)),
    )


def _told(tell: Teller, cancelled: Callable[[], bool]) -> OnShare:
    """Tells how far the mix is, and ends it when nobody wants it any more."""
    told = paced(lambda share: tell("mix", "going", step_share=share))

    def on_share(share: float) -> None:
        if cancelled():
            raise Cancelled
        told(share)

    return on_share


def _length(sounding: Sequence[Outcome], guide: GuideFacts) -> int:
    """The guide's length, or where the last voice behind it has died away."""
    last = max((outcome.report.heard[1] for outcome in sounding if outcome.report and outcome.report.heard), default=0)
    return max(guide.samples, last + _AFTER_LAST_SAMPLES) if guide.source != "performance" else guide.samples


def _mix_inputs(sounding: Sequence[Outcome]) -> list[tuple[str, str, bool]]:
    return [(o.report.voice if o.report else "", o.part, o.lead) for o in sounding]


def _mix(
    sounding: Sequence[Outcome],
    samples: int,
    guide: GuideFacts,
    work: Work,
    name: str,
    settings: ProduceSettings,
    on_share: OnShare,
) -> _Mixed:
    """The mix, kept in the work folder; voices stand from left to right in their order, as balconies do."""
    places = pans(len(sounding))
    voices: list[tuple[float, float]] = []
    *each, mastering = weighed(on_share, *[_VOICE_WEIGHT] * len(sounding), _MASTER_WEIGHT)

    def measured() -> Iterator[Measured]:
        for seat, (outcome, pan) in enumerate(zip(sounding, places, strict=True), start=1):
            assert outcome.report is not None
            sound = work.sound(outcome.report.voice)
            assert sound is not None, "what is mixed was kept"
            voice = Voice(seat=seat, sound=sound[:samples], pan=pan, leader=outcome.lead, part=outcome.part.casefold())
            found = measure(voice, settings.mix, on_share=within(each[seat - 1], 0.0, 0.5))
            voices.append((found.gain_db, pan))
            yield found

    backing: Audio | None = guide_sound(guide, work).mean(axis=1, dtype=np.float32) if settings.keep_guide else None
    mixed = mix(
        measured(),
        samples,
        backing=backing,
        count_in_samples=guide.count_in_samples,
        settings=settings.mix,
        on_share=mastering,
    )
    work.keep_sound(name, mixed.sound)
    facts = _Mixed(lufs=mixed.lufs, reduction_db=mixed.reduction_db, voices=tuple(voices), shape=shape(mixed.sound))
    work.keep_facts(name, facts)
    return facts


def _slowest_first() -> list[files.Form]:
    """The forms of the mix in an order in which several cores end at about the same time."""
    return sorted(files.MIX_FORMS, key=lambda form: form.lossless)


class _Writers:
    """Threads that write files, most of whose work is done by libraries; what was written before is left as it is."""

    def __init__(self, work: Work, out: Path, cancelled: Callable[[], bool]) -> None:
        self._work = work
        self._out = out
        self._cancelled = cancelled
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
        self._shares: dict[Written, tuple[float, list[float]]] = {}
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever is being written is left unwritten, unless all is done."""
        self._ended = True
        self._pool.shutdown(cancel_futures=True)

    def wait(self, on_share: OnShare) -> None:
        """Until everything is written, or one file could not be, telling how far that is. Raises Cancelled."""
        waiting: set[Written] = set(self._shares)
        while waiting and not any(each.done() and each.exception() for each in self._shares):
            if self._cancelled():
                raise Cancelled
            _, waiting = wait(waiting, _LOOK_SECONDS, FIRST_COMPLETED)
            if waiting:
                total = sum(weight for weight, _ in self._shares.values())
                on_share(sum(weight * share[0] for weight, share in self._shares.values()) / total)

    def result(self, written: Written) -> tuple[FileReport, ...]:
        """Wait for files. Raises DiskTrouble, Cancelled."""
        try:
            return written.result()
        except OSError as error:
            raise DiskTrouble(reason=str(error)) from error

    def mix(self, name: str, form: files.Form, tags: dict[str, str]) -> Written:
        """The mix of this name in one form."""

        def write(sound: Audio, on_share: OnShare) -> tuple[FileReport, ...]:
            return (deliver_mix(self._out, sound, form, tags, on_share=on_share),)

        return self._begin(_MIX_WEIGHT, name, fingerprint("files", name, form.kind, tags), write)

    def stem(self, outcome: Outcome, name: str, tags: dict[str, str]) -> Written:
        """A voice alone, as it is mixed but for its gain."""
        assert outcome.report is not None
        paths = [(f"{STEMS_FOLDER}/{name}.{form.kind}", form) for form in files.STEM_FORMS]

        def write(sound: Audio, on_share: OnShare) -> tuple[FileReport, ...]:
            for (path, form), told in zip(paths, weighed(on_share, *[1.0] * len(paths)), strict=True):
                files.write(self._out / path, sound, form, tags, on_share=told)
            sizes = [(self._out / path).stat().st_size for path, _ in paths]
            return tuple(
                FileReport(name=path, kind=form.kind, size_bytes=size)
                for (path, form), size in zip(paths, sizes, strict=True)
            )

        voice = outcome.report.voice
        return self._begin(_STEM_WEIGHT, voice, fingerprint("files", voice, name, tags), write)

    def _begin(self, weight: float, sound_name: str, name: str, write: _Write) -> Written:
        share = [0.0]

        def told(now: float) -> None:
            if self._ended or self._cancelled():
                raise Cancelled
            share[0] = now

        def once() -> tuple[FileReport, ...]:
            told(0.0)
            written = self._once(sound_name, name, write, told)
            share[0] = 1.0
            return written

        future = self._pool.submit(once)
        self._shares[future] = (weight, share)
        return future

    def _once(self, sound_name: str, name: str, write: _Write, on_share: OnShare) -> tuple[FileReport, ...]:
        """Files that are there as they were written, or written now."""
        kept = self._work.facts(name, _Filed)
        if kept is not None and all(_size_bytes(self._out / file.name) == file.size_bytes for file in kept.files):
            return kept.files
        sound = self._work.sound(sound_name)
        assert sound is not None, "what is written was kept"
        written = write(sound, on_share)
        self._work.keep_facts(name, _Filed(files=written))
        return written


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _leave_only(out: Path, names: Sequence[str]) -> None:
    """Delete mixes and stems of an earlier run that are none of this one's: nobody is to take them for its work."""
    kinds = {form.kind for form in (*files.MIX_FORMS, *files.STEM_FORMS)}
    mine = {out / name for name in names}
    for path in (*out.glob("mix.*"), *out.glob(f"{STEMS_FOLDER}/*")):
        if path.suffix[1:] in kinds and path not in mine:
            path.unlink(missing_ok=True)


def stem_names(names: Sequence[str]) -> list[str]:
    """File names for people's names: as they are, but for what no file system takes; numbered where they are alike."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = "".join("_" if c in _NOT_IN_NAMES or not c.isprintable() else c for c in name).strip(". ") or "_"
        while len(plain.encode()) > _NAME_BYTES_MAX:
            plain = plain[:-1]
        unlike, count = plain, 1
        while unlike.casefold() in taken:
            count += 1
            unlike = f"{plain} ({count})"
        taken.add(unlike.casefold())
        found.append(unlike)
    return found
