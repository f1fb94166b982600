"""Commanded: what `unisono produce` was asked for (`cli.py`), done."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from unisono.config import Settings
from unisono.errors import NoSuchClip, UnisonoError
from unisono.studio.clean import CleanSettings
from unisono.studio.cli import Wanted
from unisono.studio.clip import Clip
from unisono.studio.clips import produce_clips
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import Made, make
from unisono.studio.interrupted import INTERRUPTED, language_here
from unisono.studio.outcome import ProduceSettings
from unisono.studio.people import Person, read_flag, read_people
from unisono.studio.progress import Lines, Screen, Watcher
from unisono.studio.report import write_page
from unisono.units import SAMPLE_RATE


def run(wanted: Wanted, ready: list[subprocess.Popen[bytes]]) -> None:
    """Do what is wanted with the hands that are ready; ends the program with a code other than 0 if there is no mix."""
    spoken = wanted.language or language_here()
    settings = ProduceSettings(
        clean=_cleaning(wanted.without),
        keep_guide=wanted.keep_guide,
        include_unsure=wanted.include_unsure,
        free_tempo=wanted.free_tempo,
        key=wanted.key,
        tempo_bpm=wanted.tempo_bpm,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _watcher(wanted.as_json, spoken) as watcher:
        with _ended_kindly(watcher):
            done = produce_clips(
                _clips(wanted),
                wanted.guide,
                wanted.out,
                settings=settings,
                on_told=watcher.hear,
                songbook=Settings.read().songbook,
                ready=ready,
            )
            write_page(wanted.out, done, spoken)
            if wanted.with_film and done.files:
                told = {"title": wanted.title, "date": wanted.date, "facade": wanted.facade}
                watcher.filmed(_film(wanted.out, {name: value for name, value in told.items() if value}, watcher))
        watcher.done(done, wanted.out)
    if not done.files:
        sys.exit(1)


def _clips(wanted: Wanted) -> list[Clip]:
    clips = named_clips(
        wanted.clips,
        _people(wanted.people),
        names=wanted.names,
        parts=wanted.parts,
        places=wanted.places,
        leads=wanted.leads,
    )
    return _given(_given(clips, wanted.towns, _from), wanted.flags, _flagged)


@contextmanager
def _ended_kindly(watcher: Watcher) -> Iterator[None]:
    """What goes wrong in here, or is interrupted, the watcher tells; then the program ends."""
    try:
        yield
    except UnisonoError as error:
        watcher.fail(error)
        sys.exit(1)
    except KeyboardInterrupt:
        watcher.interrupted()
        sys.exit(INTERRUPTED)


def _film(out: Path, told: Mapping[str, str], watcher: Watcher) -> Made:
    """The film of what is in `out`. Whoever gives a clip in a terminal agrees that it is shown. Raises FilmFailed."""
    return make(msgspec.structs.replace(brief_of(out), **told), out / "work" / "film", out / "film.mp4", watcher.film)


def _watcher(as_json: bool, language: str) -> Watcher:
    if as_json:
        return Lines(sys.stdout.buffer)
    return Screen(language)


def _cleaning(without: Iterable[str]) -> CleanSettings:
    """Settings of cleaning with some steps off."""
    off = set(without)
    chosen = CleanSettings()
    return replace(
        chosen,
        rumble_hz=None if "rumble" in off else chosen.rumble_hz,
        guide="guide" not in off,
        hum="hum" not in off,
        noise="noise" not in off,
    )


def named_clips(
    paths: Sequence[Path],
    people: Sequence[Person] = (),
    *,
    names: Sequence[str] = (),
    parts: Sequence[str] = (),
    places: Sequence[str] = (),
    leads: Sequence[str] = (),
) -> list[Clip]:
    """Clips from paths (a folder stands for the files in it), a table of people, and CLIP=VALUE options, which have the
    last word. Raises NoSuchClip, UsageError.

    A clip is known by its file's name without the extension; of several alike, the later ones are numbered.
    """
    clips: list[Clip] = []
    taken: set[str] = set()
    for path in _files_of(paths):
        key, count = path.stem, 1
        while key in taken:
            count += 1
            key = f"{path.stem} ({count})"
        taken.add(key)
        clips.append(Clip(key=key, path=str(path), name=key))
    for person in people:
        at = _index_of(clips, person.clip)
        clips[at] = _as_told(clips[at], person)
    clips = _given(clips, names, lambda clip, value: msgspec.structs.replace(clip, name=value))
    clips = _given(clips, parts, lambda clip, value: msgspec.structs.replace(clip, part=value))
    clips = _given(clips, places, _placed)
    return _given(clips, [f"{lead}=" for lead in leads], lambda clip, _: msgspec.structs.replace(clip, lead=True))


def _files_of(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        else:
            yield path


def _people(table: Path | None) -> list[Person]:
    try:
        return [] if table is None else read_people(table)
    except (OSError, ValueError, csv.Error) as error:
        raise click.UsageError(f"--people {table}: {error}") from error


def _as_told(clip: Clip, person: Person) -> Clip:
    """The clip with what the table says; what it does not say stays."""
    told = {"name": person.name, "town": person.place, "flag": person.flag, "part": person.part, "lead": person.lead}
    return msgspec.structs.replace(clip, **{name: value for name, value in told.items() if value})


def _from(clip: Clip, town: str) -> Clip:
    return msgspec.structs.replace(clip, town=town)


def _flagged(clip: Clip, flag: str) -> Clip:
    try:
        return msgspec.structs.replace(clip, flag=read_flag(flag))
    except ValueError as error:
        raise click.UsageError(f"--flag {clip.key}={flag}: {error}") from None


def _placed(clip: Clip, value: str) -> Clip:
    try:
        return msgspec.structs.replace(clip, place_samples=float(value) * SAMPLE_RATE)
    except ValueError:
        raise click.UsageError(f"--place {clip.key}={value}: seconds are a number, such as 1.25 or -0.5") from None


def _given(clips: list[Clip], options: Sequence[str], change: Callable[[Clip, str], Clip]) -> list[Clip]:
    """The clips with each CLIP=VALUE carried out."""
    for option in options:
        wanted, equals, value = option.rpartition("=")
        if not equals:
            raise click.UsageError(f"{option!r} should be CLIP=VALUE")
        at = _index_of(clips, wanted)
        clips[at] = change(clips[at], value)
    return clips


def _index_of(clips: Sequence[Clip], wanted: str) -> int:
    """The one clip that is called so. Raises NoSuchClip."""
    found = [i for i, clip in enumerate(clips) if _is_called(clip, wanted)]
    exact = [i for i in found if clips[i].key == wanted]
    if len(exact or found) != 1:
        raise NoSuchClip(clip=wanted, clips=", ".join(clip.key for clip in clips))
    return (exact or found)[0]


def _is_called(clip: Clip, wanted: str) -> bool:
    return wanted in (clip.key, clip.path, Path(clip.path).name)
