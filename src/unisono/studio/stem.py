"""Stem: the packets of one seat become one sound on the performance's span, every sample at its position.

Nothing is ever shifted, guessed or concealed: what did not arrive is silence and listed as a gap. Inside an epoch the
codec runs on; a missing or broken frame ends the run, and what follows begins with a fresh decoder. Where epochs
overlap the later wins. Pure but for libopus.

A fresh decoder in the middle of a stream has the right place at once and the right level after about five frames. On
real singing that is nearer to the truth than an old decoder that goes on over the gap, and it errs to the soft side,
where the old one may burst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unisono.core.wire import Codec, Packet
from unisono.errors import BrokenFrame
from unisono.opus import Decoder
from unisono.studio.splice import Run, splice
from unisono.units import FRAME_SAMPLES, Audio, Span

PREROLL_SAMPLES = 4 * FRAME_SAMPLES
"""Frames this far before the span are decoded too, so that the codec has settled when the span begins."""

_EXCESS = 4
"""A stem may hold this many times the frames its span needs (overlapping epochs); the rest is somebody's mischief."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """One voice, whole and alone.

    sound: float32, shape (samples, channels), one or two channels; sample 0 is the performance's start.
    gaps: spans of the room's axis, inside the performance, for which nothing arrived.
    marks: what a listener should know, as codes: `silent`, `gaps`, `jumps`, `unsure`, `broken`.
    """

    sound: Audio
    gaps: tuple[Span, ...]
    marks: tuple[str, ...]

    @property
    def gap_samples(self) -> int:
        """How much is missing altogether."""
        return sum(gap.samples for gap in self.gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """One codec frame and where it belongs."""

    epoch: int
    position: int
    codec: Codec
    stereo: bool
    data: bytes


def decode_stem(packets: Iterable[Packet], span: Span) -> Stem:
    """What a seat sang inside `span`. Packets may come in any order, doubled, overlapping, or not at all."""
    frames, unsure = _frames_near(packets, span)
    runs: list[Run] = []
    broken = 0
    for series in _series(frames):
        for run in _decode_series(series):
            if run is None:
                broken += 1
            else:
                runs.append(run)
    sound, gaps = splice(runs, span)
    epochs = {frame.epoch for frame in frames}
    marks = {
        "silent": not runs,
        "gaps": bool(runs and gaps),
        "jumps": len(epochs) > 1,
        "unsure": unsure,
        "broken": broken,
    }
    return Stem(sound=sound, gaps=gaps, marks=tuple(code for code, is_so in marks.items() if is_so))


def _frames_near(packets: Iterable[Packet], span: Span) -> tuple[list[_Frame], bool]:
    """Each frame that matters for `span` once, by (epoch, position), and whether any was stamped unsure."""
    found: dict[tuple[int, int], _Frame] = {}
    unsure = False
    most = _EXCESS * (span.samples // FRAME_SAMPLES + 2)
    for packet in packets:
        for position, data in packet.positioned_frames():
            if position >= span.stop or position + FRAME_SAMPLES <= span.start - PREROLL_SAMPLES:
                continue
            if len(found) >= most:
                break
            unsure |= packet.unsure and span.start < position + FRAME_SAMPLES
            frame = _Frame(epoch=packet.epoch, position=position, codec=packet.codec, stereo=packet.stereo, data=data)
            found.setdefault((packet.epoch, position), frame)
    return [found[key] for key in sorted(found)], unsure


def _series(frames: Sequence[_Frame]) -> Iterator[list[_Frame]]:
    """Cut the frames where one does not begin exactly where the one before ended, or comes of another codec."""
    series: list[_Frame] = []
    for frame in frames:
        if series and not _follows(series[-1], frame):
            yield series
            series = []
        series.append(frame)
    if series:
        yield series


def _follows(first: _Frame, second: _Frame) -> bool:
    return replace(first, position=first.position + FRAME_SAMPLES, data=second.data) == second


def _decode_series(series: Sequence[_Frame]) -> Iterator[Run | None]:
    """The sound of contiguous frames, in as many runs as broken frames leave; None for each broken frame."""
    head = series[0]
    decoder = Decoder(2 if head.stereo else 1) if head.codec is Codec.OPUS else None
    blocks: list[Audio] = []
    start = head.position
    for frame in series:
        try:
            block = _decode(frame, decoder)
        except BrokenFrame:
            if blocks:
                yield Run(epoch=head.epoch, start=start, sound=np.concatenate(blocks))
            blocks, start = [], frame.position + FRAME_SAMPLES
            if decoder is not None:
                decoder.reset()
            yield None
            continue
        blocks.append(block)
    if blocks:
        yield Run(epoch=head.epoch, start=start, sound=np.concatenate(blocks))


def _decode(frame: _Frame, decoder: Decoder | None) -> Audio:
    """float32, shape (960, channels). Raises BrokenFrame."""
    if decoder is not None:
        return decoder.decode(frame.data)
    pcm = np.frombuffer(frame.data, dtype="<i2").astype(np.float32) / np.float32(32_768)
    return pcm.reshape(FRAME_SAMPLES, 2 if frame.stereo else 1)
