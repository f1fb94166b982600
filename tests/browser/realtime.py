"""Real-time priority for the threads that carry sound, as a desktop gives it.

On people's machines the system lets the threads that carry sound run before all else (rtkit on Linux, MMCSS on
Windows, the audio workgroup on macOS). A container has none of these: there, any compiler run next door makes sound
stumble. `RealtimeSound` stands in for them: it looks for such threads among this process's children and gives them
a low real-time priority. Nothing else of a page (worker, main thread, painting) is helped. Where the system does not
permit it, sound runs as it can, and `permitted` says so.

A desktop also keeps the program somebody is using in its memory. A virtual machine that gives memory back drops what
was not touched for seconds, and the sound thread that needs it next waits for a busy disk: so it is locked in here.
"""

import ctypes
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.browser.program import Closing

LOOK_EVERY_S = 0.5
PRIORITY = 2
# The kernel keeps 15 characters of a thread's name.
SOUND_THREADS = ("Realtime AudioW", "AudioOutputDevi", "AudioInputDevic", "threaded-ml", "null-sink")
MAP_FOLDERS = ("/chromium", "/pulse", "/pulseaudio")
SOUND_PROGRAMS = ("pulseaudio", "pacat", "audio.mojom.AudioService")


class RealtimeSound(Closing):
    """While it is open, the sound threads of all children of this process run with real-time priority."""

    def __init__(self) -> None:
        self.permitted = _permitted()
        self._raised: set[int] = set()
        self._kept: set[str] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="realtime", daemon=True)
        if self.permitted:
            self._thread.start()

    @property
    def threads_raised(self) -> int:
        """How many threads have been given priority."""
        return len(self._raised)

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY_S):
            for process in descendants_of(os.getpid()):
                with suppress(OSError):
                    self._raise_in(process)

    def _raise_in(self, process: Path) -> None:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
        whole = any(program in command for program in SOUND_PROGRAMS)
        if whole:
            self._keep_in_memory(process)
        for thread in (process / "task").iterdir():
            number = int(thread.name)
            if number in self._raised or not (whole or (thread / "comm").read_text().strip() in SOUND_THREADS):
                continue
            os.sched_setscheduler(number, os.SCHED_RR, os.sched_param(PRIORITY))
            self._raised.add(number)

    def _keep_in_memory(self, process: Path) -> None:
        """Every file of browser and sound server that `process` runs from."""
        for line in (process / "maps").read_text().splitlines():
            path = line.split(maxsplit=5)[-1]
            if path in self._kept or not path.startswith("/usr/") or not any(name in path for name in MAP_FOLDERS):
                continue
            self._kept.add(path)
            _lock_in_memory(Path(path))

    def close(self) -> None:
        """Raise no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(5)


def _lock_in_memory(path: Path) -> None:
    """Lock a file's pages into memory while this process lives; where the system does not let us, they may go.

    Not by the mmap module: only a writable mapping tells it its address, and locking that one would copy every page.
    """
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    size = ctypes.c_size_t(path.stat().st_size)
    with path.open("rb") as file:
        address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), ctypes.c_long(0))
    if address != ctypes.c_void_p(-1).value:
        libc.mlock(ctypes.c_void_p(address), size)


def _permitted() -> bool:
    """Whether this process may hand out real-time priority: tried on a thread of its own that does nothing else."""
    answers: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
        except OSError:
            answers.append(False)
        else:
            answers.append(True)

    trial = threading.Thread(target=attempt)
    trial.start()
    trial.join()
    return answers == [True]


def descendants_of(ancestor: int) -> Iterator[Path]:
    """The /proc folders of all descendants of a process."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    for process in parents:
        above = parents[process]
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor:
            yield Path("/proc") / str(process)
