"""Every module of the page is read by the type checker, in the world in which it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/unisono/web/static"


def checked_by(config: str) -> set[Path]:
    command = ["npx", "--no-install", "tsc", "-p", config, "--listFilesOnly"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {path for path in map(Path, listed.splitlines()) if STATIC in path.parents}


def test_no_module_escapes_the_type_checker() -> None:
    configs = [path.name for path in ROOT.glob("tsconfig.*.json") if path.name != "tsconfig.tests.json"]
    assert set(STATIC.rglob("*.js")) - set().union(*map(checked_by, configs)) == set()
