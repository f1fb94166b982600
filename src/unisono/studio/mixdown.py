"""Mixdown: voices in, one stereo recording out. A pure function of what was sung and of `MixSettings`.

Each voice is brought to one loudness (measured while it sings), placed left to right as the balconies are, with the
reflections of its own balcony and the tail that all share. Parts are brought to one loudness too, so that three
sopranos do not drown one bass; the leader stands a little above. The backing lies under the voices. Then faders: each
changes its voice and nothing else. The whole is brought to the target loudness under the ceiling. Voices may come one
at a time from an iterator: only the sums of the parts are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unisono.studio.courtyard import Balcony, early, reverberation
from unisono.studio.limiter import WORTH_IT, Limited, limit, settled
from unisono.studio.loudness import (
    STEP_SAMPLES,
    block_peaks,
    integrated_lufs,
    ratio_of,
    step_energies,
    steps_lufs,
    sung_lufs,
)
from unisono.studio.shares import OnShare, untold, weighed
from unisono.units import SAMPLE_RATE, Audio

FADE_OUT_SAMPLES = SAMPLE_RATE // 20
_LOUDEST_HONEST_SAMPLE = 8.0
_FULL_SCALE = 0.98
_CLIPPED_SAMPLES = 96
_TRIES = 5
_NEAR_ENOUGH_LU = 0.1
_WEIGHTS = (1.0, 4.0)
"""How long the yard's tail and mastering take against each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fader:
    """What a person wishes for one seat: louder or softer, not at all, or elsewhere; pan -1..1, None as it stands."""

    seat: int
    gain_db: float = 0.0
    muted: bool = False
    pan: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    """How a mix is made.

    part_db_max: the most that a part is turned up or down against the others; 0 leaves parts alone. width: how much of
    the way to the sides the outermost balconies stand, 0..1. courtyard_db: the yard's tail against the dry voices, None
    for no yard. backing_below_voices_db: how far under the sum of the voices. quiet_lufs: a seat whose stem is below it
    did not sing and is not raised. faders: at most one for each seat; of more, the last one counts.
    """

    voice_lufs: float = -23.0
    leader_lift_db: float = 2.0
    boost_db_max: float = 24.0
    cut_db_max: float = 30.0
    quiet_lufs: float = -55.0
    part_db_max: float = 9.0
    width: float = 0.85
    courtyard_db: float | None = -15.0
    backing_below_voices_db: float = 7.0
    count_in_db: float = -10.0
    target_lufs: float = -16.0
    master_boost_db_max: float = 55.0
    ceiling_dbtp: float = -1.3
    faders: tuple[Fader, ...] = ()

    def fader(self, seat: int) -> Fader:
        """The seat's fader, or one that does nothing."""
        return next((fader for fader in reversed(self.faders) if fader.seat == seat), Fader(seat=seat))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One seat's stem: sound float32, shape (samples, channels), sample 0 at the performance's start; pan -1..1.

    storey: how high its balcony is. part: what it sings (`soprano`), empty where nobody knows.
    """

    seat: int
    sound: Audio
    pan: float = 0.0
    leader: bool = False
    storey: int = 0
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A voice with what was found out about it. `lufs` is None when it is silent; a `quiet` voice stays as it is.

    `damaged`: there were numbers in it that are none, or far beyond full scale; `voice` has them cleaned. `clipped`: it
    lies at full scale for so long that its microphone must have been too loud. `steps` are its `step_energies`.
    """

    voice: Voice
    steps: NDArray[np.float64]
    lufs: float | None
    gain_db: float
    quiet: bool
    damaged: bool
    clipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """The mix: float32, shape (samples, 2). `lufs` is None for silence; `reduction_db` is the most the limiter took.

    `part_gains_db`: what each part was turned up or down by, against the others.
    """

    sound: Audio
    lufs: float | None
    reduction_db: float
    backing_gain_db: float | None
    part_gains_db: dict[str, float]


def mix(
    voices: Iterable[Measured],
    samples: int,
    *,
    backing: Audio | None = None,
    count_in_samples: int = 0,
    settings: MixSettings | None = None,
    on_share: OnShare = untold,
) -> Mixed:
    """Mix everything onto `samples` samples. `backing` is float32, shape (samples,), from the performance's start.

    Shorter sounds end early, longer ones are cut. Nothing is moved in time. on_share: hears how far it is once it has
    had all voices; how far it is with them knows whoever hands them over.
    """
    chosen = settings or MixSettings()
    bus, steps, part_gains_db = _voices_sum(voices, samples, chosen)
    in_yard, mastering = weighed(on_share, *_WEIGHTS)
    backing_gain_db = None
    if backing is not None:
        backing_gain_db = _backing_gain_db(steps, backing[:samples], count_in_samples, chosen)
    if chosen.courtyard_db is not None:
        bus += np.float32(ratio_of(chosen.courtyard_db)) * reverberation(bus, on_share=in_yard)
    if backing is not None and backing_gain_db is not None:
        _add_backing(bus, backing[:samples], backing_gain_db, count_in_samples, chosen)
    fade_end(bus)
    mastered, lufs = master(bus, chosen, on_share=mastering)
    return Mixed(
        sound=mastered.sound,
        lufs=lufs if math.isfinite(lufs) else None,
        reduction_db=mastered.reduction_db,
        backing_gain_db=backing_gain_db,
        part_gains_db=part_gains_db,
    )


def _voices_sum(
    voices: Iterable[Measured], samples: int, settings: MixSettings
) -> tuple[Audio, NDArray[np.float64], dict[str, float]]:
    """All voices in their places, float32 (samples, 2), the energies of their sum without faders, and the parts' gains.

    Parts are weighed without faders, so that a fader moves its own voice only. The leader belongs to no part: she is on
    top of all of them.
    """
    buses: dict[str, Audio] = {}
    steps: dict[str, NDArray[np.float64]] = {}
    length = max(4, samples // STEP_SAMPLES)
    for measured in voices:
        part = "" if measured.voice.leader or not settings.part_db_max else measured.voice.part
        if part not in buses:
            buses[part], steps[part] = np.zeros((samples, 2), dtype=np.float32), np.zeros(length)
        place(buses[part], measured, settings)
        heard = measured.steps[:length] * ratio_of(measured.gain_db) ** 2
        steps[part][: len(heard)] += heard
    gains_db = part_gains_db({part: sung_lufs(heard) for part, heard in steps.items() if part}, settings.part_db_max)
    bus = buses.pop("", None)
    whole = np.zeros((samples, 2), dtype=np.float32) if bus is None else bus
    total = steps.get("", np.zeros(length))
    for part in sorted(buses):
        whole += buses.pop(part) * np.float32(ratio_of(gains_db[part]))
        total = total + steps[part] * ratio_of(gains_db[part]) ** 2
    return whole, total, gains_db


def part_gains_db(lufs: Mapping[str, float], most_db: float) -> dict[str, float]:
    """The gains that bring all parts to one loudness without changing that of the whole; by part, +-`most_db`."""
    powers = [10 ** (value / 10) for value in lufs.values() if math.isfinite(value)]
    if not powers:
        return dict.fromkeys(lufs, 0.0)
    wanted = 10 * math.log10(sum(powers) / len(powers))
    return {
        part: min(max(wanted - value, -most_db), most_db) if math.isfinite(value) else 0.0
        for part, value in lufs.items()
    }


def measure(voice: Voice, settings: MixSettings | None = None, *, on_share: OnShare = untold) -> Measured:
    """How loud a voice is while it sings, and the gain that brings it to its place."""
    chosen = settings or MixSettings()
    sound, damaged = honest(voice.sound)
    steps = step_energies(sound, on_share=on_share)
    lufs = sung_lufs(steps)
    quiet = lufs < chosen.quiet_lufs
    gain_db = 0.0
    if not quiet:
        wanted = chosen.voice_lufs + (chosen.leader_lift_db if voice.leader else 0.0)
        gain_db = min(max(wanted - lufs, -chosen.cut_db_max), chosen.boost_db_max)
    clean = replace(voice, sound=sound)
    heard = lufs if math.isfinite(lufs) else None
    return Measured(
        voice=clean,
        steps=steps,
        lufs=heard,
        gain_db=gain_db,
        quiet=quiet,
        damaged=damaged,
        clipped=is_clipped(sound),
    )


def is_clipped(sound: Audio) -> bool:
    """Whether it lies at full scale for two milliseconds or more in all."""
    return int(np.count_nonzero(np.abs(sound) >= _FULL_SCALE)) >= _CLIPPED_SAMPLES


def place(bus: Audio, measured: Measured, settings: MixSettings) -> None:
    """Add one voice and its balcony's reflections into `bus`, float32 (samples, 2), in place."""
    voice = measured.voice
    fader = settings.fader(voice.seat)
    if fader.muted:
        return
    pan = voice.pan if fader.pan is None else fader.pan
    sound = voice.sound[: len(bus)] * np.float32(ratio_of(measured.gain_db + fader.gain_db))
    here = bus[: len(sound)]
    here += panned(sound, pan * settings.width)
    if settings.courtyard_db is not None:
        middle = sound[:, 0] if sound.shape[1] == 1 else sound.mean(axis=1, dtype=np.float32)
        here += early(middle * np.float32(ratio_of(settings.courtyard_db)), Balcony(across=pan, storey=voice.storey))


def honest(sound: Audio) -> tuple[Audio, bool]:
    """The sound without numbers that are none, and whether there were any."""
    good = np.isfinite(sound)
    if good.all() and np.max(np.abs(sound), initial=0.0) <= _LOUDEST_HONEST_SAMPLE:
        return sound, False
    clean = np.where(good, sound, np.float32(0)).clip(-_LOUDEST_HONEST_SAMPLE, _LOUDEST_HONEST_SAMPLE)
    return clean.astype(np.float32), True


def panned(sound: Audio, pan: float) -> Audio:
    """Float32, shape (samples, 2), of equal power wherever it stands; pan -1 is left, 1 is right.

    A stereo voice keeps its own sides and is balanced: at pan 0 it is unchanged.
    """
    angle = (min(max(pan, -1.0), 1.0) + 1) * math.pi / 4
    sides = np.array([math.cos(angle), math.sin(angle)], dtype=np.float32)
    if sound.shape[1] == 1:
        return sound * sides
    return sound * sides * np.float32(math.sqrt(2))


def _backing_gain_db(steps: NDArray[np.float64], backing: Audio, count_in_samples: int, settings: MixSettings) -> float:
    """The gain that lays the backing, measured after its count-in, under the voices; 0 dB if one of them is silent."""
    voices_lufs = steps_lufs(steps)
    backing_lufs = integrated_lufs(backing[count_in_samples:])
    if not (math.isfinite(voices_lufs) and math.isfinite(backing_lufs)):
        return 0.0
    return voices_lufs - settings.backing_below_voices_db - backing_lufs


def _add_backing(bus: Audio, backing: Audio, gain_db: float, count_in_samples: int, settings: MixSettings) -> None:
    """The backing in the middle; the count-in softer, since it was for the singers."""
    sound = panned(backing[:, np.newaxis], 0.0) * np.float32(ratio_of(gain_db))
    sound[:count_in_samples] *= np.float32(ratio_of(settings.count_in_db))
    bus[: len(sound)] += sound


def fade_end(sound: Audio) -> None:
    """Fade the last 50 ms in place: a song that was stopped in the middle ends without a click."""
    tail = min(FADE_OUT_SAMPLES, len(sound))
    sound[len(sound) - tail :] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)[:, np.newaxis]


def master(sound: Audio, settings: MixSettings, *, on_share: OnShare = untold) -> tuple[Limited, float]:
    """Bring the whole to the target loudness under the ceiling: (limited, its loudness in LUFS, -inf for silence).

    The limiter takes loudness away, so the gain is tried again with what was missing, a few times at most: sound that
    is all peaks stays softer than the target rather than being crushed.
    """
    lufs = integrated_lufs(sound)
    if not math.isfinite(lufs):
        return Limited(sound=sound.copy(), reduction_db=0.0), lufs
    known: NDArray[np.float64] = block_peaks(sound)
    gain_db = settings.target_lufs - lufs
    best, best_lufs, raised_db = Limited(sound=sound, reduction_db=0.0), -math.inf, 0.0
    for turn in range(_TRIES):
        on_share(turn / _TRIES)
        gain_db = min(gain_db, settings.master_boost_db_max)
        limited = limit(sound, gain_db=gain_db, ceiling_dbtp=settings.ceiling_dbtp, known_peaks=known)
        lufs = integrated_lufs(limited.sound)
        if lufs - best_lufs < WORTH_IT * raised_db:
            break
        best, best_lufs = limited, lufs
        raised_db = settings.target_lufs - lufs
        if not math.isfinite(lufs) or abs(raised_db) < _NEAR_ENOUGH_LU:
            break
        gain_db += raised_db
    return replace(best, sound=settled(best.sound, settings.ceiling_dbtp)), best_lufs
