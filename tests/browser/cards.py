"""Sound cards made of air: one private PulseAudio daemon per browser, with a rate and a drift of its own.

A card has ears (a null sink: what the browser plays) and a microphone. On an *echo* card the microphone is the
ears' monitor, so that a page sings back exactly what it hears, and whatever is played into the ears besides is
sung on top of it. On a *singer* card the microphone hears only what is played into the mouth.
"""

import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from tests.browser.program import Program

Audio = NDArray[np.float32]

SHARED_MEMORY = Path("/dev/shm")
NEEDED = ("pulseaudio", "pacat", "parec", "pactl", "faketime")
FEED_BLOCK_MS = 20
READY_TIMEOUT_S = 15.0


class MissingTool(RuntimeError):
    """A program the rig stands on is not installed: a failure, never a reason to skip."""


def require(*tools: str) -> None:
    """Raise `MissingTool`, naming every one of `tools` that is not on the path."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise MissingTool(f"needed and not installed: {', '.join(missing)} (`make test` installs them)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlan:
    """What card to build. `drift_ppm` is how much faster than the machine's clock it runs."""

    rate_hz: int = 48_000
    drift_ppm: float = 0.0
    kind: Literal["echo", "singer"] = "echo"

    def __post_init__(self) -> None:
        if self.rate_hz not in (44_100, 48_000):
            raise ValueError(f"rate_hz is 44100 or 48000, not {self.rate_hz}")

    def script(self, socket: Path) -> str:
        """The daemon's start-up script, in PulseAudio's command language."""
        form = f"rate={self.rate_hz} channels=2 format=float32le"
        singer = self.kind == "singer"
        return "\n".join([
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={socket}",
            f"load-module module-null-sink sink_name=ears {form}",
            *([f"load-module module-null-sink sink_name=mouth {form}"] if singer else []),
            f"load-module module-remap-source source_name=microphone master={'mouth' if singer else 'ears'}.monitor",
            "set-default-sink ears",
            "set-default-source microphone",
            "",
        ])


class SoundCard(Program):
    """A running daemon: `environ()` is for a browser, `open_mouth()` for a recording, itself for `outside.Tapes`."""

    def __init__(self, plan: CardPlan) -> None:
        require(*NEEDED)
        super().__init__("card")
        self.plan = plan
        self.address = f"unix:{self.folder}/socket"
        self._mouths: list[Mouth] = []
        self._start_daemon()
        self.wait_until(self._answers, READY_TIMEOUT_S)

    def _start_daemon(self) -> None:
        plan, folder = self.plan, self.folder
        (folder / "card.pa").write_text(plan.script(folder / "socket"))
        settings = folder / ".config/pulse/daemon.conf"
        settings.parent.mkdir(parents=True)
        # Chromium asks for the daemon's default rate; at any other it would resample what the card then resamples back.
        settings.write_text(f"default-sample-rate = {plan.rate_hz}\nalternate-sample-rate = {plan.rate_hz}\n"
                            "default-sample-format = float32le\nresample-method = speex-float-5\n")
        # High priority: a real card does not wait for the processor either.
        command = ["pulseaudio", "-n", "-F", str(folder / "card.pa"), "--daemonize=no", "--exit-idle-time=-1",
                   "--use-pid-file=no", "--high-priority=yes", "--realtime=no", "--log-target=stderr"]
        if plan.drift_ppm:
            command = ["faketime", "-f", f"+0 x{1 + plan.drift_ppm * 1e-6:.7f}", *command]
        home = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder)}
        self.start(command, {"PATH": os.environ["PATH"], **home})

    def _answers(self) -> bool:
        asked = subprocess.run(["pactl", "info"], env=self.environ(), capture_output=True, check=False)
        return asked.returncode == 0

    def environ(self) -> dict[str, str]:
        """The environment in which a program plays and records through this card."""
        return {**os.environ, "PULSE_SERVER": self.address}

    def tell(self, *command: str) -> None:
        """Have the daemon do something while it runs, in `pactl`'s words. Raises CalledProcessError when it refuses."""
        subprocess.run(["pactl", *command], env=self.environ(), capture_output=True, check=True)

    def open_mouth(self) -> "Mouth":
        """A stream into the microphone, silent until it is told to sing; closed with the card."""
        mouth = Mouth(self, "mouth" if self.plan.kind == "singer" else "ears")
        self._mouths.append(mouth)
        return mouth

    def end(self) -> None:
        """End the daemon; and forget what faketime shares by its number, which another process will have some day."""
        super().end()
        if self._process is not None:
            for shared in SHARED_MEMORY.glob(f"*faketime_*_{self._process.pid}"):
                shared.unlink(missing_ok=True)

    def close(self) -> None:
        """End the daemon and forget its folder."""
        for mouth in self._mouths:
            mouth.close()
        self.end()


class Mouth:
    """Plays into a card without a break: silence, and a recording when told so.

    A new stream in the middle of a song makes PulseAudio rewind what it has already mixed; one that is open from the
    start does not. Where exactly a recording lands is not promised: the tapes outside tell.
    """

    def __init__(self, card: SoundCard, sink: str) -> None:
        self.rate_hz = card.plan.rate_hz
        self._block_samples = self.rate_hz * FEED_BLOCK_MS // 1000
        self._queue = np.zeros(0, np.float32)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._player = subprocess.Popen(
            ["pacat", "--playback", "--raw", f"--device={sink}", "--format=float32le", "--channels=1",
             f"--rate={self.rate_hz}", "--latency-msec=200", "--client-name=mouth"],
            env=card.environ(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._feeder = threading.Thread(target=self._feed, name="mouth", daemon=True)
        self._feeder.start()

    def sing(self, sound: Audio) -> None:
        """Queue `sound`, float32 (samples,), at the card's rate, after whatever is still queued."""
        with self._lock:
            self._queue = np.concatenate([self._queue, sound.astype(np.float32)])

    def hush(self) -> None:
        """Forget what is queued; at most a quarter of a second still sounds."""
        with self._lock:
            self._queue = np.zeros(0, np.float32)

    @property
    def queued_s(self) -> float:
        """Seconds not yet handed to the card."""
        return len(self._queue) / self.rate_hz

    def _next_block(self) -> bytes:
        with self._lock:
            block, self._queue = self._queue[:self._block_samples], self._queue[self._block_samples:]
        return np.pad(block, (0, self._block_samples - len(block))).astype("<f4").tobytes()

    def _feed(self) -> None:
        pipe = self._player.stdin
        assert pipe is not None
        _shrink(pipe)
        try:
            while not self._closed.is_set():
                pipe.write(self._next_block())  # blocks at the card's pace
                pipe.flush()
        except (BrokenPipeError, ValueError):
            pass

    def close(self) -> None:
        """Stop playing."""
        self._closed.set()
        self._player.kill()
        self._player.wait()
        self._feeder.join(5)


def _shrink(pipe: IO[bytes]) -> None:
    """Make `pipe` hold one page only, so that what is sung next sounds soon."""
    import fcntl

    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
