"""Noise: a steady hiss, fan or rain behind a voice is learnt from the take's own rests and turned down a little.

Only where it is worth it: where the noise lies far under the voice the sound is left as it is, since every denoiser
costs a singer more than it gives there. Each frequency is turned down by a Wiener gain with a floor, so what is left is
the same noise, softer, and never a gate. The powers behind the gain are averaged over both sides of each moment (the
whole take is there), which leaves no musical tones. Frames overlap and add up to the sound itself: there is no delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.ndimage import uniform_filter, uniform_filter1d

from unisono.studio.facts import Fact, fact
from unisono.studio.levels import (
    FRAME_LEVEL_SAMPLES,
    NOTHING_DBFS,
    frame_powers,
    power_of,
    sounding_power,
    under_voice_db,
)
from unisono.studio.shares import OnShare, untold, weighed
from unisono.units import SAMPLE_RATE, Audio

Spectrum = NDArray[np.float32]

_WINDOW = 2048
_HOP = 512
_SHAPE = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
_CHUNK_FRAMES = 2048
_AROUND_FRAMES = 7
_AROUND_BINS = 3
_OVER = 2.2
_SILENT_DBFS = -80.0
_REST_RANGE_DB = 3.0
_REST_FRAMES_MIN = 10
_FULL_BELOW_DB = 8.0
_CONTRAST_DB = 2.0
_NOISE_SPREAD_MAX = 1.75
_WANDERS_MIN = 0.45
"""How much a cell of noise wanders from frame to frame when all of a frame is brought to one level, as the median of
its power's logarithm: 0.75 if it is Gaussian, 0.2 and less for tones that swell and die away."""
_HEARD_HZ = (150.0, 6000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What lies behind a voice: `power` per bin of the windowed spectrum, shape (bins,), and its mean square."""

    power: Spectrum
    mean_square: float


def softened(sound: Audio, *, reduction_db: float, snr_db_max: float, on_share: OnShare = untold) -> tuple[Audio, Fact]:
    """`sound` with its steady noise up to `reduction_db` softer; float32, shape (samples, channels).

    From `snr_db_max` of noise under the voice on nothing is done; the full reduction from 8 dB below that.
    """
    noise = learnt(sound)
    if noise is None:
        return sound, fact("noise", "no_rests")
    voice = sounding_power(frame_powers(sound)) - noise.mean_square
    under_db = under_voice_db(noise.mean_square, max(voice, 0.0))
    share = min((snr_db_max - under_db) / _FULL_BELOW_DB, 1.0)
    if share <= 0 or noise.mean_square < power_of(_SILENT_DBFS):
        return sound, fact("noise", "left_alone", under_voice_db=under_db)
    floor = power_of(-share * reduction_db) ** 0.5
    shares = weighed(on_share, *[1.0] * sound.shape[1])
    channels = zip(sound.T, shares, strict=True)
    quieter = np.stack([_turned_down(channel, noise.power, floor, told) for channel, told in channels], axis=1)
    return quieter, fact("noise", "softened", under_voice_db=under_db, reduction_db=share * reduction_db)


def learnt(sound: Audio) -> Noise | None:
    """The noise in the rests of `sound`, or None when it has none that sound like noise."""
    powers = frame_powers(sound)
    rests = _rests(powers)
    if np.count_nonzero(rests) < _REST_FRAMES_MIN:
        return None
    frames = _spectra_at(sound, np.flatnonzero(rests) * FRAME_LEVEL_SAMPLES)
    if not len(frames):
        return None
    power = (np.median(frames, axis=0) / np.log(2)).astype(np.float32)
    low, high = (round(hertz * _WINDOW / SAMPLE_RATE) for hertz in _HEARD_HZ)
    apart = np.log((frames[:, low:high] + 1e-20) / (power[low:high] + 1e-20))
    wanders = np.median(np.abs(apart - np.median(apart, axis=1, keepdims=True)))
    if np.std(apart) > _NOISE_SPREAD_MAX or wanders < _WANDERS_MIN:
        return None
    return Noise(power=power, mean_square=float(np.median(powers[rests])))


def _rests(powers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames lie in rests: near the softest there are, with their neighbours; shape (frames,)."""
    heard = powers > power_of(NOTHING_DBFS)
    if not np.any(heard):
        return heard
    smooth = uniform_filter1d(powers, 3, mode="nearest")
    floor = float(np.percentile(powers[heard], 5))
    rests: NDArray[np.bool_] = heard & (np.maximum(smooth, powers) < floor * power_of(_REST_RANGE_DB))
    if sounding_power(powers) < floor * power_of(_CONTRAST_DB):
        rests[:] = False
    return rests


def _spectra_at(sound: Audio, starts: NDArray[np.int64]) -> Spectrum:
    """Power spectra of the windows that begin there, channels averaged; shape (windows, bins)."""
    inside = starts[starts + _WINDOW <= len(sound)][:_CHUNK_FRAMES]
    channels = [
        np.abs(rfft(sliding_window_view(channel, _WINDOW)[inside] * _SHAPE, axis=1)) ** 2 for channel in sound.T
    ]
    mean: Spectrum = np.mean(channels, axis=0, dtype=np.float32)
    return mean


def _turned_down(channel: Audio, noise: Spectrum, floor: float, on_share: OnShare) -> Audio:
    """One channel with the noise turned down; float32, shape (samples,), in chunks so that memory stays small."""
    frames = -(-len(channel) // _HOP) + _WINDOW // _HOP
    padded = np.pad(channel, (_WINDOW - _HOP, frames * _HOP - len(channel) + _HOP))
    whole = np.zeros(len(padded), dtype=np.float32)
    for first in range(0, frames, _CHUNK_FRAMES):
        low, high = max(0, first - _AROUND_FRAMES), min(frames, first + _CHUNK_FRAMES + _AROUND_FRAMES)
        windows = sliding_window_view(padded, _WINDOW)[low * _HOP : (high - 1) * _HOP + 1 : _HOP]
        spectra = rfft(windows * _SHAPE, axis=1)
        gains = _gains(np.square(spectra.real) + np.square(spectra.imag), noise, floor)
        here = slice(first - low, min(first + _CHUNK_FRAMES, frames) - low)
        blocks = irfft((spectra * gains)[here], _WINDOW, axis=1) * (_SHAPE / 2)
        for quarter in range(_WINDOW // _HOP):
            part = blocks[:, quarter * _HOP : (quarter + 1) * _HOP]
            at = (first + quarter) * _HOP
            whole[at : at + part.size] += part.ravel()
        on_share(min(first + _CHUNK_FRAMES, frames) / frames)
    return whole[_WINDOW - _HOP :][: len(channel)]


def _gains(powers: Spectrum, noise: Spectrum, floor: float) -> Spectrum:
    """Wiener gains from the powers around each moment; shape (frames, bins), floor..1."""
    around = uniform_filter(powers, (_AROUND_FRAMES, _AROUND_BINS), mode="nearest")
    gains: Spectrum = np.maximum(1 - np.float32(_OVER) * noise / np.maximum(around, 1e-20), np.float32(floor))
    return gains
