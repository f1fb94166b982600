"""The worker: `python -m unisono.studio.worker FOLDER [TAKE]`, a process of its own that makes a performance's files.

With a take's id it works on that take only (`arrived.py`).

It runs at low priority, so that whoever is singing meanwhile is served first, within limits of memory and processor
time, so that a strange performance cannot take the machine down. It tells its progress as lines of JSON on
standard output: {"share", "step", "seconds_left"} (of a take all of `steps.Told`), at last {"done": true} or
{"error": {"code", "text"}}. Started by `jobs.py`.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import msgspec

from unisono.errors import UnisonoError
from unisono.studio.performance import read_performance, singers
from unisono.studio.produce import produce
from unisono.studio.steps import Told
from unisono.studio.takes import take_folder
from unisono.units import SAMPLE_RATE

NICENESS = 10
_LOCK_FILE = ".mix.lock"
_BASE_BYTES = 3 * 2**30
_BYTES_PER_SAMPLE = 128
_BASE_SECONDS = 120
_SECONDS_PER_VOICE_SECOND = 0.5
_TAKE_BYTES = 6 * 2**30
_TAKE_SECONDS = 1800
_TOLD_EVERY_S = 0.5


def main(arguments: list[str]) -> int:
    """The process's exit code: 0 done, 1 told why not, 2 not called rightly."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m unisono.studio.worker FOLDER [TAKE]\n")
        return 2
    folder = Path(arguments[0])
    try:
        os.nice(NICENESS)
        if len(arguments) == 2:
            _one_take(folder, arguments[1])
        else:
            limit_resources(folder)
            with alone(folder):
                produce(folder, _Shares().tell)
    except UnisonoError as error:
        _tell({"error": {"code": error.code, "text": str(error)}})
        return 1
    except (OSError, MemoryError) as error:
        _tell({"error": {"code": "mix_failed", "text": str(error) or type(error).__name__}})
        return 1
    _tell({"done": True})
    return 0


def _one_take(folder: Path, take: str) -> None:
    """Analyse one take; a take that is worked on already is waited for. Its decoding has limits of its own."""
    from unisono.studio.arrived import analyse_take  # whoever makes a mix needs none of it

    signal.signal(signal.SIGTERM, _end)
    _limit(resource.RLIMIT_AS, _TAKE_BYTES)
    _limit(resource.RLIMIT_CPU, _TAKE_SECONDS)
    with alone(take_folder(folder, take)):
        analyse_take(folder, take, _tell)


def _end(*_: object) -> NoReturn:
    """Nobody wants it any more: on the way out, what is half written is taken away."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def limit_resources(folder: Path) -> None:
    """Memory and processor time by the performance's length and voices. Raises MixFailed if it cannot be read."""
    performance = read_performance(folder)
    voices = len(singers(folder, performance)) + 4
    seconds = performance.span.samples / SAMPLE_RATE
    _limit(resource.RLIMIT_AS, _BASE_BYTES + _BYTES_PER_SAMPLE * performance.span.samples)
    _limit(resource.RLIMIT_CPU, _BASE_SECONDS + int(_SECONDS_PER_VOICE_SECOND * voices * seconds))


def _limit(what: int, most: int) -> None:
    """Set a limit, never above one that is set already."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other worker is in `folder`; the system lets go of the lock even if this process is killed."""
    with (folder / _LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tell(line: dict[str, object] | Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


class _Shares:
    """How far a mix is, told to a whole room: no more than a few times a second, and whenever a step begins."""

    def __init__(self) -> None:
        self._step, self._next_s = "", 0.0

    def tell(self, share: float, step: str, seconds_left: float) -> None:
        now_s = time.monotonic()
        if step != self._step or share >= 1 or now_s >= self._next_s:
            self._step, self._next_s = step, now_s + _TOLD_EVERY_S
            _tell({"share": round(share, 4), "step": step, "seconds_left": seconds_left})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
