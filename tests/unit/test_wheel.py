"""The wheel brings everything a server needs, and what it installs runs."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
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
    told = subprocess.run([str(new / "bin/unisono"), "--help"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "serve" in told.stdout
