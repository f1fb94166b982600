"""Clean, gently: rumble, leaked guide, hum and steady noise are taken out of one voice where they are really there.

Each step looks first, and leaves the sound as it is, bit for bit, where it finds nothing worth taking out. No step
moves the sound in time (one test with clicks holds for them all), adds to it, or shuts inside a phrase. What each
did is told as facts:

    rumble  taken_out {below_hz, under_voice_db}      left_alone {under_voice_db}
    guide   taken_out {under_voice_db}                not_heard {}
    hum     taken_out {hertz, under_voice_db, lines}  not_heard {}
    noise   softened  {under_voice_db, reduction_db}  left_alone {under_voice_db}   no_rests {}
    clean   silent {}

`under_voice_db` is how far what was found lies below the voice while it sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unisono.studio.debleed import without_guide
from unisono.studio.facts import Fact, fact
from unisono.studio.hum import without_hum
from unisono.studio.noise import softened
from unisono.studio.rumble import without_rumble
from unisono.units import Audio


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanSettings:
    """Which steps run, and how far they may go. The steps are asked for one by one; None or False is off.

    rumble_hz: what lies below is no singer (a bass's lowest C is 65 Hz). noise_reduction_db: the most that steady noise
    is turned down. noise_snr_db: above it, noise is left alone, since every denoiser costs a singer more than it gives.
    """

    rumble_hz: float | None = 40.0
    guide: bool = True
    hum: bool = True
    noise: bool = True
    noise_reduction_db: float = 10.0
    noise_snr_db: float = 20.0


NOTHING = CleanSettings(rumble_hz=None, guide=False, hum=False, noise=False)
"""All steps off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """The sound, of the same shape and in the same place, and what was done to it, in order."""

    sound: Audio
    did: tuple[Fact, ...]


def clean(
    sound: Audio, settings: CleanSettings | None = None, guide: Audio | Sequence[Audio] | None = None
) -> Cleaned:
    """One voice, cleaned; float32, shape (samples, channels), finite. `sound` itself is never changed.

    guide: what was played to the singer, float32, shape (samples,) or (samples, channels), its sample n sounding at
    the sound's sample n: the take must be aligned already. Without it, nothing of it is looked for. Several are looked
    for one after the other: backing and voices that the singer could turn up and down apart.
    """
    chosen = settings or CleanSettings()
    did: list[Fact] = []
    if not np.any(sound):
        return Cleaned(sound=sound, did=(fact("clean", "silent"),))
    if chosen.rumble_hz is not None:
        sound, done = without_rumble(sound, below_hz=chosen.rumble_hz)
        did.append(done)
    for one in (guide,) if isinstance(guide, np.ndarray) else guide or ():
        if chosen.guide:
            sound, done = without_guide(sound, one)
            did.append(done)
    if chosen.hum:
        sound, done = without_hum(sound)
        did.append(done)
    if chosen.noise:
        sound, done = softened(sound, reduction_db=chosen.noise_reduction_db, snr_db_max=chosen.noise_snr_db)
        did.append(done)
    return Cleaned(sound=sound, did=tuple(did))
