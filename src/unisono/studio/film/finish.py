"""Finish: pieces joined without encoding them again, the mix as AAC, the words as subtitles: one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Stream

from unisono.studio.film import words
from unisono.studio.film.brief import FRAME_RATE, FRAME_SAMPLES, Film
from unisono.units import SAMPLE_RATE

Packet: TypeAlias = "av.Packet[Any]"

_BIT_RATE = 192_000
_BLOCK_SAMPLES = 2**15
_TEXT_TIME_BASE = Fraction(1, 1000)


def join(film: Film, parts: Sequence[Path], path: Path, *, frames: int) -> None:
    """Write the film to `path`, whole or not at all. parts: its pieces in order. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    try:
        with av.open(str(part), "w", format="mp4", container_options={"movflags": "+faststart"}) as file:
            file.metadata.update(tags(film))
            with av.open(str(parts[0])) as first:
                video = file.add_stream_from_template(first.streams.video[0])
            sound = file.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", options={"aac_coder": "fast"})
            assert isinstance(sound, AudioStream)
            sound.bit_rate = _BIT_RATE
            text = _text_stream(file) if film.words else None
            texts = _texts(film, text, frames) if text is not None else iter(())
            interleave(file, [pictures(parts, video), sounds(film, sound, frames), texts])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def tags(film: Film) -> dict[str, str]:
    """What is written into the file."""
    artists = ", ".join(voice.name for voice in film.voices if voice.name)
    told = {"title": film.title, "artist": artists, "date": film.date, "location": film.place}
    return {name: value for name, value in told.items() if value}


def interleave(file: av.container.OutputContainer, streams: list[Iterator[Packet]]) -> None:
    """Write packets of all streams in the order of their times."""
    heads = [(next(stream, None), stream) for stream in streams]
    while True:
        ready = [(packet, stream) for packet, stream in heads if packet is not None]
        if not ready:
            return
        packet, stream = min(ready, key=lambda head: float((head[0].dts or 0) * (head[0].time_base or 0)))
        file.mux_one(packet)
        heads = [(next(other, None) if other is stream else head, other) for head, other in heads]


def pictures(parts: Sequence[Path], video: av.VideoStream) -> Iterator[Packet]:
    """The packets of all pieces, one after another."""
    frames = 0
    for path in parts:
        with av.open(str(path)) as piece:
            stream = piece.streams.video[0]
            assert stream.time_base is not None
            shift = round(frames / FRAME_RATE / stream.time_base)
            for packet in piece.demux(stream):
                if packet.dts is None or packet.pts is None or not packet.size:
                    continue
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = video
                frames += 1
                yield packet


def sounds(film: Film, stream: AudioStream, frames: int) -> Iterator[Packet]:
    """The mix, with silence before it and after it."""
    for frame in sound_frames(film, frames * FRAME_SAMPLES):
        yield from stream.encode(frame)
    yield from stream.encode(None)


def sound_frames(film: Film, samples: int) -> Iterator[av.AudioFrame]:
    """The film's sound, `samples` long, in frames of float32, planar, stereo."""
    at = 0
    for block in _blocks(film, samples):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), at
        at += block.shape[1]
        yield frame


def _blocks(film: Film, samples: int) -> Iterator[np.ndarray]:
    left = samples
    for block in _unlimited(film):
        cut = block[:, :left]
        left -= cut.shape[1]
        if cut.shape[1]:
            yield cut
        if left <= 0:
            return
    while left > 0:
        yield np.zeros((2, min(left, _BLOCK_SAMPLES)), np.float32)
        left -= min(left, _BLOCK_SAMPLES)


def _unlimited(film: Film) -> Iterator[np.ndarray]:
    yield np.zeros((2, film.lead_frames * FRAME_SAMPLES), np.float32)
    if film.sound is None:
        return
    left = film.samples
    with av.open(film.sound) as file:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        for frame in file.decode(audio=0):
            for block in resampler.resample(frame):
                yield block.to_ndarray()[:, : max(left, 0)]
                left -= block.samples


# Subtitles


def _text_stream(file: av.container.OutputContainer) -> Stream:
    stream = file.add_mux_stream("mov_text")
    stream.time_base = _TEXT_TIME_BASE
    return stream


def _texts(film: Film, stream: Stream, frames: int) -> Iterator[Packet]:
    """The words as 3GPP timed text: each sample is a length and UTF-8; between lines there are empty ones."""
    at_ms = 0
    for line in words.lines(film):
        start, stop = (max(0, round(1000 * (film.lead_s + at / SAMPLE_RATE))) for at in (line.start, line.stop))
        if start > at_ms:
            yield _text(stream, "", at_ms, start)
        yield _text(stream, line.text, max(start, at_ms), stop)
        at_ms = stop
    end_ms = round(1000 * frames / FRAME_RATE)
    if at_ms < end_ms:
        yield _text(stream, "", at_ms, end_ms)


def _text(stream: Stream, text: str, start_ms: int, stop_ms: int) -> Packet:
    told = text.encode()
    packet = av.Packet(len(told).to_bytes(2, "big") + told)
    packet.stream = stream
    packet.time_base = _TEXT_TIME_BASE
    packet.pts = packet.dts = start_ms
    packet.duration = stop_ms - start_ms
    return packet


def write_poster(film: Path, at_frame: int, path: Path) -> None:
    """A frame of the finished film as a JPEG."""
    with av.open(str(film)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        file.seek(int(at_frame / FRAME_RATE / stream.time_base), stream=stream, backward=True)
        for frame in file.decode(stream):
            if round((frame.time or 0.0) * FRAME_RATE) >= at_frame:
                _save_jpeg(frame, path)
                return


def _save_jpeg(frame: av.VideoFrame, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    with av.open(str(part), "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=1, options={"q": "3", "qmin": "2", "qmax": "4"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuvj420p"
        file.mux(stream.encode(frame.reformat(format="yuvj420p", dst_color_range="JPEG")))
        file.mux(stream.encode(None))
    part.replace(path)
