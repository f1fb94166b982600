"""The film's worker: `python -m unisono.studio.film.worker FOLDER FORM`, which makes a performance's film in one form.

It runs at low priority in a process group of its own, so that it can be held, with everything it started, while a song
is sung. It tells its progress as the studio's worker does, and ends when nobody holds its standard input any more: a
server that is killed leaves nobody behind, and its next one goes on with the pieces that are finished.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import av
import msgspec

from unisono.config import Settings
from unisono.errors import UnisonoError
from unisono.studio.film.brief import FRAME_RATE, Shape
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import Made, Progress, fingerprint, make
from unisono.studio.film.released import (
    FILM_FOLDER,
    FORMS,
    SIZES,
    WEBM,
    WIDE,
    Release,
    film_folder,
    film_path,
    read_release,
    work_folder,
    write_release,
)
from unisono.studio.film.webm import write_webm
from unisono.studio.performance import FileReport
from unisono.studio.worker import alone

NICENESS = 9
"""Those who draw and encode are ten nicer still."""
_BYTES_MAX = 6 * 2**30
_SECONDS_MAX = 6 * 3600


def main(arguments: list[str]) -> int:
    """The process's exit code: 0 done, 1 told why not, 2 not called rightly."""
    if len(arguments) != 2 or arguments[1] not in FORMS:
        sys.stderr.write(f"usage: python -m unisono.studio.film.worker FOLDER {'|'.join(FORMS)}\n")
        return 2
    folder, form = Path(arguments[0]), arguments[1]
    return at_low_priority(folder, lambda: release(folder, form))


def at_low_priority(folder: Path, work: Callable[[], object]) -> int:
    """Do this for the film of the performance in `folder`, alone and within limits; the process's exit code."""
    _end_with_the_server()
    os.nice(NICENESS)
    for what, most in ((resource.RLIMIT_AS, _BYTES_MAX), (resource.RLIMIT_CPU, _SECONDS_MAX)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        film_folder(folder).mkdir(exist_ok=True)
        with alone(film_folder(folder)):
            work()
    except UnisonoError as error:
        _tell({"error": {"code": error.code, "text": str(error)}})
        return 1
    except (OSError, MemoryError, ValueError, av.FFmpegError) as error:
        _tell({"error": {"code": "film_failed", "text": f"{type(error).__name__}: {error}"}})
        return 1
    _tell({"done": True})
    return 0


def release(folder: Path, form: str) -> Release:
    """Make the film, unless it is there and fits. Raises FilmFailed, OSError."""
    if form == WEBM:
        return _release_webm(folder)
    width, height = SIZES[form]
    brief = brief_of(folder, songbook=Settings.read().songbook)
    brief = msgspec.structs.replace(brief, shape=Shape(width=width, height=height))
    wanted = fingerprint(brief)
    before = read_release(folder, form)
    if before is not None and before.fingerprint == wanted:
        return before
    work = work_folder(folder)
    _leave_only(work, wanted)
    made = make(brief, work, film_path(folder, form), tell_progress)
    if made.subtitles is None:
        film_path(folder, form).with_suffix(".vtt").unlink(missing_ok=True)
    done = Release(form=form, fingerprint=wanted, seconds=made.frames / FRAME_RATE, files=_files(made))
    write_release(folder, done)
    _leave_only(work, "")
    return done


def _release_webm(folder: Path) -> Release:
    """The wide film as WebM; if that one is not there or does not fit any more, it is made before."""
    wide = release(folder, WIDE)
    wanted = hashlib.sha256(f"{WEBM} {wide.fingerprint}".encode()).hexdigest()[:24]
    before = read_release(folder, WEBM)
    if before is not None and before.fingerprint == wanted:
        return before
    work, path = work_folder(folder), film_path(folder, WEBM)
    _leave_only(work, wanted)
    brief = brief_of(folder, songbook=Settings.read().songbook)
    write_webm(brief, film_path(folder, WIDE), work / wanted, path, _told_webm)
    file = FileReport(name=f"{FILM_FOLDER}/{path.name}", kind=WEBM, size_bytes=path.stat().st_size)
    done = Release(form=WEBM, fingerprint=wanted, seconds=wide.seconds, files=(file,))
    write_release(folder, done)
    _leave_only(work, "")
    return done


def _told_webm(share: float, left_s: float | None) -> None:
    tell_progress(Progress(share=share, step="render" if share < 1 else "join", left_s=left_s))


def _leave_only(work: Path, name: str) -> None:
    """Of what grew here keep that film, or if it is there its proxies, which fit the next one too."""
    kept = (name, "proxies", "pieces") if name else ("proxies",)
    for path in work.glob("*"):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _files(made: Made) -> tuple[FileReport, ...]:
    paths = [Path(path) for path in (made.film, made.poster, made.subtitles) if path is not None]
    return tuple(
        FileReport(name=f"{FILM_FOLDER}/{path.name}", kind=path.suffix[1:], size_bytes=path.stat().st_size)
        for path in paths
    )


def tell_progress(progress: Progress) -> None:
    """Tell whoever started this process how far it is."""
    _tell({"share": round(progress.share, 4), "step": progress.step, "left_s": progress.left_s})


def _end_with_the_server() -> None:
    """Whoever started this holds its input open; when that ends there is nobody to make a film for."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _tell(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
