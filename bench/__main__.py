"""`python -m bench NAME [--json] [--long] [--seed N]`: run bench/NAME.py's `run` and print its figures.

With --json exactly one JSON object goes to stdout; whatever else a bench has to say goes to stderr.
"""

import argparse
import importlib
import inspect
import json
import math
import sys
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def names() -> list[str]:
    """The benches there are: modules of this folder that have a `run`."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [file.stem for file in files if "\ndef run(" in file.read_text(encoding="utf-8")]


def run(name: str, *, long: bool, seed: int | None) -> Figures:
    """Call bench/NAME.py's `run(long)`, with the seed where it takes one."""
    function = importlib.import_module(f"bench.{name}").run
    if seed is None:
        return dict(function(long))
    if "seed" not in inspect.signature(function).parameters:
        raise SystemExit(f"bench {name} takes no seed")
    return dict(function(long, seed=seed))


def plain(value: Any) -> Any:
    """A value as JSON can say it: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(figures: Figures) -> str:
    """Figures for people: single values one a line, groups of groups as a table below them."""
    groups = {key: value for key, value in figures.items() if is_table(value)}
    lines = [f"{key:28} {cell(value)}" for key, value in figures.items() if key not in groups]
    for key, rows in groups.items():
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        cells = [
            ["", *columns],
            *([name, *(cell(row.get(column)) for column in columns)] for name, row in rows.items()),
        ]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns) + 1)]
        lines += [
            "",
            key,
            *("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells),
        ]
    return "\n".join(line.rstrip() for line in lines)


def is_table(value: Any) -> bool:
    """Whether a figure is a group of groups."""
    return isinstance(value, dict) and bool(value) and all(isinstance(row, dict) for row in value.values())


def cell(value: Any) -> str:
    """One figure, short."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {cell(inner)}" for key, inner in value.items()) or "-"
    return "-" if value is None else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run one bench."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print what was measured.")
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--long", action="store_true", help="more cases, more time")
    parser.add_argument(
        "--seed", type=int, help="other cases than the fixed ones, where the bench has a choice; -1 picks a fresh seed"
    )
    chosen = parser.parse_args(arguments)
    figures = plain(run(chosen.name, long=chosen.long, seed=chosen.seed))
    print(json.dumps(figures) if chosen.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
