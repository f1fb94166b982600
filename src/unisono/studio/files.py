"""Files: what people download, written so that every player begins at the performance's first sample.

Lossless formats carry the samples as they are. Opus and AAC encoders delay the sound; the container says by how much
(Ogg's pre-skip, MP4's edit list), FFmpeg writes both, and decoders take it off again. A file appears under its name
only when it is whole: it is written beside it and renamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.audio.stream import AudioStream

from unisono.studio.shares import OnShare, untold
from unisono.units import SAMPLE_RATE, Audio

_BLOCK_SAMPLES = 2**16
_PART_SUFFIX = ".part"
_DITHER_SEED = 16
_FRAME_SAMPLES_MAX = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of file. `frame_format` is FFmpeg's name of the samples its encoder takes; bits 0: floating point."""

    kind: str
    container: str
    codec: str
    frame_format: str
    bits: int = 0
    bit_rate: int | None = None
    muxer_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    codec_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def lossless(self) -> bool:
        """Whether what is read back is what was written, but for rounding."""
        return self.bit_rate is None

    @property
    def samples_min(self) -> int:
        """The shortest sound that all decoders give back: lossy codecs want a whole frame."""
        return 1 if self.lossless else _FRAME_SAMPLES_MAX


WAV = Form(kind="wav", container="wav", codec="pcm_s16le", frame_format="s16", bits=16)
WAV_24 = Form(kind="wav", container="wav", codec="pcm_s24le", frame_format="s32", bits=24)
FLAC = Form(kind="flac", container="flac", codec="flac", frame_format="s32", bits=24)
OPUS = Form(
    kind="opus",
    container="ogg",
    codec="libopus",
    frame_format="flt",
    bit_rate=128_000,
    muxer_options=MappingProxyType({"fflags": "+bitexact"}),  # no random serial number: the same sound, the same bytes
)
M4A = Form(
    kind="m4a",
    container="ipod",
    codec="aac",
    frame_format="fltp",
    bit_rate=192_000,
    muxer_options=MappingProxyType({"movflags": "+faststart"}),
    codec_options=MappingProxyType({"aac_coder": "fast"}),
)
MIX_FORMS = (WAV, FLAC, OPUS, M4A)
STEM_FORMS = (WAV_24, FLAC)


def write(
    path: Path, sound: Audio, form: Form, tags: Mapping[str, str] | None = None, *, on_share: OnShare = untold
) -> None:
    """Write float32, shape (samples, 1 or 2), range +-1 (what is above is clipped), to `path`.

    tags: FFmpeg's names (title, artist, date, comment...). Sound shorter than the format can hold is followed by
    silence, since not every container can be empty. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART_SUFFIX)
    try:
        missing = max(0, form.samples_min - len(sound))
        _encode(part, np.pad(sound, [(0, missing), (0, 0)]), form, tags or {}, on_share)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _encode(path: Path, sound: Audio, form: Form, tags: Mapping[str, str], on_share: OnShare) -> None:
    with av.open(str(path), "w", format=form.container, container_options=dict(form.muxer_options)) as file:
        file.metadata.update({name: text for name, text in tags.items() if text})
        stream = file.add_stream(form.codec, rate=SAMPLE_RATE, layout=_layout(sound), options=dict(form.codec_options))
        if not isinstance(stream, AudioStream):
            raise TypeError(f"{form.codec} is no codec for sound")
        stream.format = av.AudioFormat(form.frame_format)
        if form.bit_rate is not None:
            stream.bit_rate = form.bit_rate * sound.shape[1] // 2
        done = 0
        for frame in _frames(sound, form):
            file.mux(stream.encode(frame))
            done += frame.samples
            on_share(done / len(sound))
        file.mux(stream.encode(None))


def _layout(sound: Audio) -> str:
    return {1: "mono", 2: "stereo"}[sound.shape[1]]


def _frames(sound: Audio, form: Form) -> Iterator[av.AudioFrame]:
    """The sound in FFmpeg's frames, stamped in samples."""
    chance = np.random.default_rng(_DITHER_SEED)
    for start in range(0, len(sound), _BLOCK_SAMPLES):
        block = sound[start : start + _BLOCK_SAMPLES]
        numbers = _integers(block, form.bits, chance) if form.bits else block
        planar = form.frame_format.endswith("p")
        laid = np.ascontiguousarray(numbers.T if planar else numbers.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(laid, format=form.frame_format, layout=_layout(sound))
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = start
        yield frame


def _integers(block: Audio, bits: int, chance: np.random.Generator) -> np.ndarray:
    """Whole numbers of `bits` bits at the top of int16 or int32; 16 bits with triangular dither, two steps wide.

    Digital silence stays silence: there is nothing to dither in it.
    """
    steps = float(2 ** (bits - 1))
    wanted = block.astype(np.float64) * steps
    if bits == 16:
        dither = chance.random(block.shape) - chance.random(block.shape)
        wanted += np.where(np.any(block != 0, axis=1, keepdims=True), dither, 0.0)
    whole = np.clip(np.round(wanted), -steps, steps - 1)
    return whole.astype(np.int16) if bits == 16 else whole.astype(np.int32) << (32 - bits)


def read_back(path: Path) -> Audio:
    """What FFmpeg decodes from one of our files: float32, shape (samples, channels). Raises OSError, ValueError."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        if stream.rate != SAMPLE_RATE:
            raise ValueError(f"{path.name} has {stream.rate} samples per second, not {SAMPLE_RATE}")
        blocks = [_floats(frame) for frame in file.decode(stream)]
    return np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), dtype=np.float32)


def _floats(frame: av.AudioFrame) -> Audio:
    laid = frame.to_ndarray()
    by_sample = laid.T if frame.format.is_planar else laid.reshape(-1, frame.layout.nb_channels)
    full_scale = {"i": 2.0 ** (8 * by_sample.dtype.itemsize - 1), "f": 1.0}[by_sample.dtype.kind]
    return by_sample.astype(np.float32) / np.float32(full_scale)
