"""The courtyard: a yard between four walls, open to the sky, balconies on one of them and a listener on its ground.

Each voice comes from its balcony. The walls and the ground send it on as mirrored balconies do (image sources, Allen &
Berkley 1979): each of these early reflections is later than the voice by its longer way, softer by that way and by what
the walls swallow, and comes from its own side. The direct sound is what all ways are counted from: it keeps its sample
and its level wherever the balcony is, so that nobody is late or soft for standing far away. Then one soft tail that
all share, noise from a seed that dies away within 0.6 s and loses its highs first.

A singer stands at the wall, whose mirrored balcony is her own: that wall is part of the voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, oaconvolve

from unisono.studio.shares import OnShare, untold
from unisono.units import SAMPLE_RATE, Audio

WIDTH_M, DEPTH_M = 16.0, 12.0
"""The yard, from side wall to side wall, and from the wall behind the listener to the balconies' wall."""

LISTENER_M = (0.0, 4.0, 1.7)
"""Across (0 is the middle), away from the wall behind, up. Facing the balconies."""

OUTERMOST_M = 7.0
FIRST_STOREY_M, STOREY_M, STOREYS = 3.5, 3.0, 5
SOUND_M_PER_S = 343.0
WALL_SHARE, GROUND_SHARE = 0.8, 0.6
"""What is left of a sound's amplitude after a wall and after the ground."""

DECAY_SECONDS = 0.6
_EARLY_SHARE = 0.5
_WALLS_HZ = 4500.0
_BOUNCES_MAX = 2
_LENGTH_SECONDS = 0.75
_TAIL_FROM_SECONDS = 0.028
_HIGHS_HZ = 5500.0
_LOWS_HZ = 180.0
_SEED = 1824
_CHUNK_SAMPLES = 2**20
_SHORT_CHUNK_SAMPLES = 2**15


@dataclass(frozen=True, slots=True, kw_only=True)
class Balcony:
    """Where somebody sings: `across` from -1 (left) to 1, `storey` from 0, both as they are drawn on the house."""

    across: float = 0.0
    storey: int = 0

    @property
    def metres(self) -> tuple[float, float, float]:
        """Its place in the yard, as `LISTENER_M` counts."""
        across = min(max(self.across, -1.0), 1.0) * OUTERMOST_M
        return across, DEPTH_M, FIRST_STOREY_M + STOREY_M * min(max(self.storey, 0), STOREYS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """One way over walls and ground, against the direct sound: samples later, softer by `gain`, from `side` (-1..1)."""

    late_samples: int
    gain: float
    side: float


@lru_cache(maxsize=1024)
def reflections(balcony: Balcony) -> tuple[Reflection, ...]:
    """The early reflections of one balcony, in the order of their arrival."""
    direct_m = math.dist(balcony.metres, LISTENER_M)
    found = []
    for image, gain in _images(balcony.metres):
        metres = math.dist(image, LISTENER_M)
        late = round((metres - direct_m) / SOUND_M_PER_S * SAMPLE_RATE)
        found.append(Reflection(late_samples=late, gain=gain * direct_m / metres, side=_side(image)))
    return tuple(sorted(found, key=lambda one: one.late_samples))


def _images(place: tuple[float, float, float]) -> Iterator[tuple[tuple[float, float, float], float]]:
    """The mirrored balconies of up to two bounces, and the share of amplitude that is left; not the balcony itself."""
    across, away, up = place
    for sideways, back, ground in product(range(-_BOUNCES_MAX, _BOUNCES_MAX + 1), (0, 1), (0, 1)):
        bounces = abs(sideways) + back + ground
        if not 1 <= bounces <= _BOUNCES_MAX:
            continue
        mirrored = sideways * WIDTH_M + (-across if sideways % 2 else across)
        gain = WALL_SHARE ** (abs(sideways) + back) * GROUND_SHARE**ground
        yield (mirrored, -away if back else away, -up if ground else up), gain


def _side(place: tuple[float, float, float]) -> float:
    """The side from which something is heard, -1..1; what is behind the listener is heard at its mirrored side."""
    across, away = place[0] - LISTENER_M[0], place[1] - LISTENER_M[1]
    return across / math.hypot(across, away)


@cache
def _middle_energy() -> float:
    """The energy of what the middle balcony's early reflections send, against its direct sound: the measure for all."""
    return sum(one.gain**2 for one in reflections(Balcony()))


def early(sound: Audio, balcony: Balcony) -> Audio:
    """The early reflections alone; `sound` is float32, shape (samples,), the answer (samples, 2), in the same place.

    From the middle balcony they have half of the tail's energy; from others as much more or less as their ways make it.
    """
    answer = np.zeros((len(sound), 2), dtype=np.float32)
    soft = _softened(sound)
    scale = math.sqrt(_EARLY_SHARE / _middle_energy())
    for start in range(0, len(sound), _SHORT_CHUNK_SAMPLES):
        stop = min(start + _SHORT_CHUNK_SAMPLES, len(sound))
        left, right = np.zeros(stop - start, dtype=np.float32), np.zeros(stop - start, dtype=np.float32)
        for one in reflections(balcony):
            first = max(0, one.late_samples - start)
            part = soft[max(0, start - one.late_samples) : max(0, stop - one.late_samples)]
            angle = (one.side + 1) * math.pi / 4
            left[first : first + len(part)] += np.float32(scale * one.gain * math.cos(angle)) * part
            right[first : first + len(part)] += np.float32(scale * one.gain * math.sin(angle)) * part
        answer[start:stop, 0], answer[start:stop, 1] = left, right
    return answer


def _softened(sound: Audio) -> Audio:
    """What walls leave of the highs; float32, shape (samples,)."""
    numerator, denominator = butter(1, _WALLS_HZ, "lowpass", fs=SAMPLE_RATE)
    soft: Audio = lfilter(numerator.astype(np.float32), denominator.astype(np.float32), sound)
    return soft


@cache
def impulse_response() -> NDArray[np.float32]:
    """The tail: float32, shape (samples, 2), left and right unlike each other, each of energy 1 (0 dB on noise)."""
    chance = np.random.default_rng(_SEED)
    time = np.arange(int(_LENGTH_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    room = chance.standard_normal((len(time), 2)) * (10 ** (-3 * time / DECAY_SECONDS))[:, np.newaxis]
    room[time < _TAIL_FROM_SECONDS] = 0.0
    for kind, hertz in (("lowpass", _HIGHS_HZ), ("highpass", _LOWS_HZ)):
        numerator, denominator = butter(1, hertz, kind, fs=SAMPLE_RATE)
        room = lfilter(numerator, denominator, room, axis=0)
    whole: NDArray[np.float32] = (room / np.sqrt(np.sum(room**2, axis=0))).astype(np.float32)
    return whole


def reverberation(sound: Audio, *, on_share: OnShare = untold) -> Audio:
    """The tail's answer alone, without the direct sound; float32, shape (samples, 2), in and out."""
    if len(sound) == 0 or not np.any(sound):
        return np.zeros_like(sound)
    answer = np.zeros_like(sound)
    for start in range(0, len(sound), _CHUNK_SAMPLES):
        part = oaconvolve(sound[start : start + _CHUNK_SAMPLES], impulse_response(), axes=0)
        here = answer[start : start + len(part)]
        here += part[: len(here)]
        on_share(min(start + _CHUNK_SAMPLES, len(sound)) / len(sound))
    return answer
