"""What of a song is on the server's disk, and where: stems against what their singers sang. Only reads files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import lags
from bench.crash_stage import Singer, Song, voice_of
from unisono.core.repair import SpanSet
from unisono.core.wire import Packet
from unisono.store.stems import read_packets, stem_path
from unisono.studio.stem import decode_stem
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, SAMPLE_RATE, Audio, Position, Span

_WINDOW_S = 1.0
_SEARCH_MS = 500
_RIGHT = 0.5
"""Share of a window's energy that what was sung must explain; what does not is a gap (or rubbish), and told as such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One stem. `owed_ms`: of what closed pages had sung, what is not there; `errors_ms` of each window with sound."""

    seat: int
    closed: bool
    lost_ms: float
    owed_ms: float
    epochs: int
    errors_ms: tuple[float, ...]


def stems(performances: Path, song: Song, singers: Sequence[Singer]) -> Iterator[Judged]:
    """Every singer's stem of the song; none for whom there is no file."""
    for singer in singers:
        path = stem_path(performances / song.performance, singer.here.view.seat)
        if path.is_file():
            yield _judged(list(read_packets(path)), song, singer)


def _judged(packets: list[Packet], song: Song, singer: Singer) -> Judged:
    there = SpanSet(packet.span for packet in packets)
    by_epoch = {epoch: SpanSet(p.span for p in packets if p.epoch == epoch) for epoch in {p.epoch for p in packets}}
    closed = singer.sung.get(song.performance)
    owed = [
        (epoch, hole)
        for epoch, sung in closed or ()
        for hole in by_epoch.get(epoch, SpanSet()).holes(_within(sung, _stamped(song.span)))
    ]
    sound = decode_stem(packets, song.span).sound
    return Judged(
        seat=singer.here.view.seat,
        closed=closed is not None,
        lost_ms=_ms(sum(hole.samples for hole in there.holes(_stamped(song.span)))),
        owed_ms=_ms(sum(hole.samples for _, hole in owed)),
        epochs=len(by_epoch),
        errors_ms=tuple(_errors_ms(voice_of(singer.number), sound.mean(axis=1), there, song.span)),
    )


def _stamped(span: Span) -> Span:
    """What a whole stem covers: stamps lie before the sound by the encoder's look-ahead (docs/wire.md)."""
    return Span(start=Position(span.start - OPUS_LOOKAHEAD_SAMPLES), stop=Position(span.stop - OPUS_LOOKAHEAD_SAMPLES))


def _within(sung: Span, song: Span) -> Span:
    """What of it belongs to the song: who was cut off may have sung past a stop that they never heard of."""
    start = min(max(sung.start, song.start), song.stop)
    return Span(start=start, stop=max(start, min(sung.stop, song.stop)))


def _errors_ms(sung: Audio, sound: Audio, there: SpanSet, span: Span) -> Iterator[float]:
    """How late each second of a stem is; seconds with a gap are left out, they count as lost."""
    truth, heard = lags.in_band(sung[: len(sound)]), lags.in_band(sound)
    window = round(_WINDOW_S * lags.RULER_HZ)
    for start in range(window // 2, len(heard) - window, window):
        at = span.start + start * lags.STEP
        around = Span(start=Position(at - 2 * FRAME_SAMPLES), stop=Position(at + SAMPLE_RATE + 2 * FRAME_SAMPLES))
        if there.holes(around):
            continue
        reach = _SEARCH_MS * lags.RULER_HZ // 1000
        piece = heard[start : start + window]
        lag, _ = lags.coarse_lag_samples(truth[max(0, start - reach) : start + window + reach], piece, -2 * reach, 0)
        fit = lags.refine([truth], heard, start, window, [lag + min(start, reach)])
        yield lags.ms(fit.lags_samples[0]) if fit.explained > _RIGHT else float("inf")


def _ms(samples: int) -> float:
    return samples * 1000 / SAMPLE_RATE
