"""Produce: everything the studio makes of one performance's folder, in the order in which sound passes.

    stems/<seat>.stem -> decoded -> measured -> stems/<seat>.wav, .flac
                                             -> summed -> mix.wav, .flac, .opus, .m4a -> mix.json

A stem that cannot be read is marked and left out; it stops nobody else. Doing it twice does nothing the second time;
doing it again after a crash begins anew, over whatever was left.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from unisono.store.stems import read_packets, stem_path
from unisono.studio import files
from unisono.studio.deliver import deliver_mix, deliver_stem
from unisono.studio.mixdown import Measured, Mixed, MixSettings, Voice, measure, mix
from unisono.studio.performance import (
    FileReport,
    MixReport,
    Performance,
    SeatFacts,
    StemReport,
    fingerprint,
    is_done,
    read_performance,
    read_report,
    singers,
    write_report,
)
from unisono.studio.stem import decode_stem
from unisono.units import Audio, Span

T = TypeVar("T")

Progress = Callable[[float, str], None]
"""Told the share done, 0..1, and the step: `voices`, `mix` or `files`."""

_VOICES_SHARE, _MIX_SHARE = 0.45, 0.65
_AHEAD = 2


def produce(folder: Path, on_progress: Progress, *, settings: MixSettings | None = None, threads: int = 2) -> MixReport:
    """Make every file of the performance in `folder`. Raises MixFailed, OSError when the disk is full."""
    began = time.monotonic()
    performance = read_performance(folder)
    wanted = fingerprint(folder, performance)
    before = read_report(folder)
    if before is not None and is_done(folder, before, wanted):
        on_progress(1.0, "files")
        return before
    _clear_parts(folder)
    chosen = settings or MixSettings()
    stems: list[StemReport] = []
    with ThreadPoolExecutor(threads) as pool:
        voices = _voices(folder, performance, chosen, pool, stems, on_progress)
        mixed = _mix(folder, performance, voices, chosen)
        mix_seconds = time.monotonic() - began
        on_progress(_MIX_SHARE, "mix")
        reports = _deliver(folder, performance, mixed.sound, pool, on_progress)
    report = MixReport(
        fingerprint=wanted,
        samples=performance.span.samples,
        lufs=mixed.lufs,
        limiter_db=mixed.reduction_db,
        backing_gain_db=mixed.backing_gain_db,
        files=reports,
        stems=tuple(stems),
        seconds={"mix": round(mix_seconds, 3), "total": round(time.monotonic() - began, 3)},
    )
    write_report(folder, report)
    return report


def _clear_parts(folder: Path) -> None:
    """What a run that was stopped left behind."""
    for part in (*folder.glob("*.part"), *folder.glob("stems/*.part")):
        part.unlink(missing_ok=True)


def _voices(
    folder: Path,
    performance: Performance,
    settings: MixSettings,
    pool: Executor,
    reports: list[StemReport],
    on_progress: Progress,
) -> Iterator[Measured]:
    """Each voice, in the order of seats; `reports` grows with them."""
    seats = singers(folder, performance)
    jobs = (partial(_one_voice, folder, performance, facts, settings) for facts in seats)
    for done, (measured, report) in enumerate(in_order(pool, jobs), start=1):
        reports.append(report)
        on_progress(_VOICES_SHARE * done / len(seats), "voices")
        if measured is not None:
            yield measured


def in_order(pool: Executor, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """The results of `jobs` in their order, a few of them worked on ahead: memory does not grow with their number."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _one_voice(
    folder: Path, performance: Performance, facts: SeatFacts, settings: MixSettings
) -> tuple[Measured | None, StemReport]:
    """Decode, measure and write one stem; None instead of a voice when there is nothing to mix."""
    path = stem_path(folder, facts.seat)
    try:
        stem = decode_stem(read_packets(path), performance.span)
    except (OSError, ValueError):
        return None, _report(performance, facts, None, ("broken",), (performance.span,))
    if "silent" in stem.marks:
        unreadable = ("broken",) if path.exists() and not any(read_packets(path)) else ()
        return None, _report(performance, facts, None, (*stem.marks, *unreadable), stem.gaps)
    measured = measure(Voice(seat=facts.seat, sound=stem.sound, pan=facts.pan, leader=facts.leads), settings)
    written = deliver_stem(folder, facts.seat, measured.voice.sound, _tags(performance, (facts,)))
    marks = tuple(dict.fromkeys((*stem.marks, *_more_marks(facts, measured))))
    return measured, _report(performance, facts, measured, marks, stem.gaps, written)


def _more_marks(facts: SeatFacts, measured: Measured) -> Iterator[str]:
    """What the sound and the seat's own check add to the packets' marks."""
    found = {
        "silent": measured.quiet,
        "broken": measured.damaged,
        "clipped": measured.clipped,
        "tapped": facts.method == "tapped",
        "not_measured": facts.method == "none",
        "loudspeakers": facts.output == "loudspeakers",
    }
    return (code for code, is_so in found.items() if is_so)


def _report(
    performance: Performance,
    facts: SeatFacts,
    measured: Measured | None,
    marks: tuple[str, ...],
    gaps: tuple[Span, ...],
    written: tuple[FileReport, ...] = (),
) -> StemReport:
    return StemReport(
        seat=facts.seat,
        name=facts.name,
        lufs=measured.lufs if measured else None,
        gain_db=measured.gain_db if measured else 0.0,
        pan=facts.pan,
        gaps=tuple((gap.start - performance.start, gap.stop - performance.start) for gap in gaps),
        marks=marks,
        files=written,
    )


def _mix(folder: Path, performance: Performance, voices: Iterable[Measured], settings: MixSettings) -> Mixed:
    return mix(
        voices,
        performance.span.samples,
        backing=_backing(folder, performance),
        count_in_samples=performance.count_in_samples,
        settings=settings,
    )


def _backing(folder: Path, performance: Performance) -> Audio | None:
    """Float32, shape (samples,), or None: without it there is still a mix."""
    if performance.backing is None:
        return None
    try:
        sound = files.read_back(folder / performance.backing)
    except (OSError, ValueError):
        return None
    mono: Audio = sound.mean(axis=1, dtype=np.float32)
    return mono


def _deliver(
    folder: Path, performance: Performance, sound: Audio, pool: Executor, on_progress: Progress
) -> tuple[FileReport, ...]:
    tags = _tags(performance, [facts for facts in performance.seats if facts.name])
    jobs = [partial(deliver_mix, folder, sound, form, tags) for form in files.MIX_FORMS]
    reports: list[FileReport] = []
    for report in in_order(pool, jobs):
        reports.append(report)
        on_progress(_MIX_SHARE + (1 - _MIX_SHARE) * len(reports) / len(jobs), "files")
    return tuple(reports)


def _tags(performance: Performance, seats: Sequence[SeatFacts]) -> dict[str, str]:
    """Title, singers, date and place, by the names every container knows."""
    singers_told = ", ".join(f"{facts.name} ({facts.place})" if facts.place else facts.name for facts in seats)
    return {
        "title": performance.title,
        "artist": ", ".join(facts.name for facts in seats),
        "date": performance.sung_at[:10],
        "location": performance.place,
        "comment": " - ".join(part for part in (performance.place, singers_told) if part),
    }
