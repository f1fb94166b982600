"""Whole: the voices that are to sound become a mix and files. The last two steps of a run, in the run's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

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
from unisono.studio.steps import Cancelled, Teller, Work, fingerprint
from unisono.units import SAMPLE_RATE, Audio

STEMS_FOLDER = "stems"

_AFTER_LAST_SAMPLES = SAMPLE_RATE // 4
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
    tell("mix", "begun")
    if sounding:
        name = fingerprint("mix", _mix_inputs(sounding), samples, guide.name, settings.mix, settings.keep_guide)
        kept = work.facts(name, _Mixed) if work.sound(name) is not None else None
        mixed = kept or _mix(sounding, samples, guide, work, name, settings)
        tell("mix", "kept" if kept else "done")
    if cancelled():
        raise Cancelled
    done = {
        outcome.key: msgspec.structs.replace(outcome, gain_db=round(gain_db, 2), pan=round(pan, 3))
        for outcome, (gain_db, pan) in zip(sounding, mixed.voices, strict=True)
    }
    tell("files", "begun")
    stems, reports = _files(list(done.values()), name, guide, work, out, cancelled)
    tell("files", "done")
    done = {key: msgspec.structs.replace(outcome, files=stems[key]) for key, outcome in done.items()}
    return Production(
        guide=guide,
        settings=settings,
        clips=tuple(done.get(outcome.key, outcome) for outcome in outcomes),
        samples=samples,
        axis_samples=axis_samples,
        lufs=mixed.lufs,
        limiter_db=round(mixed.reduction_db, 2),
        files=reports,
        shape=mixed.shape,
        guide_shape=shape(guide_sound(guide, work)),
    )


def _length(sounding: Sequence[Outcome], guide: GuideFacts) -> int:
    """The guide's length, or where the last voice behind it has died away."""
    last = max((outcome.report.heard[1] for outcome in sounding if outcome.report and outcome.report.heard), default=0)
    return max(guide.samples, last + _AFTER_LAST_SAMPLES) if guide.source != "performance" else guide.samples


def _mix_inputs(sounding: Sequence[Outcome]) -> list[tuple[str, str, bool]]:
    return [(o.report.voice if o.report else "", o.part, o.lead) for o in sounding]


def _mix(
    sounding: Sequence[Outcome], samples: int, guide: GuideFacts, work: Work, name: str, settings: ProduceSettings
) -> _Mixed:
    """The mix, kept in the work folder; voices stand from left to right in their order, as balconies do."""
    places = pans(len(sounding))
    voices: list[tuple[float, float]] = []

    def measured() -> Iterator[Measured]:
        for seat, (outcome, pan) in enumerate(zip(sounding, places, strict=True), start=1):
            assert outcome.report is not None
            sound = work.sound(outcome.report.voice)
            assert sound is not None, "what is mixed was kept"
            voice = Voice(seat=seat, sound=sound[:samples], pan=pan, leader=outcome.lead, part=outcome.part.casefold())
            found = measure(voice, settings.mix)
            voices.append((found.gain_db, pan))
            yield found

    backing: Audio | None = guide_sound(guide, work).mean(axis=1, dtype=np.float32) if settings.keep_guide else None
    mixed = mix(measured(), samples, backing=backing, count_in_samples=guide.count_in_samples, settings=settings.mix)
    work.keep_sound(name, mixed.sound)
    facts = _Mixed(lufs=mixed.lufs, reduction_db=mixed.reduction_db, voices=tuple(voices), shape=shape(mixed.sound))
    work.keep_facts(name, facts)
    return facts


def _files(
    sounding: Sequence[Outcome], mix_name: str, guide: GuideFacts, work: Work, out: Path, cancelled: Callable[[], bool]
) -> tuple[dict[str, tuple[FileReport, ...]], tuple[FileReport, ...]]:
    """Every stem and every form of the mix, a few at a time; what was written before is left as it is."""
    names = stem_names([outcome.name for outcome in sounding])
    singers = ", ".join(outcome.name for outcome in sounding)
    jobs: list[Callable[[], tuple[FileReport, ...]]] = []
    if mix_name:
        tags = {"title": guide.title, "artist": singers}
        # The longest first: two cores end at about the same time.
        forms = sorted(files.MIX_FORMS, key=lambda form: form.lossless)
        jobs += [partial(_mix_file, work, out, mix_name, form, tags) for form in forms]
    for outcome, name in zip(sounding, names, strict=True):
        jobs.append(partial(_stem_files, work, out, outcome, name, {"title": guide.title, "artist": outcome.name}))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        pending = [pool.submit(_unless, cancelled, job) for job in jobs]
        try:
            written = [each.result() for each in pending]
        except OSError as error:
            raise DiskTrouble(reason=str(error)) from error
        finally:
            for each in pending:
                each.cancel()
    mixes = written[: len(jobs) - len(sounding)]
    order = [f"mix.{form.kind}" for form in files.MIX_FORMS]
    reports = sorted((file for each in mixes for file in each), key=lambda file: order.index(file.name))
    _leave_only(out, [file.name for each in written for file in each])
    stems = {outcome.key: each for outcome, each in zip(sounding, written[len(mixes) :], strict=True)}
    return stems, tuple(reports)


def _unless(cancelled: Callable[[], bool], job: Callable[[], tuple[FileReport, ...]]) -> tuple[FileReport, ...]:
    if cancelled():
        raise Cancelled
    return job()


def _mix_file(work: Work, out: Path, mix_name: str, form: files.Form, tags: dict[str, str]) -> tuple[FileReport, ...]:
    def write() -> tuple[FileReport, ...]:
        sound = work.sound(mix_name)
        assert sound is not None
        return (deliver_mix(out, sound, form, tags),)

    return _once(work, out, fingerprint("files", mix_name, form.kind, tags), write)


def _stem_files(work: Work, out: Path, outcome: Outcome, name: str, tags: dict[str, str]) -> tuple[FileReport, ...]:
    assert outcome.report is not None
    voice = outcome.report.voice

    def write() -> tuple[FileReport, ...]:
        sound = work.sound(voice)
        assert sound is not None
        paths = [(f"{STEMS_FOLDER}/{name}.{form.kind}", form) for form in files.STEM_FORMS]
        for path, form in paths:
            files.write(out / path, sound, form, tags)
        return tuple(
            FileReport(name=path, kind=form.kind, size_bytes=(out / path).stat().st_size) for path, form in paths
        )

    return _once(work, out, fingerprint("files", voice, name, tags), write)


def _once(work: Work, out: Path, name: str, write: Callable[[], tuple[FileReport, ...]]) -> tuple[FileReport, ...]:
    """Files that are there as they were written, or written now."""
    kept = work.facts(name, _Filed)
    if kept is not None and all(_size_bytes(out / file.name) == file.size_bytes for file in kept.files):
        return kept.files
    written = write()
    work.keep_facts(name, _Filed(files=written))
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
