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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from unisono.studio.debleed import without_guide
from unisono.studio.facts import Fact, fact
from unisono.studio.hum import without_hum
from unisono.studio.noise import softened
from unisono.studio.rumble import without_rumble
from unisono.studio.shares import OnShare, untold, weighed
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


_Step = Callable[[Audio, OnShare], tuple[Audio, Fact]]

_WEIGHTS = {"rumble": 1.0, "guide": 10.0, "hum": 1.0, "noise": 4.0}
"""How long the steps take against each other."""


def clean(
    sound: Audio,
    settings: CleanSettings | None = None,
    guide: Audio | Sequence[Audio] | None = None,
    *,
    on_share: OnShare = untold,
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
    guides = ((guide,) if isinstance(guide, np.ndarray) else guide or ()) if chosen.guide else ()
    steps = _steps(chosen, guides)
    shares = weighed(on_share, *[_WEIGHTS[name] for name, _ in steps])
    for (_, step), told in zip(steps, shares, strict=True):
        sound, done = step(sound, told)
        did.append(done)
        told(1.0)
    return Cleaned(sound=sound, did=tuple(did))


def _steps(chosen: CleanSettings, guides: Sequence[Audio]) -> list[tuple[str, _Step]]:
    """What is to be done, in order."""
    steps: list[tuple[str, _Step]] = []
    if (below_hz := chosen.rumble_hz) is not None:
        steps.append(("rumble", lambda sound, _: without_rumble(sound, below_hz=below_hz)))
    steps += [("guide", partial(_unguided, guide)) for guide in guides]
    if chosen.hum:
        steps.append(("hum", lambda sound, _: without_hum(sound)))
    if chosen.noise:
        steps.append(("noise", partial(_softened, chosen)))
    return steps


def _unguided(guide: Audio, sound: Audio, on_share: OnShare) -> tuple[Audio, Fact]:
    return without_guide(sound, guide, on_share=on_share)


def _softened(chosen: CleanSettings, sound: Audio, on_share: OnShare) -> tuple[Audio, Fact]:
    return softened(sound, reduction_db=chosen.noise_reduction_db, snr_db_max=chosen.noise_snr_db, on_share=on_share)
