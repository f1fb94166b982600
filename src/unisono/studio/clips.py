"""Clips: from anybody's recordings and a guide to one mix, with everything that was done told.

    each clip, in a worker process:  decode -> align -> clean -> measure   (clip.py)
    here:                            mix -> files                          (mixdown.py, deliver.py)

A clip whose place is not certain is not mixed unless a person says where it stands, or that it is to be mixed all the
same; a broken one is told and left out. What is finished is kept in `work/` below the output folder, so that a run
which was killed goes on, and one more clip costs only itself.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from unisono.errors import DiskTrouble
from unisono.studio.clip import Clip, ClipReport, ClipSettings, Names, kept_report, names_of
from unisono.studio.crew import Crew
from unisono.studio.guides import GuideFacts, read_guide
from unisono.studio.hand import Line, Task
from unisono.studio.outcome import Outcome, ProduceSettings, Production, outcome_of, state_of, write_report
from unisono.studio.steps import CLIP_STEPS, GUIDED_STEPS, Cancelled, Course, State, Teller, Told, Work
from unisono.studio.whole import STEMS_FOLDER, make_whole
from unisono.studio.worker import alone
from unisono.units import SAMPLE_RATE

WORK_FOLDER = "work"

TAIL_SAMPLES = 3 * SAMPLE_RATE
"""So far behind the guide's end voices may still sound."""

_GUESSED_SECONDS_PER_BYTE = 1 / 16_000
"""A phone's sound has some 128 kbit/s; with a picture the guess is far too long, and the guide's length the limit."""
_GUESSED_GUIDE_SECONDS = 240.0
"""Of a piece or a performance, before it is read; no recording is guessed to be longer than twice that."""


def produce_clips(
    clips: Sequence[Clip],
    guide: Path | str,
    out: Path,
    *,
    settings: ProduceSettings | None = None,
    on_told: Callable[[Told], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    songbook: Path | None = None,
    ready: list[subprocess.Popen[bytes]] | None = None,
) -> Production:
    """Everything of `clips` into `out`: mix, stems, report. `on_told` hears how far it is.

    guide: a sound file, a performance's folder or a piece's id. ready: hands that were called already. Doing it again
    does only what has changed. Raises UserError for a guide or a folder nobody can work with, DiskTrouble, and
    Cancelled soon after `cancelled` says so;
    a clip that is broken is in the report.
    """
    return _Run(clips, out, settings or ProduceSettings(), on_told, cancelled).produce(guide, songbook, ready)


class _Run:
    """One call of `produce_clips`."""

    def __init__(
        self,
        clips: Sequence[Clip],
        out: Path,
        settings: ProduceSettings,
        on_told: Callable[[Told], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._clips = {clip.key: clip for clip in clips}
        assert len(self._clips) == len(clips), "each clip has a key of its own"
        self._out = out
        self._settings = settings
        self._on_told = on_told
        self._cancelled = cancelled
        self._work = Work(out / WORK_FOLDER)
        self._hands = settings.hands or len(os.sched_getaffinity(0))
        self._outcomes: dict[str, Outcome] = {}
        self._names: dict[str, Names] = {}

    def produce(
        self, guide: Path | str, songbook: Path | None, ready: list[subprocess.Popen[bytes]] | None
    ) -> Production:
        try:
            self._work.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskTrouble(reason=f"{self._out}: {error.strerror}") from error
        quiet_seconds = self._settings.quiet_seconds_max
        with alone(self._out), Crew(self._hands, quiet_seconds_max=quiet_seconds, ready=ready) as crew:
            clear_parts(self._out)
            crew.call(len(self._clips))
            try:
                production = self._all(crew, guide, songbook)
            except BaseException:
                crew.dismiss()
                clear_parts(self._out)
                raise
            self._work.sweep()
            return production

    def _all(self, crew: Crew, guide: Path | str, songbook: Path | None) -> Production:
        chosen = self._settings
        began = time.monotonic()
        lengths = {clip.key: _guessed_seconds(Path(clip.path)) for clip in self._clips.values()}
        guide_seconds = _guessed_seconds(Path(guide)) or _GUESSED_GUIDE_SECONDS
        course = Course(lengths, guide_seconds, hands=self._hands, whole_steps=GUIDED_STEPS)
        tell = Teller(course, self._on_told)
        facts, state = self._read(guide, songbook, tell)
        axis = facts.samples + (0 if facts.source == "performance" else TAIL_SAMPLES)
        course.whole_lengthened(axis / SAMPLE_RATE)
        for key, guessed in lengths.items():
            course.lengthened(key, min(guessed, axis / SAMPLE_RATE))
        tell("guide", state)
        each = ClipSettings(samples=axis, clean=chosen.clean, free_tempo=chosen.free_tempo)
        tasks = [
            Task(clip=clip, guide=facts, work=str(self._work.folder), settings=each)
            for clip in self._begin(facts, each, tell)
        ]
        for key, line in crew.work(tasks, self._cancelled):
            self._hear(key, line, tell)
        crew.dismiss()
        clips_seconds = time.monotonic() - began
        outcomes = [self._outcomes[key] for key in self._clips]
        production = make_whole(outcomes, facts, axis, self._work, self._out, chosen, tell, self._cancelled)
        seconds = {"clips": clips_seconds, "total": time.monotonic() - began} | course.worked()
        production = msgspec.structs.replace(
            production, seconds={name: round(value, 3) for name, value in seconds.items()}
        )
        write_report(self._out, production)
        return production

    def _read(self, guide: Path | str, songbook: Path | None, tell: Teller) -> tuple[GuideFacts, State]:
        """The guide, and whether it was read now; ends in the middle of it once nobody wants it any more."""
        state: State = "kept"

        def told(share: float) -> None:
            nonlocal state
            if self._cancelled():
                raise Cancelled
            if share >= 1:
                state = "done"
            tell("guide", "going", step_share=share)

        tell("guide", "begun")
        chosen = self._settings
        facts = read_guide(
            guide, self._work, key=chosen.key, tempo_bpm=chosen.tempo_bpm, songbook=songbook, on_share=told
        )
        return facts, state

    def _begin(self, guide: GuideFacts, each: ClipSettings, tell: Teller) -> list[Clip]:
        """The clips there is work on; of the others the outcome is known: kept from before, doubled, not there."""
        waiting: list[Clip] = []
        seen: dict[str, str] = {}
        for clip in self._clips.values():
            try:
                names = names_of(clip, guide, each)
            except OSError as error:
                self._broken(clip, "not_there", {"reason": str(error.strerror)}, tell)
                continue
            same = seen.setdefault(names.decode, clip.key)
            if same != clip.key:
                self._outcomes[clip.key] = outcome_of(clip, "same", facts={"other": same})
                tell("decode", "broken", clip=clip.key)
                continue
            self._names[clip.key] = names
            report = kept_report(names, self._work)
            if report is None:
                waiting.append(clip)
                continue
            self._judge(clip, report)
            for step in CLIP_STEPS:
                tell(step, "kept", clip=clip.key)
        return waiting

    def _hear(self, key: str, line: Line, tell: Teller) -> None:
        clip = self._clips[key]
        if line.seconds:
            tell.course.lengthened(key, line.seconds)
        if line.report is not None:
            self._judge(clip, line.report)
        elif line.problem:
            self._broken(clip, line.problem, line.facts, tell)
        elif line.step is not None and line.state is not None:
            tell(line.step, line.state, clip=key, step_share=line.share)

    def _broken(self, clip: Clip, problem: str, facts: dict[str, str], tell: Teller) -> None:
        if problem == DiskTrouble.code:
            raise DiskTrouble(reason=facts.get("reason", ""))  # of no use to the other clips either
        self._outcomes[clip.key] = outcome_of(clip, "broken", problem=problem, facts=facts)
        tell("decode", "broken", clip=clip.key, problem=problem)

    def _judge(self, clip: Clip, report: ClipReport) -> None:
        """Whether a clip is mixed."""
        names = self._names[clip.key]
        self._work.use([names.decode, names.align, names.clean, names.measure])
        state = state_of(report, include_unsure=self._settings.include_unsure)
        self._outcomes[clip.key] = outcome_of(clip, state, report=report)


def clear_parts(out: Path) -> None:
    """Delete what a run that was stopped has left half written."""
    Work(out / WORK_FOLDER).clear_parts()
    for part in (*out.glob("*.part"), *out.glob(f"{STEMS_FOLDER}/*.part")):
        part.unlink(missing_ok=True)


def _guessed_seconds(path: Path) -> float:
    """A recording's length before it is decoded, for the forecast only."""
    size_bytes = path.stat().st_size if path.is_file() else 0
    return min(size_bytes * _GUESSED_SECONDS_PER_BYTE, 2 * _GUESSED_GUIDE_SECONDS)
