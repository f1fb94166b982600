"""Ahead: clips are made small when they have arrived, before anybody makes their film.

`python -m unisono.studio.film.ahead FOLDER [TAKE...]` makes what a performance's film will look for (proxies.py), under
the names by which it looks: of whoever agreed to be seen, in the windows that they will have if all come who are
expected. It runs as the film's worker does: low in priority, in a group of processes that can be held, until its
standard input ends. What is finished is kept whatever happens; a film that finds a clip missing makes it itself.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from unisono.config import Settings
from unisono.studio.film.brief import Film, Shape
from unisono.studio.film.crew import Crew
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import Progress, look
from unisono.studio.film.pieces import Folder, Task, Told, has_proxies
from unisono.studio.film.plan import sizes_ahead
from unisono.studio.film.proxies import make_empty
from unisono.studio.film.released import SIZES, Wanted, read_wanted, work_folder
from unisono.studio.film.worker import at_low_priority, tell_progress

_HOME = "ahead"


def main(arguments: list[str]) -> int:
    """The process's exit code: 0 done, 1 told why not, 2 not called rightly."""
    if not arguments:
        sys.stderr.write("usage: python -m unisono.studio.film.ahead FOLDER [TAKE...]\n")
        return 2
    folder, *takes = arguments
    return at_low_priority(Path(folder), lambda: make_ahead(Path(folder), frozenset(takes)))


def make_ahead(folder: Path, expected: frozenset[str] = frozenset(), *, workers: int | None = None) -> int:
    """Make the proxies that are missing; how many clips they are of. expected: takes that will be in the mix.

    Raises FilmFailed, OSError.
    """
    film = brief_of(folder, songbook=Settings.read().songbook, expected=expected)
    home = Folder(work_folder(folder) / _HOME)
    shutil.rmtree(home.path, ignore_errors=True)
    home.path.mkdir(parents=True)
    home.proxies.mkdir(exist_ok=True)
    for part in home.proxies.glob("*.part"):
        part.unlink(missing_ok=True)
    home.brief.write_bytes(msgspec.json.encode(film))
    with Crew(home.path, workers or os.cpu_count() or 1) as crew:
        look(film, home, crew)
        tasks = _missing(film, home, (read_wanted(folder) or Wanted()).forms)
        made = 0

        def heard(task: Task, told: Told) -> None:
            nonlocal made
            clip = film.voices[task.number].seen
            if told.lost and clip is not None:
                make_empty(clip, home.proxies, task.sizes)
            made += told.done
            tell_progress(Progress(share=made / len(tasks), step="proxies", left_s=None))

        crew.do(tasks, heard)
    shutil.rmtree(home.path, ignore_errors=True)
    return made


def _missing(film: Film, home: Folder, forms: tuple[str, ...]) -> list[Task]:
    """A task for every clip that is not there at each size, in any form that is wanted."""
    landscape = msgspec.json.decode(home.landscape.read_bytes(), type=tuple[bool | None, ...])
    sizes_of_forms = [SIZES[form] for form in forms if form in SIZES]
    shaped = [msgspec.structs.replace(film, shape=Shape(width=w, height=h)) for w, h in sizes_of_forms]
    tasks = []
    for number, voice in enumerate(film.voices):
        if voice.seen is None:
            continue
        sizes = tuple(dict.fromkeys(size for one in shaped for size in sizes_ahead(one, landscape, number)))
        if not has_proxies(home, voice.seen, sizes):
            tasks.append(Task(kind="proxy", number=number, sizes=sizes))
    return tasks


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
