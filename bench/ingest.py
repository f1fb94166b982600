"""`python -m bench ingest`: is sound where it was put, whatever it was packed into, and does its picture agree?

A sweep at a known sample is encoded by FFmpeg's own encoders into each container that takes them, some with a picture
that turns white at a known frame, and read back by `studio/take.py`. `raw_ms`: how late it decodes as FFmpeg gives it.
`taken_ms`: what `studio/delays.py` took off by rule. `error_ms`: what is left. `picture_ms`: how much later than the
sweep the picture turns white. `--long` also sweeps sample rates and where the sound begins; `late_error_ms_max` is of
sound that begins late, which Matroska says in whole milliseconds.
"""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from scipy import signal

from unisono.studio.delays import APPLE_AAC_SAMPLES, CODEC_DELAY_SAMPLES
from unisono.studio.hearing import floats
from unisono.studio.picture import upright_frames
from unisono.studio.take import Take, read_into
from unisono.units import SAMPLE_RATE, Audio

SWEEP_S = 0.25
SWEEP_AT_S = 0.8
WHOLE_S = 1.5
LOW_HZ, HIGH_HZ = 300.0, 3_000.0
FPS = 25
WHITE_FROM = 10
SIDE = 64

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file: `picture` names its encoder, "" for none; `begins_s` is when its first sample is due.

    handler: who says to have written it. ahead: so many samples more than FFmpeg's encoder are put in front, as others
    do. doubled: it says to be HE-AAC, whose core this is: nothing is added above, but it is decoded as such.
    """

    container: str
    codec: str
    rate_hz: int = 48_000
    layout: str = "stereo"
    bit_rate: int | None = None
    picture: str = ""
    begins_s: float = 0.0
    muxer_options: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)
    handler: str = ""
    ahead: int = 0
    doubled: bool = False

    @property
    def name(self) -> str:
        """For the table."""
        said = [self.container, self.codec, f"{self.rate_hz / 1000:g}"]
        said += [f"{key}={value}" for key, value in self.muxer_options.items()]
        said += [self.picture] if self.picture else []
        said += [self.handler] if self.handler else []
        said += ["HE-AAC"] if self.doubled else []
        said += [f"from {self.begins_s:g} s"] if self.begins_s else []
        return " ".join(said)


_NO_SBR, _SBR = b"\x56\xe5\x00", {24_000: b"\x56\xe5\x98", 22_050: b"\x56\xe5\xa0"}
"""How FFmpeg's encoder says in its setup that nothing is above its core, and how others say that something is."""

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
FRAGMENTED_LATER = {"movflags": "frag_keyframe+delay_moov"}


def _aac() -> Iterator[Case]:
    plain = Case(container="mp4", codec="aac", bit_rate=128_000)
    for container in ("mp4", "mov", "ipod", "3gp", "matroska", "mpegts", "adts", "latm", "flv", "avi", "asf", "nut"):
        yield replace(plain, container=container)
        yield replace(plain, container=container, rate_hz=44_100)
    for options in (FRAGMENTED, FRAGMENTED_LATER, {"use_editlist": "0"}):
        yield replace(plain, muxer_options=options)
    for container, picture in (
        *(("mp4", "mpeg4"), ("mov", "mpeg4"), ("matroska", "mpeg4"), ("avi", "mpeg4"), ("mpegts", "mpeg2video")),
        *(("flv", "flv"), ("mp4", "libx264"), ("mpegts", "libx264"), ("matroska", "libx264")),
    ):
        yield replace(plain, container=container, picture=picture)
    yield replace(plain, picture="mpeg4", muxer_options=FRAGMENTED)
    yield replace(plain, picture="libx264", muxer_options=FRAGMENTED_LATER)


def _foreign_aac() -> Iterator[Case]:
    """AAC of encoders that are not here: Apple's has more in front, HE-AAC comes out at twice its core's rate."""
    ahead = APPLE_AAC_SAMPLES - CODEC_DELAY_SAMPLES["aac"]
    apple = Case(container="mp4", codec="aac", bit_rate=128_000, handler="Core Media Audio", ahead=ahead)
    for container, options in (("mp4", FRAGMENTED), ("mp4", {"use_editlist": "0"}), ("mov", {"use_editlist": "0"})):
        yield replace(apple, container=container, muxer_options=options)
        yield replace(apple, container=container, muxer_options=options, rate_hz=44_100)
    for rate_hz in _SBR:
        half = Case(container="mp4", codec="aac", rate_hz=rate_hz, bit_rate=64_000, doubled=True)
        yield from (
            replace(half, container=container) for container in ("mp4", "mov", "ipod", "3gp", "matroska", "flv")
        )
        for options in (FRAGMENTED, FRAGMENTED_LATER, {"use_editlist": "0"}):
            yield replace(half, muxer_options=options)


def _other_lossy() -> Iterator[Case]:
    for codec, rate_hz, bit_rate, containers in (
        ("libmp3lame", 44_100, 128_000, ("mp3", "mp4", "mov", "matroska", "avi", "mpegts", "flv", "wav")),
        ("libopus", 48_000, 96_000, ("ogg", "webm", "matroska", "mp4", "mpegts", "nut")),
        ("ac3", 48_000, 192_000, ("ac3", "mp4", "mov", "mpegts", "matroska", "avi", "rm")),
        ("eac3", 48_000, 192_000, ("eac3", "mp4", "mpegts", "matroska")),
        ("mp2", 48_000, 192_000, ("mp2", "mpegts", "mpeg", "avi", "matroska", "wav")),
        ("wmav1", 44_100, 128_000, ("asf", "avi")),
        ("wmav2", 44_100, 128_000, ("asf", "avi")),
    ):
        for container in containers:
            yield Case(container=container, codec=codec, rate_hz=rate_hz, bit_rate=bit_rate)
    yield Case(container="mp3", codec="libmp3lame", rate_hz=48_000, bit_rate=64_000)
    yield Case(container="mp3", codec="libmp3lame", muxer_options={"write_xing": "0"}, bit_rate=128_000)
    yield Case(container="webm", codec="libopus", picture="libvpx", bit_rate=96_000)
    yield Case(container="mp4", codec="ac3", layout="5.1", bit_rate=384_000)
    yield Case(container="mpeg", codec="mp2", picture="mpeg2video", bit_rate=192_000)
    for container in ("ogg", "webm", "matroska", "mp4"):
        yield Case(container=container, codec="vorbis", rate_hz=44_100, codec_options={"strict": "experimental"})


def _lossless_and_speech() -> Iterator[Case]:
    for container, codec, rate_hz in (
        *(("wav", "pcm_s16le", 48_000), ("wav", "pcm_u8", 22_050), ("wav", "pcm_s24le", 44_100)),
        *(("wav", "pcm_f32le", 48_000), ("wav", "pcm_f64le", 96_000), ("wav", "pcm_alaw", 8_000)),
        *(("wav", "pcm_mulaw", 8_000), ("w64", "pcm_s24le", 192_000), ("aiff", "pcm_s16be", 44_100)),
        *(("au", "pcm_s16be", 11_025), ("caf", "pcm_s16le", 48_000), ("avi", "pcm_s16le", 48_000)),
        *(("mov", "pcm_s16le", 48_000), ("matroska", "pcm_s16le", 48_000), ("ipod", "alac", 44_100)),
        *(("mov", "alac", 48_000), ("caf", "alac", 44_100), ("matroska", "alac", 44_100), ("wv", "wavpack", 44_100)),
        *(("matroska", "wavpack", 44_100), ("tta", "tta", 44_100), ("wav", "adpcm_ima_wav", 44_100)),
        *(("wav", "adpcm_ms", 44_100), ("mov", "adpcm_ima_qt", 44_100), ("sbc", "sbc", 48_000)),
        *(("aptx", "aptx", 48_000), ("avi", "adpcm_ms", 44_100), ("flac", "flac", 96_000), ("ogg", "flac", 44_100)),
        *(("mp4", "flac", 44_100), ("matroska", "flac", 44_100)),
    ):
        yield Case(container=container, codec=codec, rate_hz=rate_hz)
    for container, codec, rate_hz in (("wav", "g726", 8_000), ("wav", "g722", 16_000), ("flv", "nellymoser", 44_100)):
        yield Case(container=container, codec=codec, rate_hz=rate_hz, layout="mono")
    for container in ("amr", "3gp", "mov"):
        yield Case(container=container, codec="libopencore_amrnb", rate_hz=8_000, bit_rate=12_200, layout="mono")


CASES = (*_aac(), *_foreign_aac(), *_other_lossy(), *_lossless_and_speech())


def _long_cases() -> Iterator[Case]:
    """Rates that phones and recorders use, and sound that begins late, in containers with clocks of every kind."""
    for case in CASES:
        if case.codec in {"aac", "libmp3lame", "flac", "pcm_s16le"} and not case.picture:
            rates_hz = {16_000, 22_050, 32_000} - {case.rate_hz}
            yield from (replace(case, rate_hz=rate_hz) for rate_hz in sorted(rates_hz))
        if case.container in {"mp4", "mov", "matroska"} and not case.muxer_options and not case.picture:
            # An edit list counts in the movie's own time scale, by default milliseconds.
            exact = {} if case.container == "matroska" else {"movie_timescale": str(case.rate_hz)}
            yield from (replace(case, begins_s=begins_s, muxer_options=exact) for begins_s in (0.04, 0.5))


class File(io.BytesIO):
    """A file in memory with a name: some kinds are only known by it."""

    def __init__(self, case: Case, content: bytes = b"") -> None:
        super().__init__(content)
        self.name = f"take.{case.container}"


def sweep(rate_hz: int) -> Audio:
    """What is looked for: float32, shape (samples,)."""
    at_s = np.arange(round(SWEEP_S * rate_hz)) / rate_hz
    tone = signal.chirp(at_s, LOW_HZ, SWEEP_S, HIGH_HZ) * np.hanning(at_s.size)
    return np.asarray(0.5 * tone, dtype=np.float32)


def sounded(rate_hz: int, *, at_s: float = SWEEP_AT_S, whole_s: float = WHOLE_S) -> Audio:
    """Silence with one sweep whose first sample is at `at_s`."""
    sound = np.zeros(round(whole_s * rate_hz), dtype=np.float32)
    start = round(at_s * rate_hz)
    sound[start : start + round(SWEEP_S * rate_hz)] = sweep(rate_hz)
    return sound


def arrival_s(sound: Audio, rate_hz: int = SAMPLE_RATE) -> float:
    """When the sweep begins in `sound`, shape (samples,), to a small part of a sample."""
    found = np.abs(signal.hilbert(signal.correlate(sound, sweep(rate_hz), mode="valid", method="fft")))
    # The envelope is broad; the wave under it is fine enough, and has the same middle.
    fine = signal.correlate(sound, sweep(rate_hz), mode="valid", method="fft")
    around = int(np.argmax(found))
    low = max(1, around - rate_hz // 1000)
    peak = low + int(np.argmax(fine[low : around + rate_hz // 1000 + 1]))
    before, top, after = (float(fine[i]) for i in (peak - 1, peak, min(peak + 1, fine.size - 1)))
    bend = before - 2 * top + after
    return (peak + (0.5 * (before - after) / bend if bend else 0.0)) / rate_hz


def encode(case: Case, file: Any, sound: Audio | None = None) -> None:
    """Write the case's file. Raises what PyAV raises if it cannot."""
    heard = np.pad(sounded(case.rate_hz), (case.ahead, 0)) if sound is None else sound
    with av.open(file, "w", format=case.container, container_options=case.muxer_options) as container:
        stream = container.add_stream(case.codec, rate=case.rate_hz, layout=case.layout, options=case.codec_options)
        assert isinstance(stream, AudioStream)
        if case.bit_rate is not None:
            stream.bit_rate = case.bit_rate
        if case.handler:
            stream.metadata["handler_name"] = case.handler
        formats = stream.codec_context.codec.audio_formats
        if formats:
            stream.format = formats[0]
        picture = _picture_stream(container, case.picture) if case.picture else None
        packets = [packet for frame in _sound_frames(case, stream, heard) for packet in stream.encode(frame)]
        if picture is not None:
            packets += [packet for frame in _pictures() for packet in picture.encode(frame)]
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            container.mux(packet)


def _sound_frames(case: Case, stream: AudioStream, heard: Audio) -> Iterator[av.AudioFrame | None]:
    stream.codec_context.open(strict=False)
    resampler = av.AudioResampler(
        format=stream.format.name,
        layout=case.layout,
        rate=case.rate_hz,
        frame_size=stream.codec_context.frame_size or 1024,
    )
    layout = av.AudioLayout(case.layout)
    # The sweep is in front left and right only: 5.1 must come back to the same two.
    loud = [1.0 if channel.name in {"FL", "FR", "FC"} else 0.0 for channel in layout.channels[:2]]
    planes = np.zeros((layout.nb_channels, heard.size), dtype=np.float32)
    planes[: len(loud)] = np.outer(loud, heard)
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=case.layout)
    frame.sample_rate = case.rate_hz
    frame.time_base = Fraction(1, case.rate_hz)
    frame.pts = round(case.begins_s * case.rate_hz)
    for given in (frame, None):
        yield from resampler.resample(given)
    yield None


def _picture_stream(container: av.container.OutputContainer, codec: str) -> VideoStream:
    stream = container.add_stream(codec, rate=FPS)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
    return stream


def _pictures() -> Iterator[av.VideoFrame | None]:
    """Black, from WHITE_FROM on white."""
    for i in range(round(WHOLE_S * FPS)):
        grey = np.full((SIDE * 3 // 2, SIDE), 128, dtype=np.uint8)
        grey[:SIDE] = 235 if i >= WHITE_FROM else 16
        frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        frame.pts = i
        frame.time_base = Fraction(1, FPS)
        yield frame
    yield None


def white_s(file: Any, take: Take) -> float:
    """When the take's picture turns white, on its axis."""
    assert take.facts.picture is not None
    frames = upright_frames(file, take.facts.picture)
    return next(time_s for time_s, frame in frames if frame.to_ndarray(format="gray").mean() > 128)


def raw_late_ms(file: Any) -> float:
    """How late FFmpeg's decoder gives the sweep, counted from the first sample it gives."""
    with av.open(file) as container:
        frames = list(container.decode(audio=0))
    sound = np.concatenate([floats(frame)[:, 0] for frame in frames])
    return 1000 * (arrival_s(sound, frames[0].sample_rate) - SWEEP_AT_S)


def read(file: Any) -> Take:
    """The case's file as the studio reads it."""
    blocks: list[Audio] = []
    facts = read_into(file, blocks.append)
    return Take(sound=np.concatenate(blocks), facts=facts)


def measure(case: Case) -> Figures:
    """One row of the table."""
    file = File(case)
    try:
        encode(case, file)
    except (av.FFmpegError, ValueError) as error:
        return {"not_made": f"{type(error).__name__}: {error}"[:60]}
    content = file.getvalue()
    if case.doubled:
        assert _NO_SBR in content
        content = content.replace(_NO_SBR, _SBR[case.rate_hz])
    take = read(File(case, content))
    sounding = take.facts.sound
    assert sounding is not None
    at_s = arrival_s(take.sound[:, 0])
    row: Figures = {
        "raw_ms": raw_late_ms(File(case, content)),
        "taken_ms": 1000 * sounding.delay_samples / SAMPLE_RATE,
        "error_ms": 1000 * (at_s - SWEEP_AT_S - case.begins_s),
    }
    if case.picture:
        row["picture_ms"] = 1000 * (white_s(File(case, content), take) - WHITE_FROM / FPS - (at_s - SWEEP_AT_S))
    return row


def run(long: bool) -> Figures:
    """Every case once."""
    started = time.perf_counter()
    cases = (*CASES, *(_long_cases() if long else ()))
    rows = {case.name: measure(case) for case in cases}
    made = {name: row for name, row in rows.items() if "error_ms" in row}
    pictures = [abs(row["picture_ms"]) for row in made.values() if "picture_ms" in row]
    return {
        "cases": len(made),
        "error_ms_max": max(
            abs(made[case.name]["error_ms"]) for case in cases if case.name in made and not case.begins_s
        ),
        "late_error_ms_max": max(
            (abs(made[case.name]["error_ms"]) for case in cases if case.name in made and case.begins_s), default=None
        ),
        "picture_ms_max": max(pictures),
        "not_made": {name: row["not_made"] for name, row in rows.items() if name not in made},
        "seconds": round(time.perf_counter() - started, 1),
        "delays": made,
    }
