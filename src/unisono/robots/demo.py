"""`make demo`: a courtyard that is already singing, for whoever wants to see and hear Unisono at once.

Starts a server if none answers, opens a courtyard, fills it with robots, one of them leading song after song, and
prints the links. Ctrl-C sends everybody home.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import click
from rich.console import Console

from unisono.client import Links, open_courtyard
from unisono.config import Settings
from unisono.errors import UnisonoError
from unisono.robots.choir import free_song_s, make_robots, sing
from unisono.robots.cli import run_until_stopped
from unisono.robots.leading import Programme
from unisono.robots.plan import ChoirSpec

PIECE = "ode-to-joy"
_READY_S = 30.0
_KEEPS = 5


@click.command()
@click.option("--server", default=None, help="A server that runs; by default the one of this machine's settings.")
@click.option("--voices", type=click.IntRange(1, 100), default=6, show_default=True, help="How many robots.")
@click.option(
    "--wav",
    "wavs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Recordings for them to sing freely; without any they hum the Ode to Joy in four parts.",
)
@click.option("--songs", type=click.IntRange(0), default=0, help="So many songs; 0 is without end.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same neighbours.")
def demo(server: str | None, voices: int, wavs: tuple[Path, ...], songs: int, seed: int) -> None:
    """Open a courtyard in which robots sing already, and print its links."""
    spec = ChoirSpec(voices=voices, leads=True, seed=seed)
    try:
        run_until_stopped(_demo(server or _own_server(), spec, wavs, songs=songs))
    except UnisonoError as error:
        raise click.ClickException(str(error)) from error
    except aiohttp.ClientError as error:
        raise click.ClickException(f"the server does not answer: {error}") from error


def _own_server() -> str:
    settings = Settings.read()
    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    return f"{'https' if settings.cert else 'http'}://{host}:{settings.port}"


async def _demo(server: str, spec: ChoirSpec, wavs: tuple[Path, ...], *, songs: int) -> None:
    console = Console()
    async with aiohttp.ClientSession() as http, _served(http, server):
        links = await open_courtyard(http, server, title="The robots' courtyard", place="Unisono")
        robots = await make_robots(links.singers, spec, wavs, leads_by=links.host)
        _print_links(console, links, hums=not wavs)
        programme = Programme(
            piece=None if wavs else PIECE,
            free_song_s=free_song_s(robots),
            songs=songs,
            singers=spec.voices,
            keeps=_KEEPS,
        )
        await sing(robots, programme=programme, console=console)


def _print_links(console: Console, links: Links, *, hums: bool) -> None:
    if hums:
        console.print("These robots hum; with --wav they sing recordings.")
    for who, link in (("Sing with them", links.singers), ("Listen", links.listeners), ("Be the host", links.host)):
        console.print(f"{who}: {link.page_url}", highlight=False, soft_wrap=True)


@contextlib.asynccontextmanager
async def _served(http: aiohttp.ClientSession, server: str) -> AsyncIterator[None]:
    """A server that answers for as long as this lasts: the one that is there, or one of our own."""
    if await _answers(http, server):
        yield
        return
    process = await _start()
    try:
        async with asyncio.timeout(_READY_S):
            while not await _answers(http, server):
                if process.returncode is not None:
                    raise click.ClickException(f"nothing answers at {server}, and no server could be started there")
                await asyncio.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _start() -> Process:
    """A server of this machine's settings, out of reach of the terminal's Ctrl-C: the robots leave first."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "unisono", "serve", stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )


async def _answers(http: aiohttp.ClientSession, server: str) -> bool:
    try:
        async with http.get(f"{server}/health", timeout=aiohttp.ClientTimeout(total=2.0)) as response:
            return response.status == 200 and bool((await response.json()).get("ok"))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


if __name__ == "__main__":
    demo()
