"""The command line: it starts without what it does not need, and says kindly what is wrong."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from unisono.cli import main


def test_every_command_explains_itself() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for command in ("serve", "robots", "check"):
        assert command in listed
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "99999"], "UNISONO_PORT"),
        (["--database", "nonsense://x"], "database"),
        (["--cert", __file__], "key"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, arguments: list[str], says: str) -> None:
    told = CliRunner().invoke(main, ["serve", "--data", str(tmp_path), *arguments])
    assert told.exit_code == 1
    assert says in told.output


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = CliRunner().invoke(main, ["serve", "--data", str(tmp_path), "--host", "127.0.0.1", "--port", port])
    assert told.exit_code == 1
    assert "UNISONO_PORT" in told.output


def test_it_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unisono", "serve", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://localhost:(\d+)", line)
        assert found is not None, line
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/health", timeout=20) as health:
            assert health.read() == b'{"ok":true}'
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
