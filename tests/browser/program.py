"""Programs that tests start: each runs as long as its `with` lasts, with a folder of its own that goes with it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_EVERY_S = 0.05


class Closing:
    """Something with `close()` that a `with` ends."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.close()


class Program(Closing):
    """A process in a group of its own, called `name` when it fails; what it says stands in `folder / "log"`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Run it."""
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)

    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Raises RuntimeError, and ends it, if it is not `ready` in time or has ended."""
        assert self._process is not None
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                said = self.log()
                self.end()
                raise RuntimeError(f"{self.name} did not start:\n{said}")
            time.sleep(LOOK_EVERY_S)  # between two looks, until the deadline

    def words_in(self, file: str, count: int, timeout_s: float) -> list[str]:
        """The first words of a file that it writes into its folder, once there are so many."""
        path = self.folder / file
        self.wait_until(lambda: path.exists() and len(path.read_text().split()) >= count, timeout_s)
        return path.read_text().split()[:count]

    def end(self) -> None:
        """End the process and all it started, and forget the folder."""
        if self._process is not None:
            end_group(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """End it."""
        self.end()


def end_group(
    process: subprocess.Popen[bytes], *, ask: Callable[[int, int], None] = os.killpg, patience_s: float = 10.0,
) -> None:
    """Ask a process and its group to end, and make an end of them if they do not.

    With `os.kill` for `ask` only the process is asked, which then looks after its own.
    """
    if process.poll() is None:
        ask(process.pid, signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
