"""Standby: hands (`hand.py`) that get ready while whoever called them still does: imports take everybody a second."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unisono.studio.jobs import worker_environment


@contextmanager
def hands_for(clips: Sequence[Path]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As many hands as there are cores, or clips if those are fewer. Whoever takes one takes it out of the list and
    ends it; the others are ended here."""
    many = any(path.is_dir() for path in clips)
    cores = len(os.sched_getaffinity(0))
    hands: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(cores if many else min(cores, len(clips))):
            hands.append(start_hand())  # noqa: PERF401 - those that have begun are ended, whatever becomes of the next
        yield hands
    finally:
        for hand in hands:
            end_hand(hand)


def start_hand() -> subprocess.Popen[bytes]:
    """A hand, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "unisono.studio.hand"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=worker_environment(),
        start_new_session=True,
    )


def end_hand(hand: subprocess.Popen[bytes]) -> None:
    """End one for sure, whatever it is doing."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(hand.pid, signal.SIGKILL)  # and with it whoever decodes for it
    hand.wait()
    assert hand.stdout is not None
    assert hand.stdin is not None
    hand.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        hand.stdin.close()
