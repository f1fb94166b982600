"""The README's commands, run as it says: what they start answers, and ends when asked to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """An environment with a port and a data folder of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {**os.environ, "UNISONO_PORT": str(port), "UNISONO_DATA": str(tmp_path), "COLUMNS": "200"}


@contextmanager
def made(target: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make target`, ended as Ctrl-C ends it: everything in its group gets the signal."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "-s", target], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def wait_for(pattern: str, log: Path, process: subprocess.Popen[bytes]) -> str:
    """What the pattern finds in the log, as soon as it does."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        text = log.read_text(errors="replace")
        if found := re.search(pattern, text):
            return found[0]
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(f"no {pattern} within {PATIENCE_S} s in:\n{log.read_text(errors='replace')}")


def answers(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_make_setup_twice_does_nothing_the_second_time() -> None:
    subprocess.run(["make", "-s", "setup"], cwd=ROOT, check=True)
    again = subprocess.run(["make", "-s", "setup"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert again.stdout + again.stderr == ""


def test_make_run_serves_the_page(settings: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with made("run", settings, log) as process:
        url = wait_for(r"http://localhost:\d+", log, process)
        assert url.endswith(settings["UNISONO_PORT"])
        assert json.loads(answers(url + "/health")) == {"ok": True}
        assert b"<html" in answers(url)
    with pytest.raises(OSError, match="refused"):
        answers(url)


def test_make_demo_prints_a_link_to_a_courtyard(settings: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with made("demo", settings, log) as process:
        link = wait_for(r"http://localhost:\d+/courtyard#[\w-]+", log, process)
        assert b"<html" in answers(link.partition("#")[0])
