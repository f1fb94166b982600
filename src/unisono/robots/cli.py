"""`unisono robots LINK`: neighbours for a courtyard, through the public protocol and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path

import aiohttp
import click
from rich.console import Console

from unisono.client import Link, WeatherSpec, parse_link, pieces
from unisono.errors import UnisonoError
from unisono.robots.choir import free_song_s, make_robots, sing
from unisono.robots.leading import Programme
from unisono.robots.plan import ChoirSpec, Range, parse_range


class RangeType(click.ParamType[Range]):
    """A number, or two with dots between: 20..120."""

    name = "range"

    def __init__(self, *, symmetric: bool = False) -> None:
        self._symmetric = symmetric

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Range:
        if isinstance(value, Range):
            return value
        try:
            return parse_range(str(value), symmetric=self._symmetric)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor a range such as 20..120", param, ctx)


@click.command("robots")
@click.argument("link")
@click.option("--voices", type=click.IntRange(1, 1000), default=8, show_default=True, help="How many robots.")
@click.option(
    "--wav",
    "wavs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A recording to sing from the song's start (WAV, FLAC, ...); several go round. Without one, robots hum.",
)
@click.option("--latency-ms", type=RangeType(), default="20..120", show_default=True, help="Their cards' round trip.")
@click.option(
    "--drift-ppm",
    type=RangeType(symmetric=True),
    default="50",
    show_default=True,
    help="Their cards' clocks; N is -N..N.",
)
@click.option("--late-joins", type=click.IntRange(0), default=0, help="So many come in the middle of the first song.")
@click.option("--reconnects", type=click.IntRange(0), default=0, help="So often in a song each drops out and returns.")
@click.option("--sleeps", type=click.IntRange(0), default=0, help="So often in a song the sound of each stands still.")
@click.option("--jitter-ms", type=click.FloatRange(0, 5000), default=0.0, help="Jitter of their network, each way.")
@click.option("--loss", type=click.FloatRange(0, 0.5), default=0.0, help="Share of messages that stall their stream.")
@click.option("--lead", is_flag=True, help="The first robot leads; the link must be a host's.")
@click.option("--piece", default=None, help="What the leading robot picks; free singing without it.")
@click.option("--songs", type=click.IntRange(0), default=0, help="So many songs are led; 0 is without end.")
@click.option("--echo", is_flag=True, help="They repeat exactly what they hear instead of singing.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same neighbours.")
def robots(
    link: str,
    voices: int,
    wavs: tuple[Path, ...],
    latency_ms: Range,
    drift_ppm: Range,
    late_joins: int,
    reconnects: int,
    sleeps: int,
    jitter_ms: float,
    loss: float,
    lead: bool,
    piece: str | None,
    songs: int,
    echo: bool,
    seed: int,
) -> None:
    """Add robot neighbours to the courtyard behind LINK.

    They sing recordings, each at the position it hears, through simulated sound cards with a latency and a clock of
    their own. They leave on Ctrl-C.
    """
    try:
        spec = ChoirSpec(
            voices=voices,
            latency_ms=latency_ms,
            drift_ppm=drift_ppm,
            late_joins=late_joins,
            reconnects=reconnects,
            sleeps=sleeps,
            weather=WeatherSpec(jitter_ms=jitter_ms, loss=loss),
            leads=lead,
            echoes=echo,
            seed=seed,
        )
        run_until_stopped(_robots(parse_link(link), spec, wavs, piece=piece, songs=songs))
    except (UnisonoError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except aiohttp.ClientError as error:
        raise click.ClickException(f"the server does not answer: {error}") from error


async def _robots(link: Link, spec: ChoirSpec, wavs: tuple[Path, ...], *, piece: str | None, songs: int) -> None:
    console = Console()
    if piece is not None:
        await _check_piece(link, piece)
    choir = await make_robots(link, spec, wavs)
    if not wavs and not spec.echoes:
        console.print("No recording given: the robots hum their part of the piece.", highlight=False)
    programme = None
    if spec.leads:
        programme = Programme(
            piece=piece, free_song_s=free_song_s(choir), songs=songs, singers=spec.voices - spec.late_joins
        )
    await sing(choir, programme=programme, console=console)


async def _check_piece(link: Link, piece: str) -> None:
    async with aiohttp.ClientSession() as http:
        known = [one["id"] for one in await pieces(http, link.server)]
    if piece not in known:
        raise click.ClickException(f"the songbook has no {piece!r}; it has {', '.join(known) or 'nothing'}")


def run_until_stopped(work: Coroutine[None, None, None]) -> None:
    """Run it; Ctrl-C and a polite kill end it cleanly, everybody leaving the courtyard."""

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work

    asyncio.run(run())
