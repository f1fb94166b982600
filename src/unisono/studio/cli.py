"""`unisono produce`: clips and a guide in, a mix and a report out. What is wanted; `commanded.py` does it.

Only what can be imported at once is imported here: the hands are called first, and get ready meanwhile.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unisono.studio.film.facade import names as facade_names
from unisono.studio.standby import hands_for
from unisono.web.i18n import LANGUAGES

CLEANING_STEPS = ("rumble", "guide", "hum", "noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for, as the options say it."""

    clips: tuple[Path, ...]
    guide: str
    out: Path
    names: tuple[str, ...]
    parts: tuple[str, ...]
    places: tuple[str, ...]
    towns: tuple[str, ...]
    flags: tuple[str, ...]
    people: Path | None
    leads: tuple[str, ...]
    title: str | None
    date: str | None
    facade: str | None
    language: str | None
    as_json: bool
    with_film: bool
    without: tuple[str, ...]
    include_unsure: bool
    keep_guide: bool
    free_tempo: bool
    key: int
    tempo_bpm: int


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CLIPS...")
@click.option("--guide", required=True, help="A sound file, a performance's folder, or a piece of the songbook.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option("--name", "names", multiple=True, metavar="CLIP=NAME", help="Who sings in a clip.")
@click.option("--part", "parts", multiple=True, metavar="CLIP=PART", help="Which part of the piece a clip sings.")
@click.option("--place", "places", multiple=True, metavar="CLIP=SECONDS", help="Where on the guide a clip begins.")
@click.option("--from", "towns", multiple=True, metavar="CLIP=PLACE", help="Where they sing; for the film.")
@click.option("--flag", "flags", multiple=True, metavar="CLIP=FLAG", help="What hangs from their window: it, #rrggbb…")
@click.option(
    "--people",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A table (CSV) of who sings: clip, name, place, flag, part, lead.",
)
@click.option("--lead", "leads", multiple=True, metavar="CLIP", help="A clip that stands on top of the others.")
@click.option("--include-unsure", is_flag=True, help="Mix clips whose place is not certain, too.")
@click.option("--keep-guide", is_flag=True, help="Lay the guide under the voices.")
@click.option("--free-tempo", is_flag=True, help="The clips were not sung to the guide's own time.")
@click.option("--without", multiple=True, type=click.Choice(CLEANING_STEPS), help="A step of cleaning to leave out.")
@click.option("--key", type=int, default=0, help="Semitones from the written key, if the guide is a piece.")
@click.option("--tempo", "tempo_bpm", type=int, default=0, help="Beats per minute, if the guide is a piece.")
@click.option("--film", "with_film", is_flag=True, help="Make a film of it, too: every clip in its window.")
@click.option("--title", help="What stands over the film; the guide's title if not given.")
@click.option("--date", help="When it was sung, in any words; for the film.")
@click.option("--facade", type=click.Choice(facade_names()), help="In front of which house the film is.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the report; that of this terminal if not given.")
@click.option("--json", "as_json", is_flag=True, help="Tell progress as lines of JSON.")
def produce(**chosen: Any) -> None:
    """Make one mix of anybody's clips, each placed where it was sung to the guide.

    CLIPS are recordings of any kind, or folders of them. Into the folder --out come the mix, every voice alone, and
    report.html, which says what was done to each clip; with --film the film, in which every clip's picture is shown. A
    clip whose place is not certain is left out of the mix until --place says where it begins. Run again, it does only
    what has changed; Ctrl-C ends it, and it goes on from there.
    """
    wanted = Wanted(**chosen)
    try:
        with hands_for(wanted.clips) as ready:
            from unisono.studio.commanded import run  # while the hands get ready

            run(wanted, ready)
    except KeyboardInterrupt:  # before `run` could say so itself
        from unisono.studio import interrupted

        language = wanted.language or interrupted.language_here()
        click.echo(interrupted.as_json() if wanted.as_json else interrupted.said_in(language), nl=not wanted.as_json)
        sys.exit(interrupted.INTERRUPTED)
