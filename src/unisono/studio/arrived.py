"""Arrived: one take in a performance's folder goes through the steps of a clip; what the page shows is left beside it.

The folder is described in `takes.py`. The take's work lies inside its own folder, so that whoever deletes the take
deletes every trace of it; only the guide is shared.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from unisono.config import Settings
from unisono.errors import DiskTrouble, TakeEmpty, TakeUnreadable
from unisono.store.stems import read_packets
from unisono.studio import files
from unisono.studio.clip import Clip, ClipReport, ClipSettings, analyse, names_of
from unisono.studio.decoded import decoded
from unisono.studio.guides import GuideFacts, guide_sound, performance_guide
from unisono.studio.outcome import Outcome, state_of
from unisono.studio.performance import read_performance
from unisono.studio.pictures import shape
from unisono.studio.report import lags_picture, said_of, shown_in_lags, shown_in_waves, waves_picture
from unisono.studio.shares import OnShare, paced, weighed
from unisono.studio.stem import decode_stem
from unisono.studio.steps import Course, State, Step, Teller, Told, Work, write_whole
from unisono.studio.takes import (
    LISTEN_FILE,
    REPORT_FILE,
    VOICE_FILE,
    Said,
    TakeFacts,
    TakeReport,
    picture_file,
    read_take,
    take_folder,
    write_placed,
)
from unisono.units import SAMPLE_RATE, span
from unisono.web.i18n import LANGUAGES

WORK_FOLDER = "work"
STEM_SOUND = "stem.wav"
_TOLD_AS_MARKS = ("gaps", "broken", "cut_off", "no_sound")
_GUESSED_SECONDS = 60.0
_FILE_WEIGHTS = (1.0, 4.0)
"""How long the voice, without loss, and the copy that is listened to take to write against each other."""


def analyse_take(performance: Path, take: str, on_told: Callable[[Told], None]) -> TakeReport:
    """Work on one take of the performance in a folder, and leave its files. What is finished is not done again.

    Raises UserError for what is no recording, MixFailed for what is no performance, DiskTrouble.
    """
    began = time.monotonic()
    folder = take_folder(performance, take)
    facts = read_take(folder)
    if facts is None or not (folder / facts.original).is_file():
        raise TakeEmpty
    (folder / REPORT_FILE).unlink(missing_ok=True)
    work = Work(folder / WORK_FOLDER)
    work.clear_parts()
    seconds = read_performance(performance).span.samples / SAMPLE_RATE
    whole_steps: tuple[Step, ...] = ("guide", "files")
    tell = Teller(Course({take: _GUESSED_SECONDS}, seconds, hands=1, whole_steps=whole_steps), on_told)
    tell("guide", "begun")
    guide = _guide(performance, work, lambda share: tell("guide", "going", step_share=share))
    tell("guide", "done")
    sound, stem_marks = folder / facts.original, cast("tuple[str, ...]", ())
    if facts.sung is not None:
        sound, stem_marks = _from_stem(folder, facts, facts.sung, guide)
    clip = Clip(
        key=take,
        path=str(sound),
        name=facts.name,
        part=facts.part,
        place_samples=facts.offset_samples,
        clock_samples=None if facts.sung is None else 0.0,
        stamped=facts.sung is not None,
    )
    settings = ClipSettings(samples=guide.samples)

    def step(name: Step, state: State, seconds: float) -> None:
        if seconds:
            tell.course.lengthened(take, seconds)
        tell(name, state, clip=take)

    def going(name: Step, share: float) -> None:
        tell(name, "going", clip=take, step_share=share)

    found = analyse(clip, guide, work, settings, step, on_share=going)
    names = names_of(clip, guide, settings)
    tell("files", "begun")
    told = paced(lambda share: tell("files", "going", step_share=share))
    try:
        report = _left(folder, facts, found, guide, work, names.decode, began, stem_marks, told)
    except OSError as error:
        raise DiskTrouble(reason=str(error)) from error
    work.use([names.decode, names.align, names.clean, names.measure, guide.name])
    work.sweep()
    tell("files", "done")
    return report


def _guide(performance: Path, work: Work, on_share: OnShare) -> GuideFacts:
    """The performance's guide, shared by its takes; a link to its sound lies in this take's work."""
    shared = Work(performance / WORK_FOLDER)
    guide = performance_guide(performance, shared, songbook=Settings.read().songbook, on_share=on_share)
    source, here = shared.path(guide.name, "npy"), work.path(guide.name, "npy")
    if not here.exists():
        try:
            work.folder.mkdir(parents=True, exist_ok=True)
            os.link(source, here)
        except OSError:
            shutil.copyfile(source, here)
    return guide


def _from_stem(
    folder: Path, facts: TakeFacts, sung: tuple[int, int], guide: GuideFacts
) -> tuple[Path, tuple[str, ...]]:
    """A take that was sung along in a courtyard, as a recording whose sample 0 is the guide's, and its marks.

    Its packets were stamped with the positions of the guide's samples that its singer heard. Raises TakeEmpty, OSError.
    """
    start, stop = sung
    try:
        stem = decode_stem(read_packets(folder / facts.original), span(start, min(stop, start + guide.samples)))
    except ValueError as error:
        raise TakeUnreadable(reason=str(error)) from error
    if "silent" in stem.marks:
        raise TakeEmpty
    path = folder / WORK_FOLDER / STEM_SOUND
    files.write(path, stem.sound, files.WAV_24)
    return path, stem.marks


def _left(
    folder: Path,
    facts: TakeFacts,
    found: ClipReport,
    guide: GuideFacts,
    work: Work,
    decode: str,
    began: float,
    stem_marks: tuple[str, ...],
    on_share: OnShare,
) -> TakeReport:
    """Voice, listening copy, pictures and, last of all, the report. Raises OSError, DiskTrouble."""
    stands = found.alignment
    voice = work.sound(found.voice)
    assert voice is not None, "it was kept a moment ago"
    tags = {"artist": facts.name}
    writing, listening = weighed(on_share, *_FILE_WEIGHTS)
    files.write(folder / VOICE_FILE, voice, files.WAV_24, tags, on_share=writing)
    take = decoded(folder / facts.original, work, name=decode).sound
    files.write(folder / LISTEN_FILE, take, files.M4A, tags, on_share=listening)
    report = TakeReport(
        method=stands.method,
        certain=stands.certain,
        confidence=stands.confidence,
        offset_samples=stands.offset_samples,
        drift_ppm=stands.drift_ppm,
        samples=found.take.samples,
        said=said_of(_outcome(facts, found)),
        pictures=tuple(_pictures(folder, found, guide, work)),
        marks=tuple(dict.fromkeys((*stem_marks, *_marks(found)))),
        seconds=round(time.monotonic() - began, 3),
    )
    write_placed(folder, report)
    return report


def _outcome(facts: TakeFacts, found: ClipReport) -> Outcome:
    """As a clip's, for its words: whether it is mixed is for the page to say."""
    state = state_of(found)
    return Outcome(
        key=facts.take, file=facts.original, name=facts.name, part=facts.part or found.part, state=state, report=found
    )


def _marks(found: ClipReport) -> Iterator[str]:
    if state_of(found) == "silent":
        yield "silent"
    if found.clipped:
        yield "clipped"
    yield from (note for note in found.take.notes if note in _TOLD_AS_MARKS)


def _pictures(folder: Path, found: ClipReport, guide: GuideFacts, work: Work) -> Iterator[tuple[str, Said]]:
    """What was drawn, in every language, and what each picture shows."""
    if found.take.sound is None:
        return
    guide_shape = shape(guide_sound(guide, work))

    def write(name: str, draw: Callable[[str], str | None]) -> bool:
        drawn = {picture_file(name, language): draw(language) for language in LANGUAGES}
        for file, picture in drawn.items():
            if picture is None:
                (folder / file).unlink(missing_ok=True)
            else:
                write_whole(folder / file, picture.encode())
        return None not in drawn.values()

    if write("waves", lambda language: waves_picture(found, guide_shape, guide.samples, guide.samples, language)):
        yield "waves", shown_in_waves()
    if write("lags", lambda language: lags_picture(found, language)):
        yield "lags", shown_in_lags(found)
