"""Programs that the rig starts: what they tell is read, and nothing of them is left."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.browser.program import Program, end_group


def started(script: str) -> Program:
    """A shell that runs `script` in its own folder."""
    program = Program("shell")
    program.start(["sh", "-c", f"cd {program.folder}; {script}"], dict(os.environ))
    return program


def alive(pid: int) -> bool:
    """Whether this process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_program_writes_is_waited_for_and_nothing_of_it_is_left() -> None:
    with started("sleep 0.2; sleep 60 & echo $! path > port; wait") as program:
        child, path = program.words_in("port", 2, 5)
        assert path == "path"
        assert alive(int(child))
    assert not program.folder.exists()
    for _ in range(100):
        if not alive(int(child)):
            return
        time.sleep(0.02)  # between two looks: ending takes the system a moment
    raise AssertionError("what it started still runs")


@pytest.mark.parametrize("script", ["echo no sound here; exit 1", "echo no sound here; sleep 60"])
def test_one_that_does_not_start_is_ended_and_its_words_are_told(script: str) -> None:
    program = started(script)
    with pytest.raises(RuntimeError, match=r"shell did not start:\nno sound here"):
        program.words_in("port", 1, 0.5)
    assert not program.folder.exists()


def test_one_that_does_not_listen_is_made_to_end() -> None:
    process = subprocess.Popen(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
                               stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    end_group(process, ask=os.kill, patience_s=0.3)
    assert process.returncode == -9
