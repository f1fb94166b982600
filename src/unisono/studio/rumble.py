"""Rumble: what lies below every voice (traffic, footsteps, wind, a microphone's offset) is filtered off.

A Butterworth high-pass run forwards and backwards: no delay at any frequency. What it takes away lies so low that it is
found in a sixteenth of the samples, and subtracted. Where hardly anything lies down there the sound is left as it is.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy.signal import butter, sosfiltfilt

from unisono.studio.facts import Fact, fact
from unisono.studio.levels import FARTHEST_DB, frame_powers, sounding_power, under_voice_db
from unisono.units import SAMPLE_RATE, Audio

AUDIBLE_DB = 35.0
"""Rumble this far under the voice takes nobody's headroom."""

_ORDER = 4
_SHORTEST_SAMPLES = 64
_SLOW_HZ = 3000
"""At half of this the high-pass of a voice takes away nothing: -126 dB at 1.5 kHz, of 40 Hz and fourth order, twice."""
_EDGE_SAMPLES = SAMPLE_RATE // 4


def without_rumble(sound: Audio, *, below_hz: float) -> tuple[Audio, Fact]:
    """`sound` without what lies below `below_hz` (-6 dB there); float32, shape (samples, channels)."""
    if len(sound) < _SHORTEST_SAMPLES:
        return sound, fact("rumble", "left_alone", under_voice_db=FARTHEST_DB)
    rumble = _below(sound, below_hz)
    high = sound - rumble
    voice = sounding_power(frame_powers(high))
    found = float(np.mean(frame_powers(rumble)))
    under_db = under_voice_db(found, voice)
    if under_db > AUDIBLE_DB:
        return sound, fact("rumble", "left_alone", under_voice_db=under_db)
    return high, fact("rumble", "taken_out", below_hz=below_hz, under_voice_db=under_db)


def _below(sound: Audio, below_hz: float) -> Audio:
    """What the high-pass takes away; float32, shape (samples, channels). At its ends the sound goes on, turned over."""
    edge = min(len(sound) - 1, _EDGE_SAMPLES)
    longer = np.concatenate([2 * sound[:1] - sound[edge:0:-1], sound, 2 * sound[-1:] - sound[-2 : -edge - 2 : -1]])
    slow = soxr.resample(longer, SAMPLE_RATE, _SLOW_HZ, quality="HQ")
    filters = butter(_ORDER, below_hz, "highpass", fs=_SLOW_HZ, output="sos")
    taken = slow - sosfiltfilt(filters, slow, axis=0, padlen=min(len(slow) - 1, _SLOW_HZ // 4))
    back = soxr.resample(taken.astype(np.float32), _SLOW_HZ, SAMPLE_RATE, quality="HQ")[edge : edge + len(sound)]
    out = np.zeros_like(sound)
    out[: len(back)] = back
    return out
