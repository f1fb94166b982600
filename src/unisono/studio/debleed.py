"""Leaked guide: what loudspeakers or open headphones let into the microphone is estimated and subtracted.

The guide is known and the take is aligned, so the leak is the guide through one filter: loudspeaker, room, microphone.
The filter (5 ms before to 160 ms after the direct sound) is found by least squares over twelve seconds at a time, each
cell of time and frequency weighted by what the voice is in it: it is learnt where the singer rests, and a singer who
sings the guide's own notes does not pull it along (her phase is not the guide's). Two halves of each stretch are asked
separately, and only where both find the same filter is anything subtracted, and only if it makes the stretch softer:
this step takes out and never adds. The sound itself is not filtered, so it is not delayed.

Method: preconditioned iteration towards the weighted least squares solution, the preconditioner being the
transfer function of long windows (Avargel & Cohen 2007), each step restricted to the filter's length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.ndimage import uniform_filter, uniform_filter1d
from scipy.signal import oaconvolve

from unisono.studio.facts import Fact, fact
from unisono.studio.levels import frame_powers, sounding_power, under_voice_db
from unisono.studio.shares import OnShare, untold
from unisono.units import SAMPLE_RATE, Audio

Spectra = NDArray[np.complex64]

BEFORE_SAMPLES = 240
AFTER_SAMPLES = 7680

_TAPS = BEFORE_SAMPLES + AFTER_SAMPLES
_WINDOW = 16_384
_HOP = 8192
_SHAPE = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_STRETCH_SAMPLES = 12 * SAMPLE_RATE
_STEP_SAMPLES = 8 * SAMPLE_RATE
_ITERATIONS = 3
_ALIKE = 0.3
_TRUST_BINS = 129
_BINS_MIN = 200
_SOUNDS = 1e-7
"""A guide that sounds at fewer frequencies than _BINS_MIN, within 70 dB of its strongest, is a tone or a few. Whoever
sings just these cannot be told from it, and is not to be taken out."""
_SLIP_MIN_SAMPLES = 0.15
_SLIP_STEP_SAMPLES = 0.1
_SLIP_TRIES = 40
_SLIP_BINS = 32
"""Over so many bins the greatest slip turns a phase by less than 3 degrees to both sides: they are summed first."""
_SHORTEST_SAMPLES = 2 * SAMPLE_RATE


def without_guide(sound: Audio, guide: Audio, *, on_share: OnShare = untold) -> tuple[Audio, Fact]:
    """`sound` without what leaked of `guide` into it, or as it is when nothing of it is heard.

    sound: float32, shape (samples, channels). guide: float32, shape (samples,) or (samples, channels), sample n of it
    sounding at sample n of the sound, give or take 5 ms and a drift of a few ppm; it may be shorter or longer.
    """
    middle = guide if guide.ndim == 1 else guide.mean(axis=1, dtype=np.float32)
    middle = np.pad(middle[: len(sound)], (0, max(0, len(sound) - len(middle))))
    if len(sound) < _SHORTEST_SAMPLES or not np.any(middle):
        return sound, fact("guide", "not_heard")
    leaked = np.zeros_like(sound)
    heard = False
    for start, stop, fade in _stretches(len(sound)):
        leak = _leak(sound[start:stop], middle[max(0, start - _TAPS) : stop], start - max(0, start - _TAPS))
        if leak is not None:
            heard = True
            leaked[start:stop] += leak * fade[:, np.newaxis]
        on_share(stop / len(sound))
    if not heard:
        return sound, fact("guide", "not_heard")
    rest = sound - leaked
    voice = sounding_power(frame_powers(rest))
    power = float(np.mean(np.square(leaked)))
    return rest, fact("guide", "taken_out", under_voice_db=under_voice_db(power, voice))


def _stretches(samples: int) -> Iterator[tuple[int, int, Audio]]:
    """Overlapping stretches (start, stop, weights) whose weights add up to one everywhere."""
    starts = list(range(0, max(1, samples - (_STRETCH_SAMPLES - _STEP_SAMPLES)), _STEP_SAMPLES))
    over = _STRETCH_SAMPLES - _STEP_SAMPLES
    rise = (np.arange(over) + 0.5).astype(np.float32) / over
    for start in starts:
        last = start == starts[-1]
        stop = samples if last else start + _STRETCH_SAMPLES
        fade = np.ones(stop - start, dtype=np.float32)
        if start:
            fade[:over] = rise
        if not last:
            fade[-over:] = rise[::-1]
        yield start, stop, fade


def _leak(sound: Audio, guide: Audio, lead: int) -> Audio | None:
    """The guide in a stretch, or None; `guide` begins `lead` samples before `sound`. Shape as `sound`."""
    found = [_channel_leak(channel, guide, lead) for channel in sound.T]
    if any(one is None for one in found):
        return None
    leak = np.stack([one for one in found if one is not None], axis=1)
    if np.sum(np.square(sound - leak)) >= np.sum(np.square(sound)):
        return None
    return leak


def _channel_leak(channel: Audio, guide: Audio, lead: int) -> Audio | None:
    """The guide in one channel of a stretch, or None; float32, shape (samples,)."""
    if not (np.any(channel) and np.any(guide[lead:])):
        return None
    spectra = _spectra(channel)
    weights = _weights(spectra)
    seen = _spectra(guide[lead:])
    if _is_tones(seen):
        return None
    slip = _halves(spectra, seen, weights).slip_samples()
    if abs(slip) >= _SLIP_MIN_SAMPLES:
        guide = _stretched(guide, 2 * slip / len(channel))
        seen = _spectra(guide[lead:])
    halves = _halves(spectra, seen, weights)
    if not halves.agree:
        return None
    trust = halves.trust()
    taps = np.zeros(_TAPS, dtype=np.float32)
    leak = np.zeros_like(channel)
    for done in range(_ITERATIONS):
        if done:
            spectra = _spectra(channel - leak)
            weights = _weights(spectra)
        taps = taps + _taps(_transfer(spectra, seen, weights) * trust)
        leak = _through(guide, taps, lead, len(channel))
    return leak


def _spectra(sound: Audio) -> Spectra:
    """Long overlapping windows; complex64, shape (windows, bins)."""
    padded = np.pad(sound, (_WINDOW // 2, _WINDOW // 2))
    spectra: Spectra = rfft(sliding_window_view(padded, _WINDOW)[::_HOP] * _SHAPE, axis=1)
    return spectra


def _is_tones(guide: Spectra) -> bool:
    """Whether there are but a few frequencies in a guide: in its louder windows, beginnings left out."""
    power = np.square(guide.real) + np.square(guide.imag)
    louder = 3 * (len(power) - 1) // 4
    usual = np.partition(power, louder, axis=0)[louder]
    return int(np.count_nonzero(usual > _SOUNDS * usual.max(initial=0.0))) < _BINS_MIN


def _weights(spectra: Spectra) -> NDArray[np.float32]:
    """One over the power that is not the leak, smoothed: the louder the voice in a cell, the less it says."""
    power = uniform_filter(np.square(spectra.real) + np.square(spectra.imag), (1, 9), mode="nearest")
    floor = _low(power) + 1e-12 * float(np.max(power, initial=1e-20)) + 1e-20
    weights: NDArray[np.float32] = (1 / (power + floor)).astype(np.float32)
    return weights


def _low(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """What nine in ten windows are above, in each bin."""
    by_bin = np.ascontiguousarray(power.T)
    tenth = (by_bin.shape[1] - 1) // 10
    low: NDArray[np.float32] = np.partition(by_bin, tenth, axis=1)[:, tenth]
    return low


def _transfer(spectra: Spectra, guide: Spectra, weights: NDArray[np.float32]) -> Spectra:
    """Weighted least squares per bin; complex64, shape (bins,)."""
    power = np.square(guide.real) + np.square(guide.imag)
    strength = np.sum(weights * power, axis=0)
    floor = 1e-3 * uniform_filter1d(strength, 257, mode="nearest") + 1e-9 * np.max(strength) + 1e-20
    transfer: Spectra = np.sum(weights * np.conj(guide) * spectra, axis=0) / (strength + floor)
    return transfer


@cache
def _slips() -> NDArray[np.float64]:
    """Every slip that is tried, in samples; the one in the middle is none."""
    return _SLIP_STEP_SAMPLES * np.arange(-_SLIP_TRIES, _SLIP_TRIES + 1, dtype=np.float64)


@cache
def _turns() -> Spectra:
    """What each slip does to each group of bins; complex64, shape (slips, groups)."""
    middles = np.arange(_SLIP_BINS / 2 - 0.5, _WINDOW // 2, _SLIP_BINS)
    turns: Spectra = np.exp(-2j * np.pi * np.outer(_slips(), middles / _WINDOW)).astype(np.complex64)
    return turns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Halves:
    """The transfer functions that the two halves of a stretch found on their own; `strength` is what both heard."""

    first: Spectra
    second: Spectra
    strength: NDArray[np.float32]

    @property
    def agree(self) -> bool:
        """Whether both found the same filter. Without a leak they are alike by 0.2 at most, also for similar songs."""
        return float(self._alike()[_SLIP_TRIES]) > _ALIKE

    def slip_samples(self) -> float:
        """How much later the second half's filter is than the first's: the drift that the alignment left."""
        return float(_slips()[np.argmax(self._alike())])

    def _alike(self) -> NDArray[np.float64]:
        """The normalised product of both, -1..1, for each of `_slips`."""
        both = self.strength * self.first * np.conj(self.second)
        most = np.sqrt(
            np.sum(self.strength * np.abs(self.first) ** 2) * np.sum(self.strength * np.abs(self.second) ** 2)
        )
        grouped = both[: _WINDOW // 2].reshape(-1, _SLIP_BINS).sum(axis=1)
        alike: NDArray[np.float64] = np.real(np.einsum("sg,g->s", _turns(), grouped)) / (float(most) + 1e-30)
        return alike

    def trust(self) -> NDArray[np.float32]:
        """How far each bin's transfer is more than chance, by how alike the halves are around it; 0..1."""
        both, one, two = (
            uniform_filter1d(self.strength * part, _TRUST_BINS, mode="nearest")
            for part in (
                np.real(self.first * np.conj(self.second)),
                np.square(np.abs(self.first)),
                np.square(np.abs(self.second)),
            )
        )
        local = np.maximum(both / np.sqrt(one * two + 1e-30), 0)
        trust: NDArray[np.float32] = (2 * local / (1 + local)).astype(np.float32)
        return trust


def _halves(spectra: Spectra, guide: Spectra, weights: NDArray[np.float32]) -> _Halves:
    half = len(spectra) // 2
    parts = (slice(0, half), slice(half, len(spectra)))
    first, second = (_transfer(spectra[part], guide[part], weights[part]) for part in parts)
    seen = [np.sum(weights[part] * np.square(np.abs(guide[part])), axis=0) for part in parts]
    return _Halves(first=first, second=second, strength=np.sqrt(seen[0]) * np.sqrt(seen[1]))


def _stretched(guide: Audio, share: float) -> Audio:
    """The guide made longer by a share of itself, of the same number of samples."""
    longer = soxr.resample(guide, 1.0, 1.0 + share, quality="HQ")
    whole: Audio = np.pad(longer, (0, max(0, len(guide) - len(longer))))[: len(guide)].astype(np.float32)
    return whole


def _taps(transfer: Spectra) -> Audio:
    """A transfer function as taps, those outside of the filter's length cut off; float32, shape (_TAPS,)."""
    whole = irfft(transfer, _WINDOW)
    taps: Audio = np.concatenate([whole[-BEFORE_SAMPLES:], whole[:AFTER_SAMPLES]]).astype(np.float32)
    return taps


def _through(guide: Audio, taps: Audio, lead: int, samples: int) -> Audio:
    """The guide through the filter, from `lead` on; float32, shape (samples,)."""
    heard: Audio = oaconvolve(guide, taps)[lead + BEFORE_SAMPLES :][:samples]
    return heard
