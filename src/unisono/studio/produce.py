"""Produce: everything the studio makes of one performance's folder, in the order in which sound passes.

    stems/<seat>.stem -> decoded -> stems/<seat>.wav, .flac
                                 -> cleaned -> measured -> summed -> mix.wav, .flac, .opus, .m4a -> mix.json
    takes/<take>/voice.wav (arrived.py)     -> measured -> summed

A stem that cannot be read is marked and left out; it stops nobody else. Doing it twice does nothing the second time;
doing it again after a crash begins anew, over whatever was left.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from unisono.store.stems import read_packets, stem_path
from unisono.studio import files
from unisono.studio.clean import CleanSettings, clean
from unisono.studio.deliver import deliver_mix, deliver_stem
from unisono.studio.facts import Fact
from unisono.studio.faders import Faders, read_faders
from unisono.studio.loudness import ratio_of
from unisono.studio.mixdown import Fader, Measured, MixSettings, Voice, honest, is_clipped, measure, mix
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
from unisono.studio.shares import OnShare, paced, weighed
from unisono.studio.stem import decode_stem
from unisono.studio.steps import STEM_STEPS, Course, Teller, Told
from unisono.studio.takes import VOICE_FILE, TakeFacts, take_folder, takes_of
from unisono.units import SAMPLE_RATE, Audio, Span

T = TypeVar("T")

LOUDSPEAKERS = "loudspeakers"
"""The word of a seat's check for who had no headphones on."""

_AHEAD = 2
_VOICE_WEIGHTS = (1.0, 2.0, 6.0, 1.0)
"""How long decoding, writing, cleaning and measuring a stem take against each other."""
_TAKE_SHARE = 0.2
"""A take is placed and cleaned already: it costs this share of what a stem does."""

Progress = Callable[[float, str, float], None]
"""Told the share done, 0..1, the step (`voices`, `mix`, `files`), and how many seconds the rest will take.

`files` is told for the first time when the first file is there. Told from several threads, one after the other.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """How this mix is made."""

    mix: MixSettings
    cleaning: CleanSettings


def produce(
    folder: Path,
    on_progress: Progress,
    *,
    settings: MixSettings | None = None,
    cleaning: CleanSettings | None = None,
    threads: int = 2,
) -> MixReport:
    """Make every file of the performance in `folder`. Raises MixFailed, OSError when the disk is full."""
    began = time.monotonic()
    performance = read_performance(folder)
    wanted = fingerprint(folder, performance)
    before = read_report(folder)
    if before is not None and is_done(folder, before, wanted):
        on_progress(1.0, "files", 0.0)
        return before
    _clear_parts(folder)
    faders = read_faders(folder)
    recipe = _Recipe(mix=_as_faded(settings or MixSettings(), faders), cleaning=cleaning or CleanSettings())
    stems: list[StemReport] = []
    backing = _backing(folder, performance)
    tell = Teller(_course(folder, performance, threads), partial(_pass_on, on_progress))
    with ThreadPoolExecutor(threads) as pool:
        voices = _voices(folder, performance, recipe, backing, pool, stems, tell)
        mixed = mix(
            voices,
            performance.span.samples,
            backing=None if faders.backing_muted else backing,
            count_in_samples=performance.count_in_samples,
            settings=recipe.mix,
            on_share=paced(lambda share: tell("mix", "going", step_share=share)),
        )
        mix_seconds = time.monotonic() - began
        tell("mix", "done")
        reports = _deliver(folder, performance, mixed.sound, recipe.mix.target_lufs, pool, tell)
    report = MixReport(
        fingerprint=wanted,
        samples=performance.span.samples,
        lufs=mixed.lufs,
        limiter_db=mixed.reduction_db,
        backing_gain_db=mixed.backing_gain_db,
        files=reports,
        stems=tuple(sorted(stems, key=lambda stem: stem.seat)),
        part_gains_db=mixed.part_gains_db,
        seconds={"mix": round(mix_seconds, 3), "total": round(time.monotonic() - began, 3)},
    )
    write_report(folder, report)
    return report


def _course(folder: Path, performance: Performance, threads: int) -> Course:
    """What there is to be done, by seat."""
    seconds = performance.span.samples / SAMPLE_RATE
    stems = {str(facts.seat): seconds for facts in singers(folder, performance)}
    takes = {str(facts.seat): _TAKE_SHARE * seconds for facts in takes_of(folder) if facts.in_mix}
    return Course(stems | takes, seconds, hands=threads, clip_steps=STEM_STEPS)


def _pass_on(on_progress: Progress, told: Told) -> None:
    """Nobody is told of files before there is one."""
    if told.step != "files" or told.step_share or told.state == "done":
        on_progress(told.share, told.step, told.seconds_left)


def _as_faded(settings: MixSettings, faders: Faders) -> MixSettings:
    """How the mix is made when the page's faders stand so."""
    voices = tuple(Fader(seat=each.seat, gain_db=each.gain_db, muted=each.muted) for each in faders.voices)
    below_db = settings.backing_below_voices_db - faders.backing_db
    return replace(settings, faders=(*settings.faders, *voices), backing_below_voices_db=below_db)


def _clear_parts(folder: Path) -> None:
    """What a run that was stopped left behind."""
    for part in (*folder.glob("*.part"), *folder.glob("stems/*.part")):
        part.unlink(missing_ok=True)


def _voices(
    folder: Path,
    performance: Performance,
    recipe: _Recipe,
    backing: Audio | None,
    pool: Executor,
    reports: list[StemReport],
    tell: Teller,
) -> Iterator[Measured]:
    """Each voice, in the order of seats, those who listened by loudspeakers last; `reports` grows with them.

    What loudspeakers played is known only when everybody else's voice is: the backing, and the choir.
    """
    seats = singers(folder, performance)
    aloud = [facts for facts in seats if facts.output == LOUDSPEAKERS and recipe.cleaning.guide]
    apart = [facts for facts in seats if facts not in aloud]
    takes = [facts for facts in takes_of(folder) if facts.in_mix]
    choir = np.zeros(performance.span.samples, dtype=np.float32) if aloud else None
    live = ((apart, ()), (aloud, _played(backing, choir)))
    groups = [
        [partial(_one_voice, folder, performance, facts, recipe, played, tell) for facts in g] for g, played in live
    ]
    groups.append([partial(_one_take, folder, performance, facts, recipe, tell) for facts in takes])
    for number, jobs in enumerate(groups):
        for measured, report in in_order(pool, jobs):
            reports.append(report)
            tell("voices", "done", clip=str(report.seat))
            if measured is None:
                continue
            if choir is not None and number == 0:
                _sing_along(choir, measured)
            yield measured
    tell("mix", "begun")


def _played(backing: Audio | None, choir: Audio | None) -> tuple[Audio, ...]:
    """What may have leaked out of loudspeakers, each with a fader of its own."""
    return tuple(sound for sound in (backing, choir) if sound is not None)


def _sing_along(choir: Audio, measured: Measured) -> None:
    """Add a voice to what loudspeakers played; float32, shape (samples,), in place."""
    sound = measured.voice.sound[: len(choir)].mean(axis=1, dtype=np.float32)
    choir[: len(sound)] += sound * np.float32(ratio_of(measured.gain_db))


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
    folder: Path, performance: Performance, facts: SeatFacts, recipe: _Recipe, played: tuple[Audio, ...], tell: Teller
) -> tuple[Measured | None, StemReport]:
    """Decode, write, clean and measure one stem; None instead of a voice when there is nothing to mix."""
    path = stem_path(folder, facts.seat)
    decoding, writing, cleaning, measuring = weighed(_telling(tell, facts.seat), *_VOICE_WEIGHTS)
    decoding(0.0)
    try:
        stem = decode_stem(read_packets(path), performance.span)
    except (OSError, ValueError):
        return None, _report(performance, facts, None, ("broken",), (performance.span,))
    if "silent" in stem.marks:
        unreadable = ("broken",) if path.exists() and not any(read_packets(path)) else ()
        return None, _report(performance, facts, None, (*stem.marks, *unreadable), stem.gaps)
    sound, damaged = honest(stem.sound)
    written = deliver_stem(folder, facts.seat, sound, _tags(performance, (facts,)), on_share=writing)
    cleaned = clean(sound, _for_stem(recipe.cleaning, sound), played, on_share=cleaning)
    voice = Voice(
        seat=facts.seat,
        sound=cleaned.sound,
        pan=facts.pan,
        leader=facts.leads,
        storey=facts.row or 0,
        part=facts.part.casefold(),
    )
    measured = replace(measure(voice, recipe.mix, on_share=measuring), damaged=damaged, clipped=is_clipped(sound))
    marks = tuple(dict.fromkeys((*stem.marks, *_more_marks(facts, measured))))
    return measured, _report(performance, facts, measured, marks, stem.gaps, written, cleaned.did)


def _telling(tell: Teller, seat: int) -> OnShare:
    """A seat's voice is begun, and tells how far it is."""
    tell("voices", "begun", clip=str(seat))
    return paced(lambda share: tell("voices", "going", clip=str(seat), step_share=share))


def _one_take(
    folder: Path, performance: Performance, take: TakeFacts, recipe: _Recipe, tell: Teller
) -> tuple[Measured | None, StemReport]:
    """A take that was placed and cleaned already (`arrived.py`), as a voice among the others."""
    facts = SeatFacts(seat=take.seat, name=take.name, place=take.place, pan=take.pan, part=take.part)
    decoding, measuring, writing = weighed(_telling(tell, take.seat), 1.0, 1.0, 2.0)
    decoding(0.0)
    try:
        sound = files.read_back(take_folder(folder, take.take) / VOICE_FILE)
    except (OSError, ValueError):
        return None, _report(performance, facts, None, ("broken",), (performance.span,))
    voice = Voice(seat=take.seat, sound=sound, pan=take.pan, part=take.part.casefold())
    measured = measure(voice, recipe.mix, on_share=measuring)
    if measured.quiet:
        return None, _report(performance, facts, None, ("silent",), ())
    written = deliver_stem(folder, take.seat, sound, _tags(performance, (facts,)), on_share=writing)
    return measured, _report(performance, facts, measured, tuple(_more_marks(facts, measured)), (), written)


def _for_stem(cleaning: CleanSettings, sound: Audio) -> CleanSettings:
    """Music mode (two channels) brings instruments, decks and applause, whose lows and hiss are their own."""
    return cleaning if sound.shape[1] == 1 else replace(cleaning, rumble_hz=None, noise=False)


def _more_marks(facts: SeatFacts, measured: Measured) -> Iterator[str]:
    """What the sound and the seat's own check add to the packets' marks."""
    found = {
        "silent": measured.quiet,
        "broken": measured.damaged,
        "clipped": measured.clipped,
        "tapped": facts.method == "tapped",
        "not_measured": facts.method == "none",
        "loudspeakers": facts.output == LOUDSPEAKERS,
    }
    return (code for code, is_so in found.items() if is_so)


def _report(
    performance: Performance,
    facts: SeatFacts,
    measured: Measured | None,
    marks: tuple[str, ...],
    gaps: tuple[Span, ...],
    written: tuple[FileReport, ...] = (),
    did: tuple[Fact, ...] = (),
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
        did=did,
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
    folder: Path,
    performance: Performance,
    sound: Audio,
    target_lufs: float,
    pool: Executor,
    tell: Teller,
) -> tuple[FileReport, ...]:
    tell("files", "begun")
    tags = _tags(performance, [facts for facts in performance.seats if facts.name])
    jobs = [partial(deliver_mix, folder, sound, form, tags, target_lufs=target_lufs) for form in files.MIX_FORMS]
    reports: list[FileReport] = []
    for report in in_order(pool, jobs):
        reports.append(report)
        tell("files", "going" if len(reports) < len(jobs) else "done", step_share=len(reports) / len(jobs))
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
