"""Proxies: a clip made small, upright and of one kind, so that sixteen of them can be read at once.

A proxy has every frame of its clip that the film could show, at the size of its window, cropped to its shape, in
BT.709 and standard range; beside it stands when each is shown, in samples of the take. So it fits whatever becomes of
the take's alignment.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from unisono.errors import FilmFailed, TakeUnreadable
from unisono.studio.film.brief import Clip
from unisono.studio.film.hdr import to_standard_range
from unisono.studio.film.planes import Planes
from unisono.studio.foreign import best_picture, opened, presentation_zero_s
from unisono.studio.picture import PIXELS_MOST, display_matrix, orientation
from unisono.units import SAMPLE_RATE

_RECIPE = "1"
_FRAMES_PER_SECOND_MAX = 51.0
_OPTIONS = {"preset": "veryfast", "crf": "16", "tune": "fastdecode", "g": "12", "bf": "0", "threads": "1"}
_HDR_TRANSFERS = (16, 18)
_HD_LINES = 720
_EXACT = int(Interpolation.ACCURATE_RND) | int(Interpolation.FULL_CHR_H_INT)


def proxy_path(folder: Path, clip: Clip, width: int, height: int) -> Path:
    """Where the proxy of a clip at this size is or will be. Raises OSError if the clip is gone."""
    stats = [(Path(path).resolve(), Path(path).stat()) for path in clip.paths]
    files = " ".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    told = f"{_RECIPE} {files} {clip.zero_s} {width}x{height}"
    return folder / f"{clip.mark}-{hashlib.sha256(told.encode()).hexdigest()[:24]}.mp4"


def make_empty(clip: Clip, folder: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    """Leave a clip out: nothing of it is shown. For one that cannot be read without harm."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        proxy = proxy_path(folder, clip, *size)
        if not is_made(proxy):
            np.save(times_path(proxy), np.zeros(0, np.int64))
            proxy.touch()


def is_empty(proxy: Path) -> bool:
    """Whether its clip has no picture."""
    return not len(np.load(times_path(proxy)))


def times_path(proxy: Path) -> Path:
    """Where the times of its frames are: int64, in samples of the take."""
    return proxy.with_suffix(".npy")


def is_made(proxy: Path) -> bool:
    """Whether it is there; the times are written first and the proxy appears whole."""
    return proxy.is_file() and times_path(proxy).is_file()


def make(clip: Clip, folder: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    """Make the proxies of one clip at several sizes (even) in one pass; what is there is kept.

    A clip without any picture that can be decoded gets an empty proxy: its window stays a window. Raises FilmFailed
    when the clip is gone, OSError when the disk is full.
    """
    wanted = [size for size in dict.fromkeys(sizes) if not is_made(proxy_path(folder, clip, *size))]
    if not wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    writers = [_Writer(proxy_path(folder, clip, *size), *size) for size in wanted]
    try:
        for time_s, source in frames(clip):
            for writer in writers:
                writer.add(time_s, source)
        for writer in writers:
            writer.finish()
    finally:
        for writer in writers:
            writer.clear()


def landscape(clip: Clip) -> bool | None:
    """Whether a clip is wider than high when upright; None if that cannot be told."""
    for _, source in frames(clip):
        return source.shown_width >= source.shown_height
    return None


@dataclass(slots=True)
class _Source:
    """One decoded frame and how it is to be turned."""

    frame: av.VideoFrame
    turn_deg: int
    mirrored: bool
    aspect: float

    @property
    def shown_width(self) -> float:
        stored = (self.frame.width * self.aspect, self.frame.height)
        return stored[1] if self.turn_deg in (90, 270) else stored[0]

    @property
    def shown_height(self) -> float:
        stored = (self.frame.width * self.aspect, self.frame.height)
        return stored[0] if self.turn_deg in (90, 270) else stored[1]

    def at(self, width: int, height: int) -> Planes:
        """Upright, covering width x height, cut to it: from the middle, a little above it where it is higher."""
        cover = max(width / self.shown_width, height / self.shown_height)
        w = max(width, round(self.shown_width * cover / 2) * 2)
        h = max(height, round(self.shown_height * cover / 2) * 2)
        stored = (h, w) if self.turn_deg in (90, 270) else (w, h)
        planes = _scaled(self.frame, *stored)
        parts = tuple(_turned(plane, self.turn_deg, self.mirrored) for plane in planes.parts)
        x, y = (w - width) // 4 * 2, round((h - height) * 0.4 / 2) * 2
        return Planes(*parts).crop(x, y, width, height)


def _turned(plane: NDArray[np.uint8], turn_deg: int, mirrored: bool) -> NDArray[np.uint8]:
    upright = np.rot90(plane, -(turn_deg // 90))
    return upright[:, ::-1] if mirrored else upright


def _scaled(frame: av.VideoFrame, width: int, height: int) -> Planes:
    if int(frame.color_trc) in _HDR_TRANSFERS:
        return to_standard_range(frame, width, height)
    space = int(frame.colorspace)
    if space not in {int(known) for known in Colorspace}:
        space = int(Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601)
    full = int(frame.color_range) == int(ColorRange.JPEG) or frame.format.name.startswith("yuvj")
    small = VideoReformatter().reformat(
        frame,
        width=width,
        height=height,
        format="yuv420p",
        src_colorspace=space,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=_how(width * 2 < frame.width, exact=full or space != Colorspace.ITU709),
    )
    return planes_of(small)


def _how(smaller: bool, *, exact: bool) -> Interpolation:
    """How swscale goes about it. Where it converts colours its shortcuts would darken them by two steps."""
    chosen = int(Interpolation.AREA if smaller else Interpolation.BICUBIC)
    return cast(Interpolation, chosen | (_EXACT if exact else 0))


def planes_of(frame: av.VideoFrame) -> Planes:
    """The planes of a yuv420p frame, not copied."""
    parts = []
    for index, plane in enumerate(frame.planes):
        w, h = (frame.width, frame.height) if index == 0 else (frame.width // 2, frame.height // 2)
        parts.append(np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:h, :w])
    return Planes(*parts)


def frames(clip: Clip) -> Iterator[tuple[float, _Source]]:
    """Every frame that is wanted, with its time on the take's axis, in rising order; none of what is no recording."""
    last_s = -math.inf
    for path in clip.paths:
        for shown_s, source in _frames_of(path, clip.zero_s):
            if shown_s - last_s >= 1 / _FRAMES_PER_SECOND_MAX - 1e-4:
                last_s = shown_s
                yield shown_s, source


def _frames_of(path: str, zero_s: float | None) -> Iterator[tuple[float, _Source]]:
    """Every frame of one file; the time of what says none is no number."""
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise FilmFailed(reason=f"a clip cannot be read: {error}") from error
    with file, suppress(TakeUnreadable), opened(file) as container:
        stream = best_picture(container)
        if stream is None:
            return
        zero_s = presentation_zero_s(container) if zero_s is None else zero_s
        stream.thread_type = "SLICE"
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                continue
            for frame in frames:
                if frame.width * frame.height > PIXELS_MOST:
                    return
                shown_s = math.nan if frame.pts is None else frame.time
                turn_deg, mirrored = orientation(display_matrix(frame))
                aspect = float(stream.sample_aspect_ratio or 1)
                yield shown_s - zero_s, _Source(frame, turn_deg, mirrored, aspect if 1 / 8 <= aspect <= 8 else 1.0)


class _Writer:
    """One proxy being written. Its frames are numbered; their times stand beside it."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._path, self._width, self._height = path, width, height
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self._file = av.open(str(self._part), "w", format="mp4")
        self._stream = self._file.add_stream("libx264", rate=25, options=_OPTIONS)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._times: list[int] = []

    def add(self, time_s: float, source: _Source) -> None:
        frame = frame_of(source.at(self._width, self._height), len(self._times))
        self._times.append(round(time_s * SAMPLE_RATE))
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._file.mux(self._stream.encode(None))
        self._file.close()
        self._part.touch()  # without a frame nothing is written
        np.save(times_path(self._path), np.array(self._times, np.int64))
        self._part.replace(self._path)

    def clear(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def frame_of(planes: Planes, number: int) -> av.VideoFrame:
    """A frame for an encoder, shown as the `number`th of 25 a second."""
    frame = av.VideoFrame(planes.width, planes.height, "yuv420p")
    for plane, part in zip(frame.planes, planes.parts, strict=True):
        rows, columns = part.shape
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:rows, :columns] = part
    frame.pts, frame.time_base = number, Fraction(1, 25)
    frame.colorspace, frame.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
    return frame
