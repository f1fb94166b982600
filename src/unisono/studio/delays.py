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
    "amrnb": 40,
    "aptx": 90,
    "aptx_hd": 90,
    "eac3": 256,
    "g722": 22,
    "mp1": 241,
    "mp2": 481,
    "mp3": 1105,
    "nellymoser": 128,
    "opus": 312,
    "sbc": 73,
}
"""How late a sound decodes with nothing taken off, at the stream's own rate: encoder and decoder together.

AAC: one block of 1024 (ISO/IEC 14496-3; FFmpeg, Fraunhofer's in most writers). AC-3: the overlap of 256 (ATSC A/52).
Layer III: 576 of LAME's and 529 of every decoder's. Layer II: the filterbank's 481. Opus: libopus at 48 kHz.
"""

APPLE_AAC_SAMPLES: Final = 2112
"""What Apple's AAC encoders put in front (QuickTime File Format, appendix G)."""

_FALSELY_TOLD: Final = frozenset({"amrnb"})
"""Codecs whose usual encoder tells its container another number than it adds: the truth is the table's."""

_APPLE_WORDS: Final = ("apple", "quicktime", "core media", "itunes", "iphone", "ipad")
_SHIFT_TOLERANCE_S: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a file says of where its sound comes from.

    codec: FFmpeg's name. writer: everything the file says about who made it. told_samples: what FFmpeg takes off by
    itself because the file says so; None if the file says nothing. picture_late_s: how much later than the sound the
    picture's timestamps begin; None without a picture.
    """

    codec: str
    writer: str
    told_samples: int | None
    picture_late_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How many samples, at the stream's rate, the sound must be moved forward; negative: back.

    moves_picture: the writer knew of the delay and let the picture begin later by as much, as FFmpeg does in
    containers without negative timestamps: then both are moved.
    """

    samples: int
    moves_picture: bool = False


def encoder_delay(origin: Origin, rate_hz: int) -> Delay:
    """What is left to take off. What FFmpeg takes off already is not taken off twice."""
    late = _by_rule(origin)
    if origin.told_samples is not None:
        return Delay(samples=late - origin.told_samples if origin.codec in _FALSELY_TOLD else 0)
    shifted = (
        late > 0
        and origin.picture_late_s is not None
        and abs(origin.picture_late_s - late / rate_hz) <= _SHIFT_TOLERANCE_S
    )
    return Delay(samples=late, moves_picture=shifted)


def _by_rule(origin: Origin) -> int:
    """How late this codec decodes, by who wrote it."""
    if origin.codec == "aac" and any(word in origin.writer.lower() for word in _APPLE_WORDS):
        return APPLE_AAC_SAMPLES
    return CODEC_DELAY_SAMPLES.get(origin.codec, 0)
