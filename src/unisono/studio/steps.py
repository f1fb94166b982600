"""Steps: what the pipeline has finished is never done again, and what it does can be watched.

A step's *fingerprint* is a hash of everything that decides its result: the content of its inputs, its settings and its
recipe's number. Results are kept under their fingerprint and appear there only when they are whole; so a run that was
killed goes on where it was, and one more clip costs its own steps and no others. `Course` knows from measured rates how
far a run is and how long the rest will take.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from unisono.errors import DiskTrouble
from unisono.units import Audio

S = TypeVar("S", bound=Struct)

Step = Literal["guide", "decode", "align", "clean", "measure", "voices", "mix", "files"]
State = Literal["begun", "going", "done", "kept", "broken"]
"""`going`: it is under way, and how far is known. `kept`: its result was there already.
`broken`: this clip goes no further."""

CLIP_STEPS: Final[tuple[Step, ...]] = ("decode", "align", "clean", "measure")
WHOLE_STEPS: Final[tuple[Step, ...]] = ("mix", "files")
GUIDED_STEPS: Final[tuple[Step, ...]] = ("guide", *WHOLE_STEPS)
"""Those of a run in which clips are sung to a guide, which is read before anything else."""
STEM_STEPS: Final[tuple[Step, ...]] = ("voices",)
"""Those of a seat's stem, which needs no place: all of it is one step."""

RECIPES: Final[Mapping[Step, int]] = {
    "guide": 1,
    "decode": 1,
    "align": 2,
    "clean": 4,
    "measure": 2,
    "voices": 1,
    "mix": 1,
    "files": 1,
}
"""Another number makes every result of a step anew, and what follows from it."""

TYPICAL_RATES: Final[Mapping[Step, float]] = {
    "guide": 0.010,
    "decode": 0.008,
    "align": 0.015,
    "clean": 0.013,
    "measure": 0.002,
    "voices": 0.045,
    "mix": 0.004,
    "files": 0.030,
}
"""Seconds of one core for a second of sound (`mix`: of one voice), until a run has measured its own."""

_TYPICAL_WEIGHT_SECONDS = 5.0
_TELLING_SHARE = 0.1
"""From here on what a step took so far says what the rest of it will take."""
_NAME_CHARACTERS = 24
_PART_SUFFIX = ".part"


class Cancelled(Exception):
    """Somebody wanted the run to end; what is finished stays for the next one."""


def fingerprint(step: Step, *inputs: object) -> str:
    """The name of a step's result: a hash of its recipe's number and of all that goes in (anything JSON can say)."""
    told = msgspec.json.encode([step, RECIPES[step], *inputs], order="sorted")
    return hashlib.sha256(told).hexdigest()[:_NAME_CHARACTERS]


def content_hash(path: Path) -> str:
    """A hash of what is in a file, whatever it is called. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Work:
    """A folder of finished results by fingerprint; may be deleted at any time, and then costs the time it saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[Path] = set()

    def path(self, name: str, kind: str) -> Path:
        """Where the result `name` of this kind (`json`, `npy`, a folder `take`) is or will be; it is used now."""
        found = self.folder / f"{name}.{kind}"
        self._used.add(found)
        return found

    def facts(self, name: str, kind: type[S]) -> S | None:
        """Facts that were kept, or None."""
        try:
            return msgspec.json.decode(self.path(name, "json").read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError):
            return None

    def keep_facts(self, name: str, facts: Struct) -> None:
        """Keep facts, whole or not at all. Raises DiskTrouble."""
        write_whole(self.path(name, "json"), msgspec.json.encode(facts))

    def sound(self, name: str) -> Audio | None:
        """Sound that was kept, read from disk as it is needed, or None: float32, read-only."""
        try:
            found: Audio = np.load(self.path(name, "npy"), mmap_mode="r")
        except (OSError, ValueError):
            return None
        return found if found.dtype == np.float32 else None

    def keep_sound(self, name: str, sound: Audio) -> None:
        """Keep float32 sound of any shape, whole or not at all. Raises DiskTrouble."""
        path = self.path(name, "npy")
        part = part_of(path)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.save(file, np.ascontiguousarray(sound, dtype=np.float32))
            part.replace(path)
        except OSError as error:
            raise DiskTrouble(reason=str(error)) from error
        finally:
            part.unlink(missing_ok=True)

    def use(self, names: Iterable[str]) -> None:
        """Count results as used that somebody else has read or written."""
        for name in names:
            self._used.update(self.folder.glob(f"{name}.*"))

    def sweep(self) -> None:
        """Delete every result that nobody has asked for, and what a killed run has left half written."""
        for path in self.folder.glob("*"):
            if path not in self._used:
                _delete(path)

    def clear_parts(self) -> None:
        """Delete what a run that was stopped has left half written."""
        for path in list(self.folder.rglob(f"*{_PART_SUFFIX}")):  # a take's folder has its own
            _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Where what is to be `path` is written until it is whole."""
    return path.with_name(f"{path.name}.{os.getpid()}{_PART_SUFFIX}")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it. Raises DiskTrouble."""
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise DiskTrouble(reason=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of progress. `clip` is empty for the steps of the whole; `share` is of the whole run, 0..1.

    seconds_left is what the rest of the run will take by the rates measured so far; `problem` the code of what broke a
    clip. step_share is how far a step that is `going` is by itself, 0..1.
    """

    step: Step
    state: State
    share: float
    seconds_left: float
    clip: str = ""
    clips_done: int = 0
    clips: int = 0
    problem: str = ""
    step_share: float = 0.0

    def line(self) -> bytes:
        """As JSON, for a pipe."""
        return msgspec.json.encode(self)


class Course:
    """How far a run is. Fed with what began and ended; the clock is the caller's: every `now` is in seconds.

    A second of sound costs each step about the same, so the rates of the steps that are done tell about the others.
    """

    def __init__(
        self,
        clips: Mapping[str, float],
        whole_seconds: float,
        *,
        hands: int,
        clip_steps: tuple[Step, ...] = CLIP_STEPS,
        whole_steps: tuple[Step, ...] = WHOLE_STEPS,
    ) -> None:
        """clips: the expected length of each in seconds. whole_seconds: the length of the guide and of the mix."""
        self._hands = max(1, min(hands, len(clips)))
        self._clip_steps, self._whole_steps = clip_steps, whole_steps
        self._seconds: dict[tuple[str, Step], float] = {}
        for clip, seconds in clips.items():
            self._seconds |= {(clip, step): max(seconds, 1.0) for step in clip_steps}
        self._clips = tuple(clips)
        self.whole_lengthened(whole_seconds)
        self._began: dict[tuple[str, Step], float] = {}
        self._going: dict[tuple[str, Step], float] = {}
        self._over: set[tuple[str, Step]] = set()
        self._worked = dict.fromkeys(RECIPES, 0.0)
        self._worked_on = dict.fromkeys(RECIPES, 0.0)
        self._share = 0.0

    def lengthened(self, clip: str, seconds: float) -> None:
        """A clip turned out to be this long."""
        for step in self._clip_steps:
            if (clip, step) in self._seconds:
                self._seconds[clip, step] = max(seconds, 1.0)

    def whole_lengthened(self, seconds: float) -> None:
        """The guide, and with it the mix, turned out to be this long."""
        voices = max(1, len(self._clips))
        self._seconds |= {("", step): seconds * (voices if step == "mix" else 1) for step in self._whole_steps}

    def hear(
        self, step: Step, state: State, *, now: float, clip: str = "", problem: str = "", step_share: float = 0.0
    ) -> Told:
        """Take in that a step began, is so far (`going`, `step_share`) or ended, and tell where the run stands."""
        key = (clip, step)
        if state == "begun":
            self._began[key] = now
            self._going.pop(key, None)
        elif state == "going":
            self._going[key] = max(self._going.get(key, 0.0), min(max(step_share, 0.0), 1.0))
        elif state == "done":
            self._worked[step] += now - self._began.get(key, now)
            self._worked_on[step] += self._seconds.get(key, 0.0)
            self._over.add(key)
        elif state == "kept":
            self._over.add(key)
        else:
            self._over.update((clip, later) for later in self._clip_steps)
        return self._told(step, state, clip, problem, now)

    def rate(self, step: Step) -> float:
        """Seconds of work for a second of sound: as measured, and as is typical while little was measured."""
        typical = TYPICAL_RATES[step]
        weight = _TYPICAL_WEIGHT_SECONDS
        return (self._worked[step] + typical * weight) / (self._worked_on[step] + weight)

    def worked(self) -> dict[str, float]:
        """Seconds of work on each step in this run, those of all clips together."""
        return {step: seconds for step, seconds in self._worked.items() if seconds}

    def seconds_left(self, now: float) -> float:
        """What the rest will take: clips side by side, the whole after them."""
        clips = max(
            sum(self._left(key, now) for key in self._seconds if key[0]) / self._hands,
            max((sum(self._left((clip, step), now) for step in self._clip_steps) for clip in self._clips), default=0.0),
        )
        return clips + sum(self._left(("", step), now) for step in self._whole_steps)

    def _cost(self, key: tuple[str, Step]) -> float:
        return self.rate(key[1]) * self._seconds[key]

    def _left(self, key: tuple[str, Step], now: float) -> float:
        if key in self._over:
            return 0.0
        share = self._going.get(key, 0.0)
        took = now - self._began[key] if key in self._began else 0.0
        if share >= _TELLING_SHARE and took > 0:
            return took * (1 - share) / share  # this very clip, on this very machine
        return max(0.0, self._cost(key) * (1 - share) if share else self._cost(key) - took)

    def _told(self, step: Step, state: State, clip: str, problem: str, now: float) -> Told:
        whole = sum(self._cost(key) for key in self._seconds)
        done = sum(self._cost(key) * (1 if key in self._over else self._going.get(key, 0.0)) for key in self._seconds)
        self._share = max(self._share, done / whole if whole else 1.0)
        finished = sum(all((name, each) in self._over for each in self._clip_steps) for name in self._clips)
        return Told(
            step=step,
            state=state,
            share=round(min(self._share, 1.0), 4),
            seconds_left=round(self.seconds_left(now), 1),
            clip=clip,
            clips_done=finished,
            clips=len(self._clips),
            problem=problem,
            step_share=round(self._going.get((clip, step), 0.0), 4) if state == "going" else 0.0,
        )


class Teller:
    """Tells somebody what a course hears, at the time it hears it; from any thread, one after the other."""

    def __init__(self, course: Course, on_told: Callable[[Told], None]) -> None:
        self.course = course
        self._on_told = on_told
        self._one = threading.Lock()

    def __call__(self, step: Step, state: State, *, clip: str = "", problem: str = "", step_share: float = 0.0) -> None:
        with self._one:
            now = time.monotonic()
            self._on_told(self.course.hear(step, state, now=now, clip=clip, problem=problem, step_share=step_share))
