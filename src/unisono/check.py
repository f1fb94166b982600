"""`unisono check`: is this machine fit to run Unisono, and which links will work on which devices?

Whoever starts a server wants to know before the guests come; this asks (fitness.py, addresses.py) and prints.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unisono.addresses import Link, Use, addresses, links
from unisono.config import Settings
from unisono.errors import BadSetting
from unisono.fitness import Finding, Verdict, findings

_MARKS = {Verdict.GOOD: "[green]good[/]", Verdict.WEAK: "[yellow]weak[/]", Verdict.BAD: "[bold red]bad[/]"}
_USES = {Use.EVERYTHING: "[green]everything[/]", Use.LISTENING: "[yellow]listening[/]", Use.NOTHING: "[dim]nothing[/]"}


@click.command("check")
@click.option("--host", help="The address the server would listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port it would listen on.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The folder for recordings.")
@click.option("--cert", type=click.Path(path_type=Path, dir_okay=False), help="The certificate, for HTTPS.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="The certificate's private key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def check_command(
    *, host: str | None, port: int | None, data: Path | None, cert: Path | None, key: Path | None, as_json: bool
) -> None:
    """Say whether this machine is fit, and which links will work where. Ends with 1 if something essential fails."""
    try:
        settings = _settings(host, port, data, cert, key)
    except BadSetting as error:
        raise click.ClickException(str(error)) from error
    found = findings(settings)
    ways = links(settings.host, settings.port, secure=settings.cert is not None, addresses=addresses())
    if as_json:
        click.echo(json.dumps(report(found, ways), indent=2))
    else:
        show(found, ways, Console())
    if not is_fit(found):
        raise SystemExit(1)


def _settings(host: str | None, port: int | None, data: Path | None, cert: Path | None, key: Path | None) -> Settings:
    """The environment's settings, overridden by what the command line names."""
    base = Settings.read()
    return dataclasses.replace(
        base,
        host=base.host if host is None else host,
        port=base.port if port is None else port,
        data=data or base.data,
        cert=cert or base.cert,
        key=key or base.key,
    )


def is_fit(found: list[Finding]) -> bool:
    """Whether nothing essential fails."""
    return all(finding.verdict is not Verdict.BAD for finding in found)


def report(found: list[Finding], ways: list[Link]) -> dict[str, object]:
    """Everything as plain values, for `--json`."""
    return {
        "fit": is_fit(found),
        "findings": [dataclasses.asdict(finding) for finding in found],
        "links": [dataclasses.asdict(way) for way in ways],
    }


def show(found: list[Finding], ways: list[Link], console: Console) -> None:
    """Two tables and one sentence."""
    machine = Table(title="This machine", title_justify="left")
    for heading in ("What", "", "How"):
        machine.add_column(heading)
    for finding in found:
        machine.add_row(finding.name, _MARKS[finding.verdict], escape(finding.says))
    doors = Table(title="Links", title_justify="left")
    doors.add_column("Address", no_wrap=True)  # whole, so that it can be copied
    for heading in ("For", "Good for", ""):
        doors.add_column(heading)
    for way in ways:
        doors.add_row(escape(way.url), way.devices, _USES[way.use], way.says)
    console.print(machine, doors)
    console.print(_last_word(found), highlight=False)


def _last_word(found: list[Finding]) -> str:
    bad = [finding.name for finding in found if finding.verdict is Verdict.BAD]
    if bad:
        return f"[bold red]Not fit yet.[/] See to: {', '.join(bad)}."
    return "This machine is fit. Start with: unisono serve"
