"""Rumble: what lies below every voice (traffic, footsteps, wind, a microphone's offset) is filtered off.

A Butterworth high-pass run forwards and backwards: no delay at any frequency. Where hardly anything lies down there
the sound is left as it is.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from unisono.studio.facts import Fact, fact
from unisono.studio.levels import FARTHEST_DB, frame_powers, sounding_power, under_voice_db
from unisono.units import SAMPLE_RATE, Audio

AUDIBLE_DB = 35.0
"""Rumble this far under the voice takes nobody's headroom."""

_ORDER = 4
_SHORTEST_SAMPLES = 64


def without_rumble(sound: Audio, *, below_hz: float) -> tuple[Audio, Fact]:
    """`sound` without what lies below `below_hz` (-6 dB there); float32, shape (samples, channels)."""
    if len(sound) < _SHORTEST_SAMPLES:
        return sound, fact("rumble", "left_alone", under_voice_db=FARTHEST_DB)
    filters = butter(_ORDER, below_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    edge = min(len(sound) - 1, SAMPLE_RATE // 4)
    high = sosfiltfilt(filters, sound, axis=0, padlen=edge).astype(np.float32)
    voice = sounding_power(frame_powers(high))
    found = float(np.mean(frame_powers(sound - high)))
    under_db = under_voice_db(found, voice)
    if under_db > AUDIBLE_DB:
        return sound, fact("rumble", "left_alone", under_voice_db=under_db)
    return high, fact("rumble", "taken_out", below_hz=below_hz, under_voice_db=under_db)
