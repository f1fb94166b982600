"""The command line: `unisono serve`, `unisono produce`, `unisono robots`, `unisono check`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import click

import unisono
from unisono.config import Settings
from unisono.errors import BadSetting, OperatorError

_SWITCH_SECONDS = 0.0005
"""Whoever waits for the GIL after a native call gets it this soon; Python's usual 5 ms are a quarter of a frame."""


class _Lazy(click.Group):
    """Commands that live elsewhere are imported only when they are called: a server needs none of what robots need."""

    elsewhere: ClassVar[dict[str, str]] = {
        "robots": "unisono.robots.cli:robots",
        "check": "unisono.check:check_command",
        "produce": "unisono.studio.cli:produce",
        "film": "unisono.studio.film.cli:film",
    }

    def invoke(self, ctx: click.Context) -> object:
        """Do what was asked for; a command that is ended before it could say anything says nothing but that."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from unisono.studio.interrupted import INTERRUPTED  # no command that ends by itself needs it

            click.echo("Stopped.", err=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted([*super().list_commands(ctx), *self.elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.elsewhere:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.elsewhere[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy)
@click.version_option(unisono.__version__, prog_name="unisono")
def main() -> None:
    """Unisono: people who cannot leave home sing together, and are recorded exactly in place."""


@main.command()
@click.option("--host", help="Address to listen on; 0.0.0.0 opens the server to the network.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder for database and recordings.")
@click.option("--database", help="SQLAlchemy URL of the database; SQLite in the data folder if not given.")
@click.option("--cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TLS certificate (PEM).")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its private key (PEM).")
def serve(**options: str | int | Path | None) -> None:
    """Serve courtyards. Every option is also a setting: UNISONO_PORT and so on (docs/settings.md)."""
    try:
        given = {name: value for name, value in options.items() if value is not None}
        settings = replace(Settings.read(), **given)  # type: ignore[arg-type]
        logging.basicConfig(
            level=settings.log.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(_serve(settings))
    except OperatorError as error:
        raise click.ClickException(str(error)) from error


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: its turn of the loop, of which a song takes thousands a second, is C."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


async def _serve(settings: Settings) -> None:
    """Until the process is asked to end."""
    from aiohttp import web

    from unisono.live.app import make_app
    from unisono.opus import version

    version()
    runner = web.AppRunner(await make_app(settings), access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=_tls(settings), backlog=512)
        try:
            await site.start()
        except OSError as error:
            raise BadSetting(name="UNISONO_PORT", value=str(settings.port), reason=str(error.strerror)) from error
        port = runner.addresses[0][1]
        scheme = "https" if settings.cert else "http"
        shown = "localhost" if settings.host in ("0.0.0.0", "::", "localhost", "127.0.0.1") else settings.host  # noqa: S104
        _settle_down()
        click.echo(f"Unisono serves {scheme}://{shown}:{port}  (recordings in {settings.data}; Ctrl-C ends it)")
        await _until_asked_to_end()
    finally:
        await runner.cleanup()


def _settle_down() -> None:
    """Before anybody comes: as many open files as the system allows, and no pauses to look through what never goes.

    A full garbage collection over all that a server imports holds the event loop up for a tenth of a second, in the
    middle of a song. What stands now stays; what sounds is freed as it goes, without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        import resource
    except ImportError:
        return  # a system without such limits
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.cert is None or settings.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise BadSetting(name="UNISONO_CERT", value=str(settings.cert), reason=str(error)) from error
    return context


async def _until_asked_to_end() -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
