"""Released: what a performance's folder holds of its film, where the live server and the studio meet.

    film/<form>.mp4, .jpg, .vtt   the film in one form, its poster, its words
    film/webm.webm                the wide one as VP9 and Opus
    film/<form>.json              Release: what it was made of; written last of all
    film/wanted.json              Wanted: which forms are wanted, and whether something of that is to be done
    film/work/                    pieces and proxies
    film/ahead                    clips have come of which proxies are still to be made

Everything but `wanted.json` can be made again. `wide` is made of every song, the others when somebody asks.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from unisono.studio.film.brief import mark_of
from unisono.studio.performance import FileReport
from unisono.studio.seen import pictures_of, seats_seen
from unisono.studio.takes import take_folder, takes_of

FILM_FOLDER: Final = "film"
WIDE: Final = "wide"
SIZES: Final[dict[str, tuple[int, int]]] = {WIDE: (1920, 1080), "tall": (1080, 1920), "square": (1080, 1080)}
"""Width and height of each form that is laid out for itself, in pixels."""
WEBM: Final = "webm"
"""The wide film in another format."""
FORMS: Final = (*SIZES, WEBM)
"""Everything that can be asked for."""
PROXIES: Final = "proxies"
"""In the work folder: clips made small; what each file is made of is the first part of its name (`mark_of`)."""
_WANTED_FILE = "wanted.json"
_AHEAD_FILE = "ahead"
_T = TypeVar("_T")


class Release(Struct, frozen=True, kw_only=True):
    """A film that was made. fingerprint: of its brief and every file in it; seconds: how long it plays."""

    form: str
    fingerprint: str
    seconds: float
    files: tuple[FileReport, ...]


class Wanted(Struct, frozen=True, kw_only=True):
    """forms: in this order. pending: some are not there, or fit no longer. code: why one failed, or `stopped`."""

    forms: tuple[str, ...] = (WIDE,)
    pending: bool = False
    code: str = ""


def film_folder(performance: Path) -> Path:
    """Where a performance's film is."""
    return performance / FILM_FOLDER


def work_folder(performance: Path) -> Path:
    """Where its pieces grow."""
    return film_folder(performance) / "work"


def film_path(performance: Path, form: str) -> Path:
    """The film itself. Raises ValueError for a form that there is not."""
    if form not in FORMS:
        raise ValueError(f"{form!r} is no form of a film")
    return film_folder(performance) / (f"{form}.webm" if form == WEBM else f"{form}.mp4")


def read_release(performance: Path, form: str) -> Release | None:
    """What was made in this form, if all of it is there."""
    release = _read(film_path(performance, form).with_suffix(".json"), Release)
    return release if release is not None and _is_whole(performance, release) else None


def releases(performance: Path) -> list[Release]:
    """Every form that is there."""
    found = (read_release(performance, form) for form in FORMS)
    return [release for release in found if release is not None]


def write_release(performance: Path, release: Release) -> None:
    """Say that a form is there."""
    _write(film_path(performance, release.form).with_suffix(".json"), release)


def read_wanted(performance: Path) -> Wanted | None:
    """What is wanted; None while nobody has wanted anything."""
    return _read(film_folder(performance) / _WANTED_FILE, Wanted)


def write_wanted(performance: Path, wanted: Wanted) -> None:
    """Keep what is wanted, whole or not at all. Raises OSError."""
    film_folder(performance).mkdir(exist_ok=True)
    _write(film_folder(performance) / _WANTED_FILE, wanted)


def pending_in(performances: Path) -> list[str]:
    """The performances in this folder of which a film is still to be made."""
    found = sorted(performances.glob(f"*/{FILM_FOLDER}/{_WANTED_FILE}"))
    folders = [path.parents[1] for path in found]
    return [folder.name for folder in folders if (wanted := read_wanted(folder)) and wanted.pending]


def mark_ahead(performance: Path) -> None:
    """Clips have come that are to be made small. Raises OSError."""
    film_folder(performance).mkdir(exist_ok=True)
    (film_folder(performance) / _AHEAD_FILE).touch()


def unmark_ahead(performance: Path) -> None:
    """They are, or are not to be any more."""
    (film_folder(performance) / _AHEAD_FILE).unlink(missing_ok=True)


def marked_ahead(performances: Path) -> list[str]:
    """The performances in this folder that are marked so."""
    return sorted(path.parents[1].name for path in performances.glob(f"*/{FILM_FOLDER}/{_AHEAD_FILE}"))


def take_away(performance: Path, still_seen: Iterable[Sequence[Path]] = ()) -> None:
    """Delete the film in every form, and everything that was made of anybody's picture for it.

    still_seen: the files of each clip that may be seen as before (`clips_seen`); what was made of it alone stays.
    """
    leave_proxies(performance, still_seen)
    kept = {film_folder(performance) / _WANTED_FILE, work_folder(performance), work_folder(performance) / PROXIES}
    for path in (*film_folder(performance).glob("*"), *work_folder(performance).glob("*")):
        if path.is_dir() and path not in kept:
            shutil.rmtree(path, ignore_errors=True)
        elif path not in kept:
            path.unlink(missing_ok=True)


def leave_proxies(performance: Path, still_seen: Iterable[Sequence[Path]]) -> None:
    """Delete what was made of clips, but of these."""
    marks = tuple(mark_of(clip) for clip in still_seen)
    for path in (work_folder(performance) / PROXIES).glob("*"):
        if not path.name.startswith(marks or ("/",)):
            path.unlink(missing_ok=True)


def clips_seen(performance: Path) -> list[tuple[Path, ...]]:
    """The files of every clip that a film may show, by what everybody said last."""
    cameras = [pictures_of(performance, seat) for seat in seats_seen(performance)]
    takes = [take_folder(performance, take.take) / take.original for take in takes_of(performance) if take.picture]
    return [*cameras, *((path,) for path in takes)]


def _is_whole(performance: Path, release: Release) -> bool:
    paths = ((performance / file.name, file.size_bytes) for file in release.files)
    return all(path.is_file() and path.stat().st_size == size_bytes for path, size_bytes in paths)


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, value: Struct) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(msgspec.json.encode(value))
    part.replace(path)
