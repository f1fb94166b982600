"""What happens to people's devices: sleep, other headphones, no time left on the machine, a microphone apart."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import soxr

from tests.browser.cards import MissingTool, SoundCard
from tests.browser.program import Closing
from tests.browser.rig import processes_on

CHUNK_BYTES = 1 << 16
PERIOD_US = 100_000
GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def asleep(card: SoundCard) -> Iterator[None]:
    """Every process of the browser on `card` stands still, as when a laptop is closed; sound outside goes on."""
    processes = processes_on(card)
    _tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(processes, signal.SIGCONT)


def _tell(processes: list[int], what: signal.Signals) -> None:
    """A browser ends a helper now and then by itself: what has gone meanwhile is told nothing."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)


@contextmanager
def held_to(card: SoundCard, cores: float) -> Iterator[None]:
    """The whole browser on `card`, its sound threads too, gets so much of one core and no more.

    A control group's quota, so that every thread of it is held, workers and the audio service included. Raises
    MissingTool where this machine lets nobody make one.
    """
    group = _new_group(cores)
    home = group.parent
    # A quota does not bind threads that go before all others; a machine without time left has none for them either.
    raised = _lowered(processes_on(card))
    try:
        _move(processes_on(card), group)
        yield
    finally:
        _move([int(each) for each in (group / "cgroup.procs").read_text().split()], home)
        for thread, (policy, priority) in raised.items():
            with suppress(OSError):
                os.sched_setscheduler(thread, policy, os.sched_param(priority))
        group.rmdir()


def _new_group(cores: float) -> Path:
    older = GROUPS / "cpu"
    group = (older if older.is_dir() else GROUPS) / f"unisono-{os.getpid()}"
    quota_us = round(cores * PERIOD_US)
    try:
        group.mkdir(exist_ok=True)
        if older.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
        else:
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
    except OSError as error:
        raise MissingTool(f"a control group with a quota of processor time cannot be made here: {error}") from error
    return group


def _move(processes: list[int], group: Path) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process))


def _lowered(processes: list[int]) -> dict[int, tuple[int, int]]:
    """Take real-time priority from every thread that has it; what it was, by thread."""
    found = {}
    for process in processes:
        with suppress(OSError):
            for thread in (int(each.name) for each in Path(f"/proc/{process}/task").iterdir()):
                policy = os.sched_getscheduler(thread)
                if policy in (os.SCHED_RR, os.SCHED_FIFO):
                    found[thread] = policy, os.sched_getparam(thread).sched_priority
                    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    return found


def plug_in_headphones(card: SoundCard, *, later_ms: int) -> None:
    """Headphones come, and the system plays through them: what they play reaches the microphone so much later."""
    form = f"rate={card.plan.rate_hz} channels=2 format=float32le"
    card.tell("load-module", "module-null-sink", "sink_name=headphones", *form.split())
    # Without adjustment of its speed the way through the air has one length.
    card.tell("load-module", "module-loopback", "source=headphones.monitor", "sink=ears", f"latency_msec={later_ms}",
              "adjust_time=0", "source_dont_move=1", "sink_dont_move=1")
    card.tell("set-default-sink", "headphones")


def kill_audio_service(card: SoundCard) -> None:
    """The browser's own audio service dies: every open stream with it."""
    for process in processes_on(card):
        with suppress(OSError):
            if b"audio.mojom.AudioService" in Path(f"/proc/{process}/cmdline").read_bytes():
                os.kill(process, signal.SIGKILL)


class FarMicrophone(Closing):
    """A microphone that hears the card's ears by a clock of its own, `ppm` faster than theirs: a USB microphone.

    It is the card's default source from now on. Every sample of the ears comes through, at `1 + ppm / 1e6` times their
    rate and called the same rate; `outside.Tapes` can record it as `usb`.
    """

    def __init__(self, card: SoundCard, *, ppm: float) -> None:
        self._rate_hz = card.plan.rate_hz
        self._resampling = soxr.ResampleStream(self._rate_hz, self._rate_hz * (1 + ppm * 1e-6), 1, "float32", "VHQ")
        pipe = card.folder / "usb"
        card.tell("load-module", "module-pipe-source", f"file={pipe}", "source_name=usb", "format=float32le",
                  f"rate={self._rate_hz}", "channels=1")
        card.tell("set-default-source", "usb")
        self._recorder = subprocess.Popen(
            ["parec", "--raw", "--device=ears.monitor", "--format=float32le", "--channels=1", f"--rate={self._rate_hz}",
             "--latency-msec=5", "--client-name=usb"],
            env=card.environ(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._pipe = os.open(pipe, os.O_WRONLY)
        self._thread = threading.Thread(target=self._carry, name="usb", daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        assert self._recorder.stdout is not None
        rest = b""
        with suppress(BrokenPipeError):
            while chunk := os.read(self._recorder.stdout.fileno(), CHUNK_BYTES):
                rest += chunk
                whole = len(rest) // 4 * 4
                heard, rest = np.frombuffer(rest[:whole], "<f4"), rest[whole:]
                os.write(self._pipe, self._resampling.resample_chunk(heard).astype("<f4").tobytes())

    def close(self) -> None:
        """The microphone falls silent."""
        self._recorder.kill()
        self._recorder.wait()
        self._thread.join(5)
        os.close(self._pipe)
