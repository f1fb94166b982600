"""`unisono film`: a film from what the studio has left in a folder."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from unisono.config import Settings
from unisono.errors import UnisonoError
from unisono.studio.film import facade
from unisono.studio.film.brief import Film, Shape
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import Made, fingerprint, make
from unisono.studio.film.make import Progress as Share
from unisono.studio.film.webm import write_webm

_INTERRUPTED = 130
_SAYS = {
    "look": "Looking at the clips",
    "proxies": "Making the clips small",
    "draw": "Drawing the façade",
    "render": "Filming",
    "join": "Joining",
}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The film, an MP4.")
@click.option("--title", help="What stands over it; the folder's own title if not given.")
@click.option("--place", help="Where it was sung.")
@click.option("--date", help="When it was sung, in any words.")
@click.option("--facade", "house", type=click.Choice(facade.names()), help="In front of which house.")
@click.option("--size", default="1920x1080", show_default=True, help="Pixels: 1080x1920 stands, 1080x1080 is square.")
@click.option("--preset", default="veryfast", show_default=True, help="How hard x264 tries.")
@click.option("--crf", default=23, show_default=True, help="How much it may lose; less is better.")
@click.option("--picture", "pictures", multiple=True, metavar="NAME", help="Show only the pictures of these clips.")
@click.option("--no-pictures", is_flag=True, help="Show flags and light only.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Where pieces grow; beside --out.")
@click.option("--webm", is_flag=True, help="A WebM (VP9, Opus) beside it, too.")
@click.option("--json", "as_json", is_flag=True, help="Tell progress as lines of JSON.")
def film(
    folder: Path,
    out: Path,
    title: str | None,
    place: str | None,
    date: str | None,
    house: str | None,
    size: str,
    preset: str,
    crf: int,
    pictures: tuple[str, ...],
    no_pictures: bool,
    work: Path | None,
    webm: bool,
    as_json: bool,
) -> None:
    """Make the film of FOLDER: a performance's, or one that `unisono produce` made, or one with a film.json.

    Beside the film come its subtitles (.vtt) and a poster (.jpg). Run again after it was interrupted, it goes on from
    there. Clips given to `unisono produce` are shown unless --picture or --no-pictures says otherwise; takes of a
    performance's page are shown if their people agreed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        seen = frozenset(pictures) if pictures or no_pictures else None
        brief = brief_of(folder, seen, songbook=Settings.read().songbook)
        told = {"title": title, "place": place, "date": date, "facade": house}
        given = {name: value for name, value in told.items() if value is not None}
        brief = msgspec.structs.replace(brief, shape=_shape(size, preset, crf), **given)
        grows = work or out.with_name(f".{out.stem}.film")
        made = _make(brief, grows, out, as_json)
        if webm:
            write_webm(brief, out, grows / f"{fingerprint(brief)}-webm", out.with_suffix(".webm"))
    except UnisonoError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted; run the same command again and it goes on from here.", err=True)
        sys.exit(_INTERRUPTED)
    click.echo(msgspec.json.encode(made).decode() if as_json else f"{made.film}: {made.frames / 25:.0f} s of film")


def _shape(size: str, preset: str, crf: int) -> Shape:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None:
        raise click.BadParameter("a size is WIDTHxHEIGHT", param_hint="--size")
    width, height = (int(side) // 2 * 2 for side in found.groups())
    if not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise click.BadParameter("sides have 64 to 4096 pixels", param_hint="--size")
    return Shape(width=width, height=height, preset=preset, crf=crf)


def _make(brief: Film, work: Path, out: Path, as_json: bool) -> Made:
    if as_json:
        return make(brief, work, out, lambda share: click.echo(msgspec.json.encode(share).decode()))
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task(_SAYS["look"], total=1.0, left="")

        def show(share: Share) -> None:
            bar.update(line, completed=share.share, description=_SAYS[share.step], left=_left(share.left_s))

        return make(brief, work, out, show)


def _left(left_s: float | None) -> str:
    return "" if left_s is None else f"{time.strftime('%M:%S', time.gmtime(max(0.0, left_s)))} left"
