"""The wheel brings everything a server needs, and what it installs runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built with the tools that are here, without asking the network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), *options, "--wheel-dir", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("unisono-*.whl")
    return built


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, check=True, capture_output=True, text=True)
    expected = {line.removeprefix("src/") for line in tracked.stdout.splitlines() if (ROOT / line).exists()}
    assert expected - inside == set()
    for kind in ("web/templates/", "web/static/", "locale/it/", "store/migrations/", "songbook/songs/"):
        assert any(name.startswith(f"unisono/{kind}") for name in inside), kind


def test_it_holds_the_licence_and_the_notice(wheel: Path) -> None:
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE"} <= names


def test_what_it_installs_runs(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own; the libraries are lent by this one, so that nothing is fetched."""
    new = tmp_path / "new"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(new)], check=True)
    packages = next(new.glob("lib/python*/site-packages"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(new / "bin/python"), "--disable-pip-version-check"]
    install = ["install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    where = [str(new / "bin/python"), "-c", "import unisono; print(unisono.__file__)"]
    assert str(new) in subprocess.run(where, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    help_me = [str(new / "bin/unisono"), "--help"]
    assert "serve" in subprocess.run(help_me, check=True, capture_output=True, text=True, cwd=tmp_path).stdout


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    imported = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"unisono"}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    own = {"skia_python": "skia"}  # modules that are not called like their distribution
    called = {re.split(r"[>=<\[]", line)[0].replace("-", "_") for line in declared}
    assert imported == {own.get(name, name) for name in called}


def test_everything_an_installation_brings_along_is_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text().lower().replace("-", "_")
    assert [name for name in sorted(brought_by("unisono")) if name.replace("-", "_") not in notice] == []


def brought_by(name: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The distributions that this one needs, and those that they need; extras and other platforms left out."""
    found = known
    for requirement in metadata.requires(name) or []:
        needed = re.split(r"[^\w.-]", requirement)[0].lower()
        if "extra ==" not in requirement and needed not in found and is_installed(needed):
            found = brought_by(needed, found | {needed})
    return found


def is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
