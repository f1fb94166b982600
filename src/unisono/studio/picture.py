"""Picture: what a film must know of a take's picture, and its frames, upright, at their times.

Most is told by packets alone: when each frame is shown, without decoding it. One frame is decoded, since phones write
how they were held, and how their colours are meant, beside the pictures.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from statistics import median
from typing import Any, BinaryIO, Final, cast

import av
import numpy as np
from av.filter import Graph
from av.video.stream import VideoStream
from msgspec import Struct
from numpy.typing import NDArray

from unisono.errors import TakeTooLarge
from unisono.studio.foreign import best_picture, opened

PIXELS_MOST: Final = 2**26
"""8192 x 8192: twice what any phone films."""
_PACKETS_TRIED: Final = 400
_UNEVEN: Final = 0.2
_TICK_S: Final = 0.0015

_TRANSFERS: Final = {1: "bt709", 6: "smpte170m", 7: "smpte240m", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"}
_UNSAID: Final = frozenset({0, 2})
_HDR_TRANSFERS: Final = {16: "smpte2084", 18: "arib-std-b67"}
_PRIMARIES: Final = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"}


class Picture(Struct, frozen=True, kw_only=True):
    """What the picture of a take is like; times are on the take's axis.

    width, height: in pixels, as shown: upright, pixels square. rotation_deg: 0, 90, 180 or 270, how far the stored
    picture is turned clockwise to be upright; where `mirrored`, it is then flipped left to right. first_s: when the
    first frame is shown; last_s: the last one. variable_rate: frames do not come evenly. hdr: more than standard
    range; transfer, primaries: FFmpeg's names. zero_s: which of the file's own timestamps is the take's 0.
    """

    codec: str
    pixel_format: str
    width: int
    height: int
    rotation_deg: int
    mirrored: bool
    first_s: float
    last_s: float
    frames: int
    fps: float
    variable_rate: bool
    hdr: bool
    transfer: str
    primaries: str
    zero_s: float = 0.0


class Watching:
    """Takes the packets of one stream of pictures and notes when each is shown."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._times = array("q")
        self._seen: av.VideoFrame | None = None
        self._tried = 0
        self.broken = False
        _allowed(stream.codec_context.width, stream.codec_context.height)

    def feed(self, packet: av.Packet[VideoStream]) -> None:
        """One packet, in the file's order. Raises TakeTooLarge."""
        if self._seen is None and self._tried < _PACKETS_TRIED:
            self._tried += 1
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                self.broken = True
                frames = []
            self._seen = next(iter(frames), None)
            if self._seen is not None:
                _allowed(self._seen.width, self._seen.height)
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None and packet.size and not packet.is_discard:
            self._times.append(time)

    @property
    def begins_s(self) -> float | None:
        """When the picture's even steps begin, by the file's own clock: one step before the second frame.

        Writers that start late stretch the first frame, or leave it where it was, instead of moving it.
        """
        ticks = self._ticks()
        if len(ticks) < 3:
            return float(ticks[0]) * self.tick_s if len(ticks) else None
        return float(ticks[1] - np.median(np.diff(ticks))) * self.tick_s

    @property
    def tick_s(self) -> float:
        """How coarse timestamps are."""
        return float(self._stream.time_base or 0)

    def _ticks(self) -> NDArray[np.int64]:
        return np.unique(np.frombuffer(self._times, dtype=np.int64))

    def facts(self, zero_s: float) -> Picture | None:
        """What was seen, or None if not one picture could be decoded."""
        frame = self._seen
        if frame is None or not self._times:
            return None
        times_s = self._ticks() * self.tick_s - zero_s
        rotation_deg, mirrored = orientation(display_matrix(frame))
        width, height = _square(frame.width, frame.height, self._stream)
        upended = rotation_deg in (90, 270)
        context = self._stream.codec_context
        transfer = _known(frame.color_trc, context.color_trc)
        return Picture(
            codec=self._stream.codec_context.name,
            pixel_format=frame.format.name,
            width=height if upended else width,
            height=width if upended else height,
            rotation_deg=rotation_deg,
            mirrored=mirrored,
            first_s=float(times_s[0]),
            last_s=float(times_s[-1]),
            frames=len(times_s),
            fps=float((len(times_s) - 1) / (times_s[-1] - times_s[0])) if len(times_s) > 1 else 0.0,
            variable_rate=uneven(times_s),
            hdr=transfer in _HDR_TRANSFERS,
            transfer=(_TRANSFERS | _HDR_TRANSFERS).get(transfer, "unknown"),
            primaries=_PRIMARIES.get(_known(frame.color_primaries, context.color_primaries), "unknown"),
            zero_s=zero_s,
        )


def _known(of_frame: int, of_stream: int) -> int:
    """Where the picture itself does not say how its colours are meant, its container may."""
    return int(of_stream if of_frame in _UNSAID else of_frame)


def _allowed(width: int, height: int) -> None:
    if width * height > PIXELS_MOST:
        raise TakeTooLarge(what="pixels", value=width * height, most=PIXELS_MOST)


def _square(width: int, height: int, stream: VideoStream) -> tuple[int, int]:
    """The stored picture with its pixels made square: as wide as it is meant to be."""
    aspect = stream.sample_aspect_ratio
    if aspect is None or not 1 / 8 <= aspect <= 8:
        return width, height
    return max(1, round(width * aspect)), height


def uneven(times_s: np.ndarray) -> bool:
    """Whether frames at these times, rising, come at a variable rate: beyond what rounding to milliseconds does."""
    if len(times_s) < 3:
        return False
    steps_s = np.diff(times_s)
    usual_s = median(steps_s.tolist())
    return bool(np.max(np.abs(steps_s - usual_s)) > max(_UNEVEN * usual_s, _TICK_S))


def display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """How the file wants its pictures turned: int32, shape (3, 3), as in ISO/IEC 14496-12, or None."""
    # PyAV's types know of one kind of such data only.
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), dtype="<i4", count=9).reshape(3, 3)


def orientation(matrix: np.ndarray | None) -> tuple[int, bool]:
    """How a picture is made upright: turned clockwise by 0, 90, 180 or 270 degrees, then flipped left to right or not.

    matrix: x' = a x + c y, y' = b x + d y, its first rows being (a, b) and (c, d), y downwards.
    """
    if matrix is None:
        return 0, False
    (a, b), (c, d) = matrix[:2, :2].astype(np.float64)
    mirrored = a * d - b * c < 0
    turned = math.atan2(b, -a if mirrored else a)
    return round(math.degrees(turned) / 90) % 4 * 90, bool(mirrored)


def upright_filters(picture: Picture) -> list[tuple[str, str]]:
    """FFmpeg's filters, with their arguments, that turn a stored picture of this take upright, pixels square."""
    turns = {0: [], 90: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")], 270: [("transpose", "cclock")]}
    flips = [("hflip", "")] if picture.mirrored else []
    return [*turns[picture.rotation_deg], *flips, ("scale", f"{picture.width}:{picture.height}"), ("setsar", "1")]


def upright_frames(file: BinaryIO, picture: Picture) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame as it is to be shown, with its time on the take's axis in seconds, in rising order.

    file: the recording that `picture` was read from. Pictures that cannot be decoded are left out. Raises
    TakeUnreadable, TakeTooCostly.
    """
    with opened(file) as container:
        stream = best_picture(container)
        if stream is None:
            return
        graph = Graph()
        chain = [graph.add_buffer(template=stream)]
        chain += [graph.add(name, arguments) for name, arguments in upright_filters(picture)]
        chain.append(graph.add("buffersink"))
        graph.link_nodes(*chain).configure()
        for frame in _decoded(container, stream):
            chain[0].push(frame)
            shown = cast(av.VideoFrame, chain[-1].pull())
            if frame.time is not None:
                yield frame.time - picture.zero_s, shown


def _decoded(container: av.container.InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            continue
        yield from frames
