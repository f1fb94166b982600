"""Progress: what a run tells, as lines of JSON for machines, as a picture on a terminal, as plain lines elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol, Self

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from unisono.errors import UnisonoError
from unisono.studio import interrupted
from unisono.studio.film.make import Made
from unisono.studio.film.make import Progress as FilmShare
from unisono.studio.outcome import REPORT_FILE, Outcome, Production
from unisono.studio.report import PAGE_FILE, in_words, said_of, time_told
from unisono.studio.steps import Told
from unisono.units import SAMPLE_RATE
from unisono.web.i18n import words
from unisono.web.take_words import sentence, step_word

_PLACE_FIRST = ("unsure", "mixed", "silent", "same", "broken")


class Watcher(Protocol):
    """Who is told about a run."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def hear(self, told: Told) -> None:
        """A step began, is so far, or ended."""

    def film(self, told: FilmShare) -> None:
        """How far the film is."""

    def filmed(self, made: Made) -> None:
        """The film is there."""

    def done(self, production: Production, out: Path) -> None:
        """All is there."""

    def fail(self, error: UnisonoError) -> None:
        """It could not be done."""

    def interrupted(self) -> None:
        """Somebody ended it."""


class Lines:
    """One JSON object a line: steps.Told, and at last {"done"}, or {"error": {"code", "text"}}."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, told: Told) -> None:
        self._write(told)

    def film(self, told: FilmShare) -> None:
        self._write({"film": told})

    def filmed(self, made: Made) -> None:
        self._write({"filmed": made})

    def done(self, production: Production, out: Path) -> None:
        states = {clip.key: clip.state for clip in production.clips}
        self._write({"done": True, "report": str(out / REPORT_FILE), "mixed": bool(production.files), "clips": states})

    def fail(self, error: UnisonoError) -> None:
        self._write({"error": {"code": error.code, "text": str(error)}})

    def interrupted(self) -> None:
        self._send(interrupted.as_json())

    def _write(self, line: object) -> None:
        self._send(msgspec.json.encode(line) + b"\n")

    def _send(self, line: bytes) -> None:
        self._out.write(line)
        self._out.flush()


class Screen:
    """A bar for the whole and what each clip is at on a terminal; a line for each clip that is done elsewhere."""

    def __init__(self, language: str, console: Console | None = None) -> None:
        self._language = language
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._whole: TaskID | None = None
        self._rows: dict[str, TaskID] = {}
        self._over = 0
        self._film_tenths = 0
        self._film_path = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._whole = self._bar.add_task("", total=1.0, left="")
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def hear(self, told: Told) -> None:
        """On a terminal the bar moves; elsewhere a line is written when a clip or a step of the whole is done."""
        step = step_word(told.step, self._language)
        if self._bar is not None and self._whole is not None:
            self._draw(told, step, self._bar, self._whole)
        elif told.clips_done > self._over or (not told.clip and told.state in ("done", "kept")):
            self._over = told.clips_done
            left = self._left(told)
            self._console.print(f"{told.share:4.0%}  {told.clip or step}{'  ' + left if left else ''}", markup=False)

    def _draw(self, told: Told, step: str, bar: Progress, whole: TaskID) -> None:
        bar.update(whole, completed=told.share, description=f"{told.clips_done}/{told.clips}", left=self._left(told))
        if told.state == "begun":
            row = self._rows.get(told.clip)
            if row is None:
                row = self._rows[told.clip] = bar.add_task("", total=None, left="")
            line = f"{told.clip}: {step}" if told.clip else step
            bar.update(row, description=Text(line).markup, completed=0.0, total=None)
        elif told.state == "going" and told.clip in self._rows:
            bar.update(self._rows[told.clip], total=1.0, completed=told.step_share)
        elif told.clip in self._rows and (told.state == "broken" or not told.clip or told.step == "measure"):
            bar.remove_task(self._rows.pop(told.clip))

    def _left(self, told: Told) -> str:
        if told.seconds_left < 1:
            return ""
        return self._say("{time} left").format(time=time_told(round(told.seconds_left) * SAMPLE_RATE))

    def film(self, told: FilmShare) -> None:
        """The bar begins again for the film; elsewhere a line is written for every tenth of it."""
        percent = int(100 * told.share)
        line = self._say("The film is being made: {percent} %").replace("{percent}", str(percent))
        left = "" if told.left_s is None or told.left_s < 1 else self._say("{time} left")
        left = left.format(time=time_told(round(told.left_s or 0.0) * SAMPLE_RATE))
        if self._bar is not None and self._whole is not None:
            self._bar.update(self._whole, completed=told.share, description=line, left=left)
        elif percent // 10 > self._film_tenths:
            self._film_tenths = percent // 10
            self._console.print(f"{line}{'  ' + left if left else ''}", markup=False)

    def filmed(self, made: Made) -> None:
        """Where it is, at the end of all that is told."""
        self._film_path = made.film

    def done(self, production: Production, out: Path) -> None:
        """What was done to each clip, those first that a person is to place."""
        self._close()
        order = sorted(production.clips, key=lambda clip: _PLACE_FIRST.index(clip.state))
        for clip in order:
            self._console.print(self._clip(clip))
        if not production.files:
            self._console.print(self._say("There is no mix: no clip has a certain place yet."), style="bold")
        for file in production.files:
            self._console.print(str(out / file.name), markup=False)
        if self._film_path:
            self._console.print(self._film_path, markup=False)
        self._console.print(str(out / PAGE_FILE), markup=False)

    def _clip(self, clip: Outcome) -> Text:
        """`Ada (alto.m4a): placed by ...; drift ...`."""
        who = clip.name if clip.name in clip.file else f"{clip.name} ({clip.file})"
        line = Text(f"{who}: ", style="bold" if clip.state == "mixed" else "bold yellow")
        return line.append("; ".join(in_words(said_of(clip), self._language)), style="none")

    def fail(self, error: UnisonoError) -> None:
        self._close()
        told = sentence(error.code, {name: str(fact) for name, fact in error.facts().items()}, self._language)
        self._console.print(f"Unisono: {str(error) if told == error.code else told}", markup=False)

    def interrupted(self) -> None:
        self._close()
        self._console.print(interrupted.said_in(self._language), markup=False)

    def _say(self, message: str) -> str:
        return words(self._language).gettext(message)
