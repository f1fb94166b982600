"""What is written is true: settings, commands, links and the map are compared with what is there."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import click
import pytest

from unisono import config
from unisono.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
SPOKEN = {True: "yes", False: "no"}


def test_every_setting_is_described_as_the_code_describes_it() -> None:
    rows = re.findall(r"^\| `UNISONO_(\w+)` \| (.+?) \| (.+?) \|$", SETTINGS, re.MULTILINE)
    written = {name.lower(): plain(meaning) for name, _, meaning in rows}
    assert written == {name: plain(meaning) for name, meaning in settings_docstrings().items()}


def test_every_default_in_the_settings_page_is_the_default() -> None:
    rows = re.findall(r"^\| `UNISONO_(\w+)` \| `(.+?)` \|", SETTINGS, re.MULTILINE)
    shown = {name.lower(): default for name, default in rows}
    real = {field.name: field.default for field in fields(config.Settings) if field.default is not MISSING}
    for name, default in shown.items():
        value = real[name]
        assert default == (SPOKEN[value] if isinstance(value, bool) else str(value)), name
    # What has no fixed default says so in words, without code marks.
    assert set(real) - set(shown) == {"data", "database", "blobs", "songbook", "cert", "key"}


def settings_docstrings() -> dict[str, str]:
    """Each field of Settings with the string that stands under it."""
    body = ast.parse(inspect.getsource(config.Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(below, ast.Expr), f"{field.target.id} has no description"
            assert isinstance(below.value, ast.Constant)
            found[field.target.id] = str(below.value.value)
    return found


def plain(text: str) -> str:
    """Without marks, capitals and the full stop, so that a table cell and a docstring can be compared."""
    return re.sub(r"\W+", " ", text).strip().lower()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_named_exists(page: Path) -> None:
    named = re.findall(r"(?:^    |`)make ((?:[a-z-]+ ?)+)", page.read_text(), re.MULTILINE)
    assert {target for words in named for target in words.split()} <= make_targets()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()) + re.findall(r'src="(.+?)"', page.read_text())
    away = [link for link in links if not link.startswith(("http:", "https:"))]
    assert not [link for link in away if not (page.parent / link).exists()]


def test_make_says_what_it_can_do_and_every_target_can_be_planned() -> None:
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    offered = re.findall(r"^make ([a-z]+)", told, re.MULTILINE)
    assert set(offered) <= make_targets()
    for target in offered:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def commands() -> dict[str, click.Command]:
    assert isinstance(main, click.Group)
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def test_every_unisono_command_in_the_readme_exists_with_its_options() -> None:
    # Commands stand in indented blocks or in code marks; prose may say "unisono" as it likes.
    lines = re.findall(r"(?:^    |`)unisono ([a-z]+)([^`\n]*)", README, re.MULTILINE)
    assert {name for name, _ in lines} == {"serve", "robots", "check"}
    for name, rest in lines:
        options = {option for parameter in commands()[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options | {"--help"}, name


def test_the_entry_point_runs() -> None:
    program = Path(sys.executable).parent / "unisono"
    told = subprocess.run([str(program), "--help"], check=True, capture_output=True, text=True).stdout
    assert {"serve", "robots", "check"} <= set(re.findall(r"^  (\w+)", told, re.MULTILINE))


def test_every_module_is_on_the_map() -> None:
    package = ROOT / "src/unisono"
    modules = {path for kind in ("py", "js") for path in package.rglob(f"*.{kind}") if path.parent.name != "versions"}
    assert sorted(str(path.relative_to(ROOT)) for path in modules - set(map_paths())) == []


def test_the_map_names_only_what_is_there() -> None:
    assert [str(path) for path in map_paths() if not path.exists()] == []


def map_paths() -> list[Path]:
    """Every path on the map: in its prose in code marks, in its trees below a folder on a line of its own."""
    bases = [ROOT, ROOT / "src/unisono", ROOT / "src/unisono/web/static"]
    folder, paths = ROOT, []
    for line in (ROOT / "docs/map.md").read_text().splitlines():
        if heading := re.fullmatch(r"    ([\w./-]+/)", line):
            folder = ROOT / heading[1]
        elif entries := re.match(r"      ([\w./-]+(?:, [\w./-]+)*)(?:  |$)", line):
            paths += [folder / name for name in entries[1].split(", ")]
        else:
            named = re.findall(r"`([\w-]+/[\w./-]*)`", line)
            paths += [next((base / name for base in bases if (base / name).exists()), ROOT / name) for name in named]
    return paths
