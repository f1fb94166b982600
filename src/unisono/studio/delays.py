"""Delays: how late the sound of a stranger's recording is because of its encoder, where the file does not say so.

Codecs that work in overlapping blocks put some samples in front. Some containers say how many (MP4's edit list, Ogg's
and Matroska's pre-skip, the LAME tag of an MP3), and FFmpeg takes those off by itself; a file that says nothing
decodes late, by what the encoder is known to add. Measured for each container and encoder by `python -m bench ingest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CODEC_DELAY_SAMPLES: Final = {
    "aac": 1024,
    "aac_latm": 1024,
    "ac3": 256,
    "adpcm_g722": 22,
    "amr_nb": 40,
    "amr_wb": 95,
    "aptx": 90,
    "aptx_hd": 90,
    "eac3": 256,
    "mp1": 241,
    "mp2": 481,
    "mp3": 1105,
    "nellymoser": 128,
    "opus": 312,
    "sbc": 73,
}
"""How late a sound decodes with nothing taken off, at the stream's own rate: encoder and decoder together.

AAC: one block of 1024 (ISO/IEC 14496-3; FFmpeg, Fraunhofer's in most writers). AC-3: the overlap of 256 (ATSC A/52).
Layer III: 576 of LAME's and 529 of every decoder's. Layer II: the filterbank's 481. Opus: libopus at 48 kHz. AMR-WB,
for which there is no encoder here, by its standard alone (ITU-T G.722.2): 5 ms of look-ahead, 0.9375 ms of filters.
"""

APPLE_AAC_SAMPLES: Final = 2112
"""What Apple's AAC encoders put in front (QuickTime File Format, appendix G)."""

SBR_SAMPLES: Final = 962
"""How much later HE-AAC decodes than its core, at the rate that comes out: the decoder's own filterbanks (ISO/IEC
14496-3: 481 of the core's samples). No file counts it, since no writer knows whether its reader has them."""

_FALSELY_TOLD: Final = frozenset({"amr_nb"})
"""Codecs whose usual encoder tells its container another number than it adds: the truth is the table's."""

_APPLE_WORDS: Final = ("apple", "quicktime", "core media", "itunes", "iphone", "ipad")
_SHIFT_TOLERANCE_S: Final = 0.002
_LAYERS: Final = {1: "mp3", 2: "mp2", 3: "mp1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a file says of where its sound comes from.

    codec: FFmpeg's name of the format. rate_hz: what comes out. writer: everything the file says about who made it.
    told_samples: what FFmpeg takes off by itself because the file says so; None if the file says nothing. core_rate_hz:
    AAC's, 0 if nobody knows it.
    """

    codec: str
    rate_hz: int
    writer: str = ""
    told_samples: int | None = None
    core_rate_hz: int = 0

    @property
    def doubled(self) -> bool:
        """Whether it is HE-AAC: twice as many samples come out as its core has."""
        return self.codec in {"aac", "aac_latm"} and self.core_rate_hz > 0 and self.rate_hz == 2 * self.core_rate_hz


def late_samples(origin: Origin) -> int:
    """How many samples, at its own rate, this sound must be moved forward; negative: back.

    What FFmpeg takes off already is not taken off twice.
    """
    late = _by_rule(origin)
    if origin.doubled:
        return SBR_SAMPLES + (2 * late if origin.told_samples is None else 0)
    if origin.told_samples is None:
        return late
    return late - origin.told_samples if origin.codec in _FALSELY_TOLD and origin.told_samples else 0


def _by_rule(origin: Origin) -> int:
    """How late this codec decodes, by who wrote it."""
    if origin.codec == "aac" and any(word in origin.writer.lower() for word in _APPLE_WORDS):
        return APPLE_AAC_SAMPLES
    if origin.codec in {"wmav1", "wmav2"}:
        return _wma_block_samples(origin)
    return CODEC_DELAY_SAMPLES.get(origin.codec, 0)


def swallowed_samples(origin: Origin) -> int:
    """How many samples FFmpeg's decoder keeps to itself before its first frame: its own block, and the encoder's."""
    return 2 * _wma_block_samples(origin) if origin.codec in {"wmav1", "wmav2"} else 0


def _wma_block_samples(origin: Origin) -> int:
    """One block: as many samples as FFmpeg's wma.c gives a block at this rate."""
    first = origin.codec == "wmav1"
    for rate_hz, samples in ((16_000, 512), (32_000 if first else 22_050, 1024), (48_000, 2048), (96_000, 4096)):
        if origin.rate_hz <= rate_hz:
            return samples
    return 2048 if first else 8192


def picture_moves_s(*, late_s: float, picture_late_s: float, tick_s: float) -> float:
    """How far the picture must be moved forward with a sound that was `late_s` late.

    Where timestamps cannot be negative, FFmpeg knows of the delay and lets the picture go on later by as much, as far
    as the picture's timestamps can say it. picture_late_s: how much later than the sound it goes its even way. tick_s:
    how coarse its timestamps are. Anything else the writer did not do for the delay's sake: then the picture stays.
    """
    shifted = picture_late_s > 0 and abs(picture_late_s - late_s) <= max(_SHIFT_TOLERANCE_S, tick_s / 2)
    return picture_late_s if shifted and late_s > 0 else 0.0


def mpeg_layer(packet: bytes) -> str:
    """`mp1`, `mp2` or `mp3`, by a frame's own header (ISO/IEC 11172-3): some containers do not tell them apart."""
    return _LAYERS.get(packet[1] >> 1 & 3, "mp3") if len(packet) > 1 else "mp3"
