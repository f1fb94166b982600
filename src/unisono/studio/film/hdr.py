"""HDR: what phones film in more than standard range, shown in standard range.

PQ and HLG by ITU-R BT.2100, colours from BT.2020 to BT.709, bright parts rolled off softly (Reinhard's curve with a
white point, on the brightest channel, so that hues stay).
"""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from unisono.studio.film.planes import F32, Planes, from_rgb

_PQ = 16
_BT2020_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
_WHITE_NITS = 203.0
"""BT.2408: the light of white paper in HDR."""
_PEAK = 1000.0 / _WHITE_NITS
_LIMITED_LOW, _LIMITED_SPAN = 64 / 1023, 876 / 1023


def to_standard_range(frame: av.VideoFrame, width: int, height: int) -> Planes:
    """A frame with PQ or HLG transfer at another size in BT.709; sizes even."""
    wide = VideoReformatter().reformat(
        frame,
        width=width,
        height=height,
        format="rgb48le",
        src_colorspace=Colorspace.BT2020,
        src_color_range=int(frame.color_range) or ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    signal = wide.to_ndarray().astype(np.float32) / np.float32(65535)
    light = pq_light(signal) if int(frame.color_trc) == _PQ else hlg_light(signal)
    narrow = np.maximum(light @ _BT2020_TO_709.T, 0)
    return from_rgb(bt709_signal(rolled_off(narrow)))


def pq_light(signal: F32) -> F32:
    """Light of a PQ signal, 1 being white paper."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.power(np.clip(signal, 0, 1), 1 / m2)
    nits = 10_000 * np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1)
    light: F32 = (nits / _WHITE_NITS).astype(np.float32)
    return light


def hlg_light(signal: F32) -> F32:
    """Light of an HLG signal on a display of 1000 nits, 1 being white paper (which HLG has at 75 %)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((np.minimum(signal, 1.0) - c) / a) + b) / 12)
    luma = scene @ np.array([0.2627, 0.678, 0.0593], dtype=np.float32)
    nits = 1000 * scene * np.power(np.maximum(luma, 1e-6), 0.2)[..., None]
    light: F32 = (nits / _WHITE_NITS).astype(np.float32)
    return light


def rolled_off(light: F32) -> F32:
    """Light of up to `_PEAK` brought below 1."""
    most = light.max(axis=-1, keepdims=True)
    lowered = most * (1 + most / _PEAK**2) / (1 + most)
    # A curve that begins at half the slope would make faces dark: it is set against the same curve's slope at 0.
    share = np.where(most > 1e-6, np.minimum(lowered * 1.6, 1) / np.maximum(most, 1e-6), 1.0)
    bright: F32 = np.clip(light * share, 0, 1)
    return bright.astype(np.float32)


def bt709_signal(light: F32) -> F32:
    """The signal of light, 0..1."""
    signal: F32 = np.where(light < 0.018, 4.5 * light, 1.099 * np.power(np.maximum(light, 1e-6), 0.45) - 0.099)
    return signal.astype(np.float32)
