"""Make: a film from its brief, watched, cancelled, and gone on with after a kill.

    make(film, folder, out) -> out.mp4, out.vtt, out.jpg

`folder` is where pieces grow; what is finished there is kept by a fingerprint of all that went into it, and not made
again. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from unisono.errors import FilmFailed
from unisono.studio.film import assets, facade, words
from unisono.studio.film.brief import Film, pieces
from unisono.studio.film.crew import Crew
from unisono.studio.film.finish import join, write_poster
from unisono.studio.film.kept import RECIPE
from unisono.studio.film.pieces import Folder, Task, Told, dim_lights, has_proxies
from unisono.studio.film.plan import Plan
from unisono.studio.film.proxies import is_empty, make_empty, proxy_path


class Progress(Struct, frozen=True, kw_only=True):
    """share: 0..1. step: `look`, `proxies`, `draw`, `render` or `join`. left_s: None until it can be told."""

    share: float
    step: str
    left_s: float | None


OnProgress = Callable[[Progress], None]

_WEIGHT = {"look": 0.2, "proxy": 2.0, "level": 4.0, "piece": 10.0}
"""Roughly the seconds that a task takes; only their proportions matter."""
_STEPS = {"look": "look", "proxy": "proxies", "level": "draw", "piece": "render"}


class Made(Struct, frozen=True, kw_only=True):
    """What was made: files, frames, seconds it took, pieces that were there already; whose clips have no picture."""

    film: str
    subtitles: str | None
    poster: str
    frames: int
    seconds: float
    pieces_kept: int
    without_picture: tuple[str, ...] = ()


@dataclass
class _Clock:
    """How far the film is and how long it will take, by what has been done so far."""

    on_progress: OnProgress
    whole: float = 1.0
    finished: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._under_way: dict[Task, float] = {}

    def start(self, tasks: list[Task]) -> None:
        self.whole = sum(_WEIGHT[task.kind] * task.share for task in tasks) or 1.0
        self._began = time.monotonic()

    def heard(self, task: Task, told: Told) -> None:
        weight = _WEIGHT[task.kind] * task.share
        if told.done:
            self._under_way.pop(task, None)
            self.finished += weight
        else:
            self._under_way[task] = weight * told.share
        share = min(1.0, (self.finished + sum(self._under_way.values())) / self.whole)
        took = time.monotonic() - self._began
        left = took * (1 - share) / share if share > 0.02 else None
        self.on_progress(Progress(share=share * 0.98, step=_STEPS[task.kind], left_s=left))


def make(
    film: Film, folder: Path, out: Path, on_progress: OnProgress = lambda _: None, *, workers: int | None = None
) -> Made:
    """Make the film. out: the MP4; subtitles and poster stand beside it. Raises FilmFailed, OSError.

    Whatever interrupts it (an exception out of `on_progress` among others) ends its processes; what is finished stays.
    """
    began = time.monotonic()
    home = begin(film, folder)
    clock = _Clock(on_progress)
    with Crew(home.path, workers or os.cpu_count() or 1) as crew:
        look(film, home, crew)
        dim_lights(film, home)
        plan = home.plan()
        assets.draw_titles(film, home.drawn)
        _leave_pieces(plan, home)
        first, second = missing_tasks(plan, home)
        kept = len(pieces(plan.film, plan.frames)) - len(second)
        clock.start([*first, *second])

        def heard(task: Task, told: Told) -> None:
            clip = plan.film.voices[task.number].seen if task.kind == "proxy" else None
            if told.lost and clip is not None:
                make_empty(clip, home.proxies, task.sizes)
            clock.heard(task, told)

        crew.do(first, heard)
        crew.do(second, clock.heard)
    on_progress(Progress(share=0.98, step="join", left_s=1.0))
    out.parent.mkdir(parents=True, exist_ok=True)
    join(film, [home.piece(number) for number in range(len(pieces(plan.film, plan.frames)))], out, frames=plan.frames)
    write_poster(out, _poster_frame(plan), out.with_suffix(".jpg"))
    subtitles = out.with_suffix(".vtt") if film.words else None
    if subtitles is not None:
        subtitles.write_text(words.web_subtitles(film), encoding="utf-8")
    on_progress(Progress(share=1.0, step="join", left_s=0.0))
    return Made(
        film=str(out),
        subtitles=None if subtitles is None else str(subtitles),
        poster=str(out.with_suffix(".jpg")),
        frames=plan.frames,
        seconds=round(time.monotonic() - began, 2),
        pieces_kept=kept,
        without_picture=_without_picture(plan, home),
    )


def _without_picture(plan: Plan, home: Folder) -> tuple[str, ...]:
    """The names of those whose clip turned out to have no picture that can be shown."""
    return tuple(
        voice.name
        for number, voice in enumerate(plan.film.voices)
        if voice.seen and is_empty(proxy_path(home.proxies, voice.seen, *plan.sizes(number)[0]))
    )


def begin(film: Film, folder: Path) -> Folder:
    """The folder of exactly this film. Proxies and pieces are kept of its former versions, as far as they fit."""
    home = Folder(folder / fingerprint(film))
    home.drawn.mkdir(parents=True, exist_ok=True)
    home.pieces.mkdir(exist_ok=True)
    for part in (*home.path.glob("*.part"), *home.pieces.glob("*.part")):
        part.unlink(missing_ok=True)
    home.brief.write_bytes(msgspec.json.encode(film))
    return home


def fingerprint(film: Film) -> str:
    """A hash of the brief, the façade and the files it names, by size and time. Raises FilmFailed if one is gone."""
    whole = hashlib.sha256(RECIPE.encode() + msgspec.json.encode(film))
    whole.update(facade.read(film.facade).fingerprint.encode())
    named = [
        film.sound,
        *(voice.sound for voice in film.voices),
        *(path for v in film.voices if v.seen for path in v.seen.paths),
    ]
    for name in named:
        if name is not None:
            try:
                stat = Path(name).stat()
            except OSError as error:
                raise FilmFailed(reason=f"a recording is gone: {error}") from error
            whole.update(f"{name}\0{stat.st_size} {stat.st_mtime_ns}\0".encode())
    return whole.hexdigest()[:24]


def look(film: Film, home: Folder, crew: Crew) -> None:
    """Find out which clips are wider than high."""
    if home.landscape.is_file():
        return
    shapes: list[bool | None] = [None] * len(film.voices)

    def heard(task: Task, told: Told) -> None:
        shapes[task.number] = told.landscape

    crew.do([Task(kind="look", number=i) for i, voice in enumerate(film.voices) if voice.seen], heard)
    home.landscape.write_bytes(msgspec.json.encode(shapes))


def _leave_pieces(plan: Plan, home: Folder) -> None:
    """Delete the pieces of former versions that fit no longer."""
    fitting = {home.piece(number) for number in range(len(pieces(plan.film, plan.frames)))}
    for path in home.pieces.glob("piece-*.mp4"):
        if path not in fitting:
            path.unlink(missing_ok=True)


def missing_tasks(plan: Plan, home: Folder) -> tuple[list[Task], list[Task]]:
    """What is missing: what must be there first, and the pieces."""
    first = [Task(kind="level", number=bay) for bay in plan.bays]
    for number, voice in enumerate(plan.film.voices):
        if voice.seen is None:
            continue
        sizes = plan.sizes(number)
        if not has_proxies(home, voice.seen, sizes):
            first.append(Task(kind="proxy", number=number, sizes=sizes))
    cut = pieces(plan.film, plan.frames)
    second = [
        Task(kind="piece", number=number, share=len(frames) / len(cut[0]))
        for number, frames in enumerate(cut)
        if not home.piece(number).is_file()
    ]
    return first, second


def _poster_frame(plan: Plan) -> int:
    """Where most windows are brightest while all of them are seen."""
    lead, sung = plan.film.lead_frames, plan.film.sung_frames
    bright = plan.light[:, lead : lead + sung].sum(axis=0)
    for number, shot in enumerate(plan.shots):
        stop = plan.shots[number + 1].start if number + 1 < len(plan.shots) else plan.frames
        if shot.close:
            bright[max(0, shot.start - lead) : max(0, stop - lead)] *= 0.5
    return lead + int(np.argmax(bright)) if len(bright) else lead
