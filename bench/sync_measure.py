"""What one opening of the sync bench tells: placement errors, hops, lost sound, dropouts. Pure: sounds in, figures out.

All sounds are float32 (samples,) at 48 kHz on the room's axis. Sample 0 of a stem and of the backing is the start of
the performance. The tapes of the rows' ears, put on the machine's clock, run at the same rate because the room's
clock is that machine's. The voice is the recording fed to the leader's microphone, already stretched to the rate
measured of the leader's card. Nothing here corrects anything: a lag is what the fit says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench import lags
from bench.lags import RULER_HZ, Audio, Reals

WINDOW_SAMPLES = 5 * RULER_HZ
SEARCH_SAMPLES = RULER_HZ * 6 // 10
AUDIBLE_DBFS = -45.0
TRUSTED_SHARE = 0.5
TRUSTED_SPREAD_MS = 0.2
LOST_FRAME_MS = 10
FRAME_SAMPLES = RULER_HZ * LOST_FRAME_MS // 1000
ALIKE = 0.5
TRACK_SAMPLES = RULER_HZ // 2
JUMP_MS = 1.0


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
    """The leader's voice in the ears of `row - 1`, and `hop_ms` later in those of `row`."""

    row: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where backing and voice lie in one stretch of a recording, and whether the voice was loud enough to say."""

    start_s: float
    backing_ms: float
    voice_ms: float
    voice_sure: bool


def placed(opening: Opening, recording: Audio, samples: int) -> list[Place]:
    """Both known sounds in `recording`, in whole stretches of `samples` of the song; zero: on the room's axis."""
    sources = (lags.in_band(opening.backing), lags.in_band(opening.voice))
    spans = [(start, samples) for start in range(0, opening.samples - samples + 1, samples)]
    heard = lags.in_band(recording)
    first = lags.coarse_lag_samples(sources[0], heard, *_everywhere(sources[0], heard))[0]
    fits = _fits(sources, recording, [(start + first, size) for start, size in spans])
    return [Place(start_s=start / RULER_HZ, backing_ms=lags.ms(fit.lags_samples[0]),
                  voice_ms=lags.ms(fit.lags_samples[1]), voice_sure=_trusted(fit, 1))
            for (start, _), fit in zip(spans, fits, strict=True)]


def _fits(sources: Sequence[Reals], sound: Audio, spans: Sequence[tuple[int, int]]) -> list[lags.Fit]:
    """One joint fit of all `sources` per span; the search starts anew in every one, so that a jump is seen."""
    heard = lags.in_band(sound)
    starts_at = [lags.coarse_lag_samples(source, heard, *_everywhere(source, heard))[0] for source in sources]
    return [lags.refine(sources, heard, start, samples, [
        _near(source, heard, start, samples, first) for source, first in zip(sources, starts_at, strict=True)
    ]) for start, samples in spans]


def _everywhere(source: Reals, heard: Reals) -> tuple[int, int]:
    return -len(source) + RULER_HZ, len(heard) - RULER_HZ


def _near(source: Reals, heard: Reals, start: int, samples: int, first: int) -> int:
    """The lag of `source` in one span of `heard`, looked for around `first`; `first` itself where nothing is clear."""
    reference = lags.shifted(source, start - first, samples)
    lag, clear = lags.coarse_lag_samples(
        np.pad(reference, SEARCH_SAMPLES), lags.shifted(heard, start - SEARCH_SAMPLES, samples + 2 * SEARCH_SAMPLES),
        -SEARCH_SAMPLES, SEARCH_SAMPLES)
    return first + lag if clear > lags.CLEAR else first


def _trusted(fit: lags.Fit, source: int) -> bool:
    return fit.explained >= TRUSTED_SHARE and lags.ms(fit.spread_samples[source]) <= TRUSTED_SPREAD_MS


def _window(row: int, against: str, start: int, fit: lags.Fit, source: int, true_lag: float, heard: bool) -> Window:
    return Window(
        row=row, against=against, start_s=start / RULER_HZ, explained=round(fit.explained, 4),
        error_ms=round(lags.ms(fit.lags_samples[source] - true_lag), 4),
        spread_ms=round(lags.ms(fit.spread_samples[source]), 4), sure=heard and _trusted(fit, source))


def hops(opening: Opening) -> list[Hop]:
    """Sink to sink, on the tapes alone: how long after row k - 1 each row k hears the same stretch of the voice."""
    sources = (lags.in_band(opening.voice), lags.in_band(opening.backing))
    found = {row: _heard_at(sources, opening, row) for row in sorted(opening.tapes)}
    return [Hop(row=row, start_s=start / RULER_HZ, hop_ms=round((later[0] - before[0]) * 1e3, 2),
                sure=later[1] and before[1])
            for row in sorted(found) if row - 1 in found
            for (start, _), later, before in zip(windows_of(opening), found[row], found[row - 1], strict=True)]


def _heard_at(sources: Sequence[Reals], opening: Opening, row: int) -> list[tuple[float, bool]]:
    """When (seconds on the machine's clock) the voice's stretch beginning at each window sounded in `row`'s ears."""
    tape = lags.in_band(opening.tapes[row])
    whole = [lags.coarse_lag_samples(source, tape, *_everywhere(source, tape))[0] for source in sources]
    answers = []
    for start, samples in windows_of(opening):
        at = start + whole[0]
        near = [_near(source, tape, at, samples, first) for source, first in zip(sources, whole, strict=True)]
        fit = lags.refine(sources, tape, at, samples, near)
        # The stretch is named by its place in the voice, so the same one is compared in every row.
        second = opening.tape_starts_s[row] + (start + fit.lags_samples[0]) / RULER_HZ
        answers.append((second, _trusted(fit, 0)))
    return answers


def lost_frames_s(source: Audio, stem: Audio) -> list[float]:
    """Starts (seconds in `stem`) of the frames of LOST_FRAME_MS whose sound is in `source` but not in `stem`.

    source: the outside recording of what went into the microphone; where it lies against the stem is found here, anew
    every second. A frame is lost when its source is audible and the stem holds less than a tenth of its
    energy or nothing like it, by its own second's alignment and by its neighbours'.
    """
    heard, kept = lags.in_band(source), lags.in_band(stem)
    first = lags.coarse_lag_samples(heard, kept, *_everywhere(heard, kept))[0]
    spans = [(start, RULER_HZ) for start in range(0, len(kept) - RULER_HZ // 2, RULER_HZ)]
    fits = [lags.refine([heard], kept, start, samples, [_near(heard, kept, start, samples, first)])
            for start, samples in spans]
    lost: set[int] = set()
    for index, (start, _) in enumerate(spans):
        near = fits[max(0, index - 1):index + 2]
        lost |= set.intersection(*(_missing(heard, kept, start, fit) for fit in near))
    return [start / RULER_HZ for start in sorted(lost)]


def _missing(heard: Reals, kept: Reals, start: int, fit: lags.Fit) -> set[int]:
    frames = min(RULER_HZ, len(kept) - start) // FRAME_SAMPLES
    size = frames * FRAME_SAMPLES
    was = lags.shifted(heard, start - fit.lags_samples[0], size).reshape(frames, FRAME_SAMPLES)
    is_there = kept[start:start + size].reshape(frames, FRAME_SAMPLES)
    energy, remains = np.sum(was**2, axis=1), np.sum(is_there**2, axis=1)
    alike = np.sum(was * is_there, axis=1) / np.sqrt(np.maximum(energy * remains, 1e-30))
    audible = energy > FRAME_SAMPLES * 10 ** (AUDIBLE_DBFS / 10)
    gone = audible & ((remains < 0.1 * energy) | (alike < ALIKE))
    return {start + int(frame) * FRAME_SAMPLES for frame in np.flatnonzero(gone)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Where an ear's tape breaks: `moved_ms` is how much later the known sound goes on (negative: earlier)."""

    row: int
    at_s: float
    moved_ms: float


def dropouts(opening: Opening, row: int) -> list[Dropout]:
    """Jumps of the known sounds on the tape of `row`'s ears, followed in half-second steps."""
    sources = (lags.in_band(opening.backing), lags.in_band(opening.voice))
    tape = lags.in_band(opening.tapes[row])
    whole = [lags.coarse_lag_samples(source, tape, *_everywhere(source, tape))[0] for source in sources]
    steps = range(0, opening.samples - TRACK_SAMPLES, TRACK_SAMPLES)
    track: list[tuple[float, float]] = []
    for start in steps:
        at = start + whole[0]
        near = [_near(source, tape, at, TRACK_SAMPLES, first) for source, first in zip(sources, whole, strict=True)]
        fit = lags.refine(sources, tape, at, TRACK_SAMPLES, near)
        if fit.explained > 0.8 and lags.ms(fit.spread_samples[0]) < TRUSTED_SPREAD_MS:
            track.append((start / RULER_HZ, fit.lags_samples[0]))
    return [Dropout(row=row, at_s=at_s, moved_ms=round(lags.ms(lag - before), 2))
            for (_, before), (at_s, lag) in pairwise(track)
            if abs(lags.ms(lag - before)) > JUMP_MS]
