"""What one opening of the sync bench tells: placement errors, hops, lost sound, dropouts. Pure: sounds in, figures out.

All sounds are float32 (samples,) at 48 kHz on the room's axis. Sample 0 of a stem and of the backing is the start of
the performance. The tapes of the rows' ears, put on the machine's clock, run at the same rate because the room's
clock is that machine's. The voice is the recording fed to the leader's microphone, already stretched to the rate
measured of the leader's card. Nothing here corrects anything: a lag is what the fit says.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from scipy import fft

from bench import lags
from bench.lags import RULER_HZ, Audio, Reals

WINDOW_SAMPLES = 5 * RULER_HZ
STEP_SAMPLES = RULER_HZ // 2
SPECTRUM, SPECTRUM_HOP = 512, 32
# Less than a beat: a song resembles itself one beat later.
SEARCH_SAMPLES = RULER_HZ // 4
EARLIEST_SAMPLES, LATEST_SAMPLES = -RULER_HZ, 6 * RULER_HZ
AUDIBLE_DBFS = -45.0
TRUSTED_EXPLAINED = 0.25
TRUSTED_SHARE = 0.05
TRUSTED_SPREAD_MS = 0.1
LOST_FRAME_MS = 10
FRAME_SAMPLES = RULER_HZ * LOST_FRAME_MS // 1000
ALIKE = 0.5
# Within a millisecond: whether sound is there, not where, is asked of lost frames.
MOVES = tuple(range(-RULER_HZ // 1000, RULER_HZ // 1000 + 1))
# The smallest block that a browser can drop is 128 frames, 2.7 ms.
JUMP_MS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Everything recorded while one song was sung: per row its stem, its ears' tape and the tape's start in seconds."""

    backing: Audio
    voice: Audio
    stems: Mapping[int, Audio]
    tapes: Mapping[int, Audio]
    tape_starts_s: Mapping[int, float]

    @property
    def samples(self) -> int:
        """Length of the song, in the ruler's samples."""
        return len(self.backing) // lags.STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One row's stem over one stretch. Positive errors: sound lies later than where its source was heard.

    against: "backing" (absolute) or "leader" (the leader's own stem). `sure` is False where the fit cannot be trusted;
    such windows are told and counted, but are no part of the percentiles.
    """

    row: int
    against: str
    start_s: float
    error_ms: float
    spread_ms: float
    explained: float
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A sound in the ears of `row - 1`, and `hop_ms` later in those of `row`: the leader's voice, or the backing."""

    row: int
    by: str
    start_s: float
    hop_ms: float
    sure: bool


def windows_of(opening: Opening, samples: int = WINDOW_SAMPLES) -> list[tuple[int, int]]:
    """Starts and lengths of the windows: the song cut into pieces of `samples`, a short rest left out."""
    return [(start, samples) for start in range(0, opening.samples - samples // 2, samples)]


def stem_windows(opening: Opening) -> list[Window]:
    """Each row's signed placement error in each window, against the backing and, behind the leader, against them."""
    sources = (lags.in_band(opening.backing), lags.in_band(opening.voice))
    spans = windows_of(opening)
    fits = {row: _fits(sources, stem, spans) for row, stem in opening.stems.items()}
    found: list[Window] = []
    for row, per_window in sorted(fits.items()):
        for (start, samples), fit, leaders in zip(spans, per_window, fits[0], strict=True):
            levels = [lags.level_dbfs(lags.shifted(source, start - lag, samples))
                      for source, lag in zip(sources, leaders.lags_samples, strict=True)]
            found.append(_window(row, "backing", start, fit, 0, 0.0, levels[0] > AUDIBLE_DBFS))
            if row:
                heard = levels[1] > AUDIBLE_DBFS and _trusted(leaders, 1)
                found.append(_window(row, "leader", start, fit, 1, leaders.lags_samples[1], heard))
    return found


def is_marked(window: Window, marked: Set[int]) -> bool:
    """Whether a mark of one of the `marked` rows says that this may be wrong.

    Who hears the leader sings back the leader's echo of the backing as well: against the backing their marks are the
    leader's, too.
    """
    return window.row in marked or (window.against == "backing" and 0 in marked)


def _fits(sources: Sequence[Reals], sound: Audio, spans: Sequence[tuple[int, int]]) -> list[lags.Fit]:
    """One joint fit of all `sources` per span; the search starts anew in every one, so that a jump is seen."""
    heard = lags.in_band(sound)
    starts_at = [_anywhere(source, heard) for source in sources]
    return [lags.refine(sources, heard, start, samples, [
        _near(source, heard, start, samples, first) for source, first in zip(sources, starts_at, strict=True)
    ]) for start, samples in spans]


def _anywhere(source: Reals, heard: Reals) -> int:
    """The lag of `source` in `heard`, -1..6 s, good to a few milliseconds: where their spectrograms fit best.

    Spectrograms, because a page that follows the room's clock on a drifting card stretches what it plays, which blurs a
    match of waves over a whole song; and only as a whole is a song told from itself a beat or a verse later.
    """
    known, found = _spectrogram(source), _spectrogram(heard)
    size = fft.next_fast_len(len(known) + len(found), real=True)
    cross = np.conj(fft.rfft(known, size, axis=0)) * fft.rfft(found, size, axis=0)
    fits = fft.irfft(cross.sum(axis=1), size)
    frames = np.arange(EARLIEST_SAMPLES // SPECTRUM_HOP, LATEST_SAMPLES // SPECTRUM_HOP)
    return int(frames[np.argmax(fits[frames])]) * SPECTRUM_HOP


def _spectrogram(sound: Reals) -> Reals:
    """Compressed magnitudes less their mean over time, shape (frames, bins): what changes counts, loud or not."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, (0, SPECTRUM)), SPECTRUM)[::SPECTRUM_HOP]
    level = np.sqrt(np.abs(fft.rfft(frames * np.hanning(SPECTRUM), axis=1)))
    return np.asarray(level - level.mean(axis=0), np.float64)


def _near(source: Reals, heard: Reals, start: int, samples: int, first: int) -> int:
    """The lag of `source` in one span of `heard`, looked for around `first`; `first` itself where nothing is clear."""
    reference = lags.shifted(source, start - first, samples)
    lag, clear = lags.coarse_lag_samples(
        np.pad(reference, SEARCH_SAMPLES), lags.shifted(heard, start - SEARCH_SAMPLES, samples + 2 * SEARCH_SAMPLES),
        -SEARCH_SAMPLES, SEARCH_SAMPLES)
    return first + lag if clear > lags.CLEAR else first


def _trusted(fit: lags.Fit, source: int) -> bool:
    # A fit with its sign turned has locked half a period away.
    return (fit.explained >= TRUSTED_EXPLAINED and fit.gains[source] > 0 and fit.shares[source] >= TRUSTED_SHARE
            and lags.ms(fit.spread_samples[source]) <= TRUSTED_SPREAD_MS)


def _window(row: int, against: str, start: int, fit: lags.Fit, source: int, true_lag: float, heard: bool) -> Window:
    return Window(
        row=row, against=against, start_s=start / RULER_HZ, explained=round(fit.explained, 4),
        error_ms=round(lags.ms(fit.lags_samples[source] - true_lag), 4),
        spread_ms=round(lags.ms(fit.spread_samples[source]), 4), sure=heard and _trusted(fit, source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Where the sources (backing, voice) lie in a sound, one fit per step of the song; lags are theirs against it."""

    starts: list[int]
    fits: list[lags.Fit]

    def apart_ms(self) -> dict[int, float]:
        """By step: how much later than the backing the voice's beginning lies, where both can be trusted."""
        return {at: lags.ms(fit.lags_samples[1] - fit.lags_samples[0])
                for at, fit in zip(self.starts, self.fits, strict=True) if _trusted(fit, 0) and _trusted(fit, 1)}

    def lag(self, source: int, start: int, samples: int) -> float | None:
        """The middle lag of a source over one stretch of the song; None where no step can be trusted."""
        trusted = [fit.lags_samples[source] for at, fit in zip(self.starts, self.fits, strict=True)
                   if start <= at < start + samples and _trusted(fit, source)]
        return float(np.median(trusted)) if trusted else None


def follow(opening: Opening, tape: Audio) -> Heard:
    """Both sources on a tape or in a stem, in steps short enough for a page that steers: 300 ppm, 0.15 ms a step."""
    sources = (lags.in_band(opening.backing), lags.in_band(opening.voice))
    heard = lags.in_band(tape)
    whole = [_anywhere(source, heard) for source in sources]
    starts = list(range(0, opening.samples - STEP_SAMPLES + 1, STEP_SAMPLES))
    fits = []
    for start in starts:
        at = start + whole[0]
        near = [_near(source, heard, at, STEP_SAMPLES, first) for source, first in zip(sources, whole, strict=True)]
        fits.append(lags.refine(sources, heard, at, STEP_SAMPLES, near))
    return Heard(starts=starts, fits=fits)


def follow_ears(opening: Opening) -> dict[int, Heard]:
    """By row, what its ears heard."""
    return {row: follow(opening, tape) for row, tape in sorted(opening.tapes.items())}


def hops(opening: Opening, followed: Mapping[int, Heard]) -> list[Hop]:
    """Sink to sink, on the tapes alone: how long after row k - 1 each row k hears the same stretch of sound."""
    return [_hop(opening, followed, row, by, start, samples)
            for row in followed if row - 1 in followed
            for start, samples in windows_of(opening) for by in (0, 1)]


def _hop(
    opening: Opening, followed: Mapping[int, Heard], row: int, by: int, start: int, samples: int,
) -> Hop:
    before, after = followed[row - 1].lag(by, start, samples), followed[row].lag(by, start, samples)
    began_s = opening.tape_starts_s[row] - opening.tape_starts_s[row - 1]
    sure = before is not None and after is not None
    hop_s = began_s + (after - before) / RULER_HZ if before is not None and after is not None else float("nan")
    return Hop(row=row, by=("backing", "voice")[by], start_s=start / RULER_HZ, hop_ms=round(hop_s * 1e3, 2), sure=sure)


def lost_frames_s(source: Audio, stem: Audio) -> list[float]:
    """Starts (seconds in `stem`) of the frames of LOST_FRAME_MS whose sound is in `source` but not in `stem`.

    source: the outside recording of what went into the microphone; where it lies against the stem is found here, anew
    every half second. A frame is lost when its source is audible and the stem holds less than a tenth of its
    energy or nothing like it, by its own half second's alignment, by its neighbours' and by what lies between those.
    """
    heard, kept = lags.in_band(source), lags.in_band(stem)
    starts = list(range(0, len(kept) - STEP_SAMPLES // 2, STEP_SAMPLES))
    found = _alignment(heard, kept, starts)
    lost: set[int] = set()
    for index, start in enumerate(starts):
        candidates = {lag for near in found[max(0, index - 1):index + 2] for lag in near}
        lost |= set.intersection(*(_missing(heard, kept, start, lag) for lag in candidates))
    return [start / RULER_HZ for start in sorted(lost)]


def _alignment(heard: Reals, kept: Reals, starts: Sequence[int]) -> list[tuple[float, float]]:
    """Per step of `kept` two lags of `heard` in it: as found there, and as the steps that are beyond doubt suggest."""
    first = -_anywhere(kept, heard)
    fits = [lags.refine([heard], kept, start, STEP_SAMPLES, [_near(heard, kept, start, STEP_SAMPLES, first)])
            for start in starts]
    sure = [(start, fit.lags_samples[0]) for start, fit in zip(starts, fits, strict=True)
            if fit.explained > 0.7 and fit.gains[0] > 0]
    if not sure:
        return [(fit.lags_samples[0], float(first)) for fit in fits]
    between = np.interp(starts, [start for start, _ in sure], [lag for _, lag in sure])
    return [(fit.lags_samples[0], float(lag)) for fit, lag in zip(fits, between, strict=True)]


def _missing(heard: Reals, kept: Reals, start: int, lag: float) -> set[int]:
    frames = min(STEP_SAMPLES, len(kept) - start) // FRAME_SAMPLES
    size = frames * FRAME_SAMPLES
    was = lags.shifted(heard, start - lag, size).reshape(frames, FRAME_SAMPLES)
    is_there = kept[start:start + size].reshape(frames, FRAME_SAMPLES)
    energy, remains = np.sum(was**2, axis=1), np.sum(is_there**2, axis=1)
    alike = np.max([_likeness(lags.shifted(heard, start - lag + move, size), is_there) for move in MOVES], axis=0)
    audible = energy > FRAME_SAMPLES * 10 ** (AUDIBLE_DBFS / 10)
    gone = audible & ((remains < 0.1 * energy) | (alike < ALIKE))
    return {start + int(frame) * FRAME_SAMPLES for frame in np.flatnonzero(gone)}


def _likeness(was: Reals, is_there: Reals) -> Reals:
    """Normalised correlation, -1..1, of each frame (row) of `is_there` with the same stretch of `was`."""
    frames = was.reshape(is_there.shape)
    energies = np.sum(frames**2, axis=1) * np.sum(is_there**2, axis=1)
    return np.asarray(np.sum(frames * is_there, axis=1) / np.sqrt(np.maximum(energies, 1e-30)), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Where an ear's tape breaks: `moved_ms` is how much later the known sound goes on (negative: earlier)."""

    row: int
    at_s: float
    moved_ms: float


def dropouts(row: int, heard: Heard) -> list[Dropout]:
    """Jumps of the backing in `row`'s ears: steps before and after agree among themselves, not together."""
    track = [(start / RULER_HZ, fit.lags_samples[0]) for start, fit in zip(heard.starts, heard.fits, strict=True)
             if _trusted(fit, 0)]
    found = []
    for one, two, three, four in zip(track, track[1:], track[2:], track[3:], strict=False):
        moved_ms = lags.ms((three[1] + four[1] - one[1] - two[1]) / 2)
        steady = all(abs(lags.ms(b[1] - a[1])) < JUMP_MS / 2 for a, b in ((one, two), (three, four)))
        if steady and abs(moved_ms) > JUMP_MS:
            found.append(Dropout(row=row, at_s=three[0], moved_ms=round(moved_ms, 2)))
    return found
