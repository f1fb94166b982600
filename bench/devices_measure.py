"""What one stem of the devices bench tells. Pure: packets and sounds in, figures out.

All sounds are float32 (samples,) at 48 kHz; sample 0 of a stem and of the backing is the start of the performance. Of
a stem the packets on disk say which parts of it its page was sure of; the sound is what people download.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import lags, sync_measure
from bench.lags import RULER_HZ, Audio, Reals
from unisono.core.wire import Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE

WINDOW_SAMPLES = RULER_HZ
SEARCH_SAMPLES = RULER_HZ // 4
# Ears that are less than 20 ms from their place are steered there.
STRAY_SAMPLES = RULER_HZ // 50
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
# The seam of an epoch is faded, and a codec that begins needs some frames.
EDGE_FRAMES = 5
AGAIN_FRAMES, GAP_FRAMES = 10, 50
NOBODY = -1
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sung:
    """One stem and what happened to its maker between `begun_s` and `over_s` of the song.

    start: position of the performance. others_samples: how much later (at 48 kHz) than its own ears the microphone
    hears the same backing from another page.
    """

    name: str
    packets: Sequence[Packet]
    start: int
    stem: Audio
    backing: Audio
    heard: Audio | None
    marks: tuple[str, ...]
    begun_s: float
    over_s: float
    others_samples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The figures of one stem; None where nothing could be measured.

    error_ms_max: of all windows of a second that are stamped sure. misfits: such windows whose sound is not where it
    belongs, nor near. windows_sure, windows_unsure: judged, and marked by the page. lost_ms: sound at the microphone
    that is not in the stem, except from the mishap until the page sings again, and where a mark is.
    seconds_to_sing_again: from the mishap's end until sound is recorded; seconds_until_sure: until it is unmarked.
    """

    error_ms_max: float | None
    misfits: int
    windows_sure: int
    windows_unsure: int
    lost_ms: float | None
    epochs: int
    marks: tuple[str, ...]
    seconds_to_sing_again: float | None
    seconds_until_sure: float | None
    errors_ms: dict[float, float]


def apart_ppm(ears: Audio, far: Audio) -> float:
    """How much more samples of the same sound `far` has than `ears`; both begin at about the same moment."""
    known, found = lags.in_band(ears), lags.in_band(far)
    size, last = 4 * RULER_HZ, min(len(known), len(found)) - 6 * RULER_HZ
    begin = [_lag(known, found, start, size) for start in (4 * RULER_HZ, last)]
    return round((begin[1] - begin[0]) / (last - 4 * RULER_HZ) * 1e6, 1)


def _lag(known: Reals, found: Reals, start: int, samples: int) -> float:
    around = lags.shifted(found, start - SEARCH_SAMPLES, samples + 2 * SEARCH_SAMPLES)
    wanted = np.pad(known[start:start + samples], SEARCH_SAMPLES)
    lag, _ = lags.coarse_lag_samples(wanted, around, -SEARCH_SAMPLES, SEARCH_SAMPLES)
    return lags.refine([known], found, start + lag, samples, [float(lag)]).lags_samples[0]


def judge(sung: Sung) -> Judged:
    """All figures of one stem."""
    there, sure = _stamped(sung)
    again_s, sure_s = _again(there, sung.over_s), _again(sure, sung.over_s)
    errors, misfits = _errors_ms(sung, sure)
    windows = len(sung.stem) // SAMPLE_RATE
    return Judged(
        error_ms_max=max(map(abs, errors.values()), default=None), misfits=misfits,
        windows_sure=len(errors) + misfits,
        windows_unsure=sum(bool(np.any(_second(there & ~sure, at))) for at in range(windows)),
        lost_ms=_lost_ms(sung, again_s, there & ~sure), marks=sung.marks,
        epochs=len({packet.epoch for packet in sung.packets}),
        seconds_to_sing_again=_since(again_s, sung.over_s), seconds_until_sure=_since(sure_s, sung.over_s),
        errors_ms=errors)


def _stamped(sung: Sung) -> tuple[Flags, Flags]:
    """By frames of the song: whether there is sound, and whether the epoch that wins there was stamped sure."""
    frames = -(-len(sung.stem) // FRAME_SAMPLES)
    epoch = np.full(frames, NOBODY)
    sure = np.zeros(frames, bool)
    for packet in sorted(sung.packets, key=lambda packet: packet.epoch):
        for position, _ in packet.positioned_frames():
            at = round((position - sung.start) / FRAME_SAMPLES)
            if 0 <= at < frames:
                epoch[at], sure[at] = packet.epoch, not packet.unsure
    return epoch != NOBODY, sure


def _second(flags: Flags, at_s: int) -> Flags:
    return flags[round(at_s / FRAME_S):round((at_s + 1) / FRAME_S)]


def _again(flags: Flags, over_s: float) -> float | None:
    """From when on, `over_s` at the earliest, the flag stands but for short gaps; None: never, or too shortly."""
    first = max(0, int(over_s / FRAME_S))
    standing = np.flatnonzero(flags[first:]) + first
    if len(standing) < AGAIN_FRAMES or standing[-1] < len(flags) - GAP_FRAMES:
        return None
    breaks = np.flatnonzero(np.diff(standing) > GAP_FRAMES)
    return float(standing[breaks[-1] + 1 if len(breaks) else 0] * FRAME_S)


def _since(at_s: float | None, over_s: float) -> float | None:
    return None if at_s is None else round(max(0.0, at_s - over_s), 2)


def _errors_ms(sung: Sung, sure: Flags) -> tuple[dict[float, float], int]:
    """Signed errors of every audible second that is sure from end to end, and how many of those fit nowhere near."""
    backing, stem = lags.in_band(sung.backing), lags.in_band(sung.stem)
    others = [other / lags.STEP for other in sung.others_samples]
    errors: dict[float, float] = {}
    misfits = 0
    for second in _whole_seconds(sure):
        start = second * RULER_HZ
        if lags.level_dbfs(stem[start:start + WINDOW_SAMPLES]) < sync_measure.AUDIBLE_DBFS:
            continue
        error = _error_ms(backing, stem, start, others)
        if error is None:
            misfits += 1
        else:
            errors[float(second)] = round(error, 4)
    return errors, misfits


def _whole_seconds(sure: Flags) -> Iterable[int]:
    frames = round(1 / FRAME_S)
    for second in range(len(sure) // frames):
        first = second * frames
        if np.all(sure[max(0, first - EDGE_FRAMES):first + frames + EDGE_FRAMES]):
            yield second


def _error_ms(backing: Reals, stem: Reals, start: int, others: Sequence[float]) -> float | None:
    """How late the backing lies in one second of the stem; None where it is not to be found there."""
    # Where a note is held, what looks clearest may be another one of its periods: in place is tried besides.
    begins = [[0.0, *others], [0.0, *(_strayed(backing, stem, start, other) for other in others)]] if others else [
        [0.0], [_near(backing, stem, start)]]
    fits = [lags.refine([backing] * (1 + len(others)), stem, start, WINDOW_SAMPLES, begin) for begin in begins]
    fit = max(fits, key=lambda each: each.explained)
    found = (fit.explained >= sync_measure.TRUSTED_EXPLAINED and fit.gains[0] > 0
             and lags.ms(fit.spread_samples[0]) <= sync_measure.TRUSTED_SPREAD_MS)
    return lags.ms(fit.lags_samples[0]) if found else None


def _near(backing: Reals, stem: Reals, start: int) -> float:
    """Where to begin: the lag of one second of the backing, less than a beat away; 0 where nothing is clear."""
    around = lags.shifted(stem, start - SEARCH_SAMPLES, WINDOW_SAMPLES + 2 * SEARCH_SAMPLES)
    wanted = np.pad(lags.shifted(backing, start, WINDOW_SAMPLES), SEARCH_SAMPLES)
    lag, clear = lags.coarse_lag_samples(wanted, around, -SEARCH_SAMPLES, SEARCH_SAMPLES)
    return float(lag) if clear > lags.CLEAR else 0.0


def _strayed(backing: Reals, stem: Reals, start: int, other: float) -> float:
    """Where what another page plays really is: its ear may be that far from where it is meant to be, and is steered."""
    whole = start - STRAY_SAMPLES, WINDOW_SAMPLES + 2 * STRAY_SAMPLES
    heard, own = lags.shifted(stem, *whole), lags.shifted(backing, *whole)
    rest = heard - own * float(heard @ own) / max(float(own @ own), 1e-30)
    wanted = np.pad(lags.shifted(backing, start - other, WINDOW_SAMPLES), STRAY_SAMPLES)
    return other + lags.coarse_lag_samples(wanted, rest, -STRAY_SAMPLES, STRAY_SAMPLES)[0]


def _lost_ms(sung: Sung, again_s: float | None, unsure: Flags) -> float | None:
    if sung.heard is None:
        return None
    away_until_s = len(sung.stem) / SAMPLE_RATE if again_s is None else again_s
    lost = sync_measure.lost_frames_s(sung.heard, sung.stem)
    missed = [at for at in lost if not sung.begun_s <= at < away_until_s and not unsure[int(at / FRAME_S)]]
    return float(len(missed) * sync_measure.LOST_FRAME_MS)
