"""Pieces: a film in stretches of ten seconds, each rendered by some process into a file of its own.

`python -m unisono.studio.film.pieces FOLDER` is such a process. It reads tasks as lines of JSON from its standard
input, answers each with lines of JSON, and ends when the input ends: so it never outlives whoever started it. What is
finished stands in the folder under its name; a run that was killed goes on with what is missing.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av
import msgspec
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from msgspec import Struct

from unisono.errors import UnisonoError
from unisono.studio.film import assets, lights, proxies
from unisono.studio.film.brief import FRAME_RATE, Clip, Film, pieces
from unisono.studio.film.compose import Composer
from unisono.studio.film.kept import piece_name
from unisono.studio.film.plan import Plan, work_out
from unisono.studio.film.proxies import frame_of, planes_of
from unisono.studio.film.titles import credit_pages

NICENESS = 10
_MEMORY_BYTES = 8 * 2**30
_TELL_FRAMES = 5
_KEY_FRAMES = 4 * FRAME_RATE
_BT709 = 1
"""As FFmpeg counts primaries and transfer functions."""
_VP9 = {"crf": "33", "b": "0", "deadline": "realtime", "cpu-used": "6", "threads": "1", "g": str(_KEY_FRAMES)}


class Task(Struct, frozen=True, kw_only=True):
    """Something for a worker: a proxy (by voice), a level (by bay), a piece (by number), or looking at a clip.

    `webm`: a piece of the finished film, by number, as VP9.
    """

    kind: Literal["look", "proxy", "level", "piece", "webm"]
    number: int
    share: float = 1.0
    """How much of the whole work it is."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Of a proxy: at which it is wanted."""


class Told(Struct, frozen=True, kw_only=True):
    """What a worker says about its task: the share done of it, at last `done`, or why not."""

    share: float = 0.0
    done: bool = False
    landscape: bool | None = None
    lost: bool = False
    """It cannot be done, and the film goes on without: a clip that takes its reader down."""
    error: str = ""


class Folder:
    """Where a film is made: its brief, what is drawn. Proxies and pieces are beside it, for its next versions too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.brief = path / "film.json"
        self.drawn = path / "drawn"
        self.proxies = path.parent / "proxies"
        self.pieces = path.parent / "pieces"
        self.light = path / "light.npy"
        self.landscape = path / "landscape.json"
        self.whole = path / "whole.mp4"
        self._plan: Plan | None = None
        self._named: dict[int, Path] = {}

    def film(self) -> Film:
        """The brief. Raises OSError, msgspec.DecodeError."""
        return msgspec.json.decode(self.brief.read_bytes(), type=Film)

    def plan(self) -> Plan:
        """The plan, once lights and shapes are known; worked out once."""
        if self._plan is not None:
            return self._plan
        film = self.film()
        landscape = msgspec.json.decode(self.landscape.read_bytes(), type=tuple[bool | None, ...])
        self._plan = work_out(film, np.load(self.light), landscape, len(credit_pages(film)))
        return self._plan

    def piece(self, number: int) -> Path:
        """A piece's file."""
        if number not in self._named:
            plan = self.plan()
            name = piece_name(plan, pieces(plan.film, plan.frames)[number], self.proxies)
            self._named[number] = self.pieces / f"piece-{name}.mp4"
        return self._named[number]

    def webm(self, number: int) -> Path:
        """A piece of the finished film, `whole`, as VP9."""
        return self.path / f"piece-{number:04}.webm"


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write what then stands at `path`, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def render(plan: Plan, folder: Folder, number: int, on_share: Callable[[float], None]) -> None:
    """Render one piece into its file, whole or not at all."""
    frames = pieces(plan.film, plan.frames)[number]
    composer = Composer(plan, folder.drawn, folder.proxies)
    shape = plan.film.shape
    options = {
        "preset": shape.preset,
        "crf": str(shape.crf),
        "threads": "1",
        "g": str(_KEY_FRAMES),
        "x264-params": "open-gop=0:colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv",
    }
    with _whole(folder.piece(number)) as part, av.open(str(part), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        for index, frame in enumerate(frames):
            file.mux(stream.encode(frame_of(composer.frame(frame), index)))
            if index % _TELL_FRAMES == 0:
                on_share(index / len(frames))
        file.mux(stream.encode(None))


def stretches(folder: Folder) -> Sequence[range]:
    """The frames of the finished film, cut into its pieces, each of which begins with a key frame."""
    with av.open(str(folder.whole)) as file:
        return pieces(folder.film(), file.streams.video[0].frames)


def encode_webm(folder: Folder, number: int, on_share: Callable[[float], None]) -> None:
    """Encode one piece of the finished film as VP9 into its file, whole or not at all."""
    wanted = stretches(folder)[number]
    with (
        _whole(folder.webm(number)) as part,
        av.open(str(folder.whole)) as source,
        av.open(str(part), "w", format="webm") as file,
    ):
        shown = source.streams.video[0]
        assert shown.time_base is not None
        source.seek(int(wanted.start / FRAME_RATE / shown.time_base), stream=shown, backward=True)
        stream = file.add_stream("libvpx-vp9", rate=FRAME_RATE, options=_VP9)
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
        colours = stream.codec_context
        colours.colorspace, colours.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
        colours.color_primaries, colours.color_trc = _BT709, _BT709
        for frame in source.decode(shown):
            index = round((frame.time or 0.0) * FRAME_RATE) - wanted.start
            if index >= len(wanted):
                break
            if index >= 0:
                file.mux(stream.encode(frame_of(planes_of(frame), index)))
            if index % _TELL_FRAMES == 0:
                on_share(index / len(wanted))
        file.mux(stream.encode(None))


def carry_out(folder: Folder, task: Task, tell: Callable[[Told], None]) -> None:
    """Do one task and say so."""
    if task.kind == "webm":
        encode_webm(folder, task.number, lambda share: tell(Told(share=share)))
        tell(Told(done=True))
        return
    if task.kind == "look":
        clip = folder.film().voices[task.number].seen
        tell(Told(done=True, landscape=None if clip is None else proxies.landscape(clip)))
        return
    if task.kind == "proxy":
        clip = folder.film().voices[task.number].seen
        if clip is not None:
            try:
                proxies.make(clip, folder.proxies, task.sizes)
            except MemoryError:
                tell(Told(done=True, lost=True))
                return
    elif task.kind == "level":
        assets.draw_level(folder.plan(), task.number, folder.drawn)
    else:
        render(folder.plan(), folder, task.number, lambda share: tell(Told(share=share)))
    tell(Told(done=True))


def has_proxies(folder: Folder, clip: Clip, sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether a clip is there at all these sizes."""
    return all(proxies.is_made(proxies.proxy_path(folder.proxies, clip, *size)) for size in sizes)


def dim_lights(film: Film, folder: Folder) -> None:
    """Measure everybody's light, once."""
    if not folder.light.is_file():
        np.save(folder.light, lights.lights(film))


def main(arguments: list[str]) -> int:
    """The worker."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m unisono.studio.film.pieces FOLDER\n")
        return 2
    os.nice(NICENESS)
    _limit_memory()
    folder = Folder(Path(arguments[0]))
    for line in _lines():
        try:
            carry_out(folder, msgspec.json.decode(line, type=Task), _tell)
        except UnisonoError as error:
            _tell(Told(error=str(error)))
        except (OSError, MemoryError, ValueError, av.FFmpegError) as error:
            _tell(Told(error=f"{type(error).__name__}: {error}"))
    return 0


def _limit_memory() -> None:
    """A strange clip, or a strange film, cannot take the machine down."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _lines() -> Iterator[bytes]:
    """The tasks. The process ends at once when nobody writes any more, whatever it is doing."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as tasks:
            for line in tasks:
                waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def _tell(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
