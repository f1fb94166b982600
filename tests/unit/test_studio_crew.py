"""The crew: processes are there as long as there is work for them, and what is said when somebody ends a run early."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import NoReturn

import pytest
from click.testing import CliRunner

from unisono import cli as program
from unisono.cli import main
from unisono.studio import cli
from unisono.studio.clip import Clip, ClipSettings
from unisono.studio.crew import Crew
from unisono.studio.guides import GuideFacts
from unisono.studio.hand import Task
from unisono.studio.jobs import worker_environment
from unisono.studio.standby import end_hand

LOOKS_MAX = 100
HAND = """
import json, pathlib, sys, time
for line in sys.stdin:
    waits_for = json.loads(line)["clip"]["path"]
    while waits_for and not pathlib.Path(waits_for).exists(): time.sleep(0.01)
    print('{"problem": "ended"}', flush=True)
"""
"""A hand that has done with each clip as soon as the file is there, and stays."""


@pytest.fixture
def ready() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Four hands."""
    hands = [
        subprocess.Popen([sys.executable, "-S", "-c", HAND], stdin=PIPE, stdout=PIPE, start_new_session=True)
        for _ in range(4)
    ]
    yield list(hands)
    for hand in hands:
        if hand.poll() is None:
            end_hand(hand)


def task(key: str, waits_for: str = "") -> Task:
    guide = GuideFacts(name="", source="file", title="", samples=1)
    return Task(clip=Clip(key=key, path=waits_for, name=key), guide=guide, work="", settings=ClipSettings(samples=1))


def test_a_hand_without_work_is_ended_while_another_still_has_some(
    ready: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    everybody, alive, enough = list(ready), [4], tmp_path / "enough"

    def look() -> bool:
        alive.append(sum(hand.poll() is None for hand in everybody))
        if alive[-1] == 1 or len(alive) == LOOKS_MAX:
            enough.touch()
        return False

    with Crew(3, ready=ready) as crew:
        crew.call(3)
        told = [clip for clip, line in crew.work([task("short"), task("long", str(enough))], look) if line.over]
        assert told == ["short", "long"]
        assert alive == sorted(alive, reverse=True)
        assert alive[1] == 2, "two clips, two hands"
        assert alive[-1] == 1
        assert all(hand.poll() is not None for hand in everybody), "none waits for what comes after the clips"


def test_hands_for_clips_that_are_done_already_are_ended(ready: list[subprocess.Popen[bytes]]) -> None:
    everybody = list(ready)
    with Crew(3, ready=ready) as crew:
        crew.call(3)
        assert list(crew.work([])) == []
        assert all(hand.poll() is not None for hand in everybody)


def interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--language", "en"], "Stopped. What is finished is kept: run it again to go on.\n"),
        (["--language", "it"], "Interrotto. Ciò che è finito resta: riavvia per continuare.\n"),
        (["--json"], '{"error":{"code":"interrupted","text":"interrupted; what is finished is kept"}}\n'),
    ],
)
def test_control_c_before_a_run_has_begun_is_told_as_later(
    monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setattr(cli, "hands_for", interrupt)
    told = CliRunner().invoke(main, ["produce", "a.wav", "--guide", "g", "--out", "o", *words])
    assert (told.exit_code, told.output) == (130, said)


def test_control_c_while_a_command_is_imported_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "import_module", interrupt)
    told = CliRunner().invoke(main, ["produce", "a.wav", "--guide", "g", "--out", "o"])
    assert (told.exit_code, told.output) == (130, "Stopped.\n")


def test_control_c_while_it_imports_leaves_no_hand_behind(tmp_path: Path) -> None:
    """The signal comes in the middle of an import, from a finder that is planted."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'unisono.studio.clips': os.kill(os.getpid(), signal.SIGINT)\n"
        "if 'produce' in sys.orig_argv: sys.meta_path.insert(0, Finder())\n"
    )
    command = [sys.executable, "-m", "unisono", "produce", "a.wav", "b.wav", "--guide", "g", "--out", "o"]
    environment = worker_environment() | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.Popen([*command, "--language", "en"], stdout=PIPE, stderr=STDOUT, text=True, env=environment)
    said, _ = run.communicate(timeout=30)  # which ends when no hand holds the other end open either
    assert (run.returncode, said) == (130, "Stopped. What is finished is kept: run it again to go on.\n")
