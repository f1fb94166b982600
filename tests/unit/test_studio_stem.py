"""A stem's packets become sound in its place: to the sample for PCM, to a tenth of a millisecond through Opus."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.core.wire import Codec, Kind, Packet
from unisono.opus import Encoder
from unisono.studio.splice import CROSS_FADE_SAMPLES, EDGE_FADE_SAMPLES, Run, splice
from unisono.studio.stem import decode_stem
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, span

START = 1_000_003


def opus_packets(
    sound: Audio, *, start: int = START, epoch: int = 0, frames_each: int = 2, unsure: bool = False
) -> list[Packet]:
    """What a page sends for `sound`, float32 (samples,) or (samples, 2), whose sample 0 lies at `start`."""
    channels = 1 if sound.ndim == 1 else 2
    encoder = Encoder(channels, 64_000 * channels)
    extra = -len(sound) % FRAME_SAMPLES + FRAME_SAMPLES
    padded = np.concatenate([sound, np.zeros((extra, *sound.shape[1:]), dtype=np.float32)])
    blocks = padded.reshape(-1, FRAME_SAMPLES, channels)
    frames = [encoder.encode(block) for block in blocks]
    return _packed(frames, start - encoder.lookahead_samples, epoch, frames_each, Codec.OPUS, channels, unsure)


def pcm_packets(sound: Audio, *, start: int = START, epoch: int = 0, frames_each: int = 2) -> list[Packet]:
    """The same as 16-bit PCM; `sound` must be whole frames long."""
    channels = 1 if sound.ndim == 1 else 2
    blocks = np.round(sound * 32_767).astype("<i2").reshape(-1, FRAME_SAMPLES * channels)
    frames = [block.tobytes() for block in blocks]
    return _packed(frames, start, epoch, frames_each, Codec.PCM, channels, unsure=False)


def _packed(
    frames: Sequence[bytes], start: int, epoch: int, each: int, codec: Codec, channels: int, unsure: bool
) -> list[Packet]:
    return [
        Packet(
            kind=Kind.VOICE,
            seat=3,
            epoch=epoch,
            position=Position(start + first * FRAME_SAMPLES),
            frames=tuple(frames[first : first + each]),
            codec=codec,
            stereo=channels == 2,
            unsure=unsure,
        )
        for first in range(0, len(frames), each)
    ]


def sine(hertz: float, samples: int, *, peak: float = 0.25) -> Audio:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE)).astype(np.float32)


def chirp(samples: int) -> Audio:
    """A sweep that correlates with itself at one place only."""
    time = np.arange(samples) / SAMPLE_RATE
    turns = 300 * time + (6000 - 300) * time**2 / (2 * time[-1])
    wave: Audio = (0.25 * np.sin(2 * np.pi * turns)).astype(np.float32)
    return wave


def lag_samples(heard: Audio, sung: Audio) -> float:
    """How late `heard` is, to a fraction of a sample: cross-correlation with a parabola through its peak."""
    size = 2 ** math.ceil(math.log2(len(heard) + len(sung)))
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sung, size)), size)
    top = int(np.argmax(correlation))
    left, mid, right = correlation[top - 1], correlation[top], correlation[(top + 1) % size]
    whole = top - size if top > size // 2 else top
    return float(whole + 0.5 * (left - right) / (left - 2 * mid + right))


def rms_dbfs(sound: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))


def test_opus_lands_on_its_position_with_its_level() -> None:
    sung = chirp(3 * SAMPLE_RATE)
    stem = decode_stem(opus_packets(sung), span(START, START + len(sung)))
    assert stem.sound.shape == (len(sung), 1)
    assert stem.sound.dtype == np.float32
    assert (stem.gaps, stem.marks) == ((), ())
    heard = stem.sound[:, 0]
    assert abs(lag_samples(heard, sung)) < 0.1 * SAMPLE_RATE / 1000
    assert abs(rms_dbfs(heard) - rms_dbfs(sung)) < 0.5


@pytest.mark.parametrize("hertz", [220.0, 997.0, 4000.0])
def test_sines_keep_their_level_and_phase(hertz: float) -> None:
    sung = sine(hertz, SAMPLE_RATE)
    heard = decode_stem(opus_packets(sung), span(START, START + len(sung))).sound[:, 0]
    middle = slice(9600, 38_400)
    assert abs(rms_dbfs(heard[middle]) - rms_dbfs(sung[middle])) < 0.5
    phase = np.angle(np.vdot(_analytic(hertz, sung[middle]), _analytic(hertz, heard[middle])))
    assert abs(phase / (2 * np.pi * hertz)) < 0.0001


def _analytic(hertz: float, sound: Audio) -> complex:
    """The complex amplitude of one frequency."""
    return complex(np.vdot(np.exp(2j * np.pi * hertz * np.arange(len(sound)) / SAMPLE_RATE), sound))


def test_clicks_land_within_a_tenth_of_a_millisecond() -> None:
    sung = np.zeros(SAMPLE_RATE, dtype=np.float32)
    clicks = [5_000, 17_333, 30_001, 44_444]
    sung[clicks] = 0.9
    heard = decode_stem(opus_packets(sung), span(START, START + SAMPLE_RATE)).sound[:, 0]
    for click in clicks:
        found = click - 500 + int(np.argmax(np.abs(heard[click - 500 : click + 500])))
        assert abs(found - click) <= 4, (click, found)


def test_pcm_is_kept_to_the_bit_and_the_span_cuts_it() -> None:
    sung = chirp(20 * FRAME_SAMPLES)
    stem = decode_stem(pcm_packets(sung), span(START + 1234, START + 10_000))
    kept = np.round(sung * 32_767).astype(np.float32) / 32_768
    assert np.array_equal(stem.sound[:, 0], kept[1234:10_000])
    assert stem.marks == ()


def test_stereo_keeps_left_and_right_apart() -> None:
    both = np.stack([sine(440, SAMPLE_RATE), sine(1330, SAMPLE_RATE, peak=0.1)], axis=1)
    for packets in (opus_packets(both), pcm_packets(both)):
        heard = decode_stem(packets, span(START, START + SAMPLE_RATE)).sound
        assert heard.shape == (SAMPLE_RATE, 2)
        assert abs(_analytic(440, heard[:, 0])) > 30 * abs(_analytic(440, heard[:, 1]))
        assert abs(_analytic(1330, heard[:, 1])) > 30 * abs(_analytic(1330, heard[:, 0]))


def test_order_and_doubles_make_no_difference() -> None:
    packets = opus_packets(chirp(SAMPLE_RATE))
    wanted = decode_stem(packets, span(START, START + SAMPLE_RATE))
    for seed in range(5):
        weather = random.Random(seed)
        shuffled = packets + weather.sample(packets, 10)
        weather.shuffle(shuffled)
        heard = decode_stem(shuffled, span(START, START + SAMPLE_RATE))
        assert np.array_equal(heard.sound, wanted.sound), f"seed {seed}"
        assert heard.gaps == wanted.gaps


def test_a_gap_is_silence_in_its_place_and_moves_nothing() -> None:
    sung = chirp(2 * SAMPLE_RATE)
    packets = opus_packets(sung)
    lost = packets[20:25]
    stem = decode_stem([p for p in packets if p not in lost], span(START, START + len(sung)))
    gap = span(lost[0].span.start, lost[-1].span.stop)
    assert stem.gaps == (gap,)
    assert stem.gap_samples == 5 * 2 * FRAME_SAMPLES
    assert stem.marks == ("gaps",)
    heard = stem.sound[:, 0]
    assert not np.any(heard[gap.start - START : gap.stop - START])
    for part in (slice(0, gap.start - START), slice(gap.stop - START + 2 * FRAME_SAMPLES, None)):
        assert abs(lag_samples(heard[part], sung[part])) < 0.1 * SAMPLE_RATE / 1000
        assert abs(rms_dbfs(heard[part]) - rms_dbfs(sung[part])) < 0.5
    edge = gap.stop - START
    assert np.max(np.abs(heard[edge : edge + EDGE_FADE_SAMPLES // 8])) < 0.02


def test_the_later_epoch_wins_and_the_seam_is_smooth() -> None:
    """Two epochs of the same long note, the second in quadrature: no step at the seam, and the new phase after it."""
    hertz = 200.0
    length = 60 * FRAME_SAMPLES
    seam, stop = 24_060, 24_060 + 32 * FRAME_SAMPLES
    first = sine(hertz, length)
    second = (0.25 * np.cos(2 * np.pi * hertz * np.arange(length) / SAMPLE_RATE)).astype(np.float32)
    packets = [*pcm_packets(first), *pcm_packets(second[seam:stop], start=START + seam, epoch=1)]
    stem = decode_stem(packets, span(START, START + length))
    heard = stem.sound[:, 0]
    assert stem.marks == ("jumps",)
    assert stem.gaps == ()
    assert np.allclose(heard[:seam], first[:seam], atol=1e-4)
    inside = slice(seam + CROSS_FADE_SAMPLES, stop - CROSS_FADE_SAMPLES)
    assert np.allclose(heard[inside], second[inside], atol=1e-4)
    assert np.allclose(heard[stop:], first[stop:], atol=1e-4)
    steepest = 0.25 * 2 * np.pi * hertz / SAMPLE_RATE
    assert np.max(np.abs(np.diff(heard))) < 1.6 * steepest


def test_epochs_that_only_touch_are_faded_not_clicked() -> None:
    ones = np.full(10 * FRAME_SAMPLES, 0.5, dtype=np.float32)
    packets = [*pcm_packets(ones), *pcm_packets(-ones, start=START + len(ones), epoch=1)]
    heard = decode_stem(packets, span(START, START + 2 * len(ones))).sound[:, 0]
    assert np.max(np.abs(np.diff(heard))) < 0.02
    assert heard[len(ones) - 200] == pytest.approx(0.5, abs=1e-3)
    assert heard[len(ones) + 200] == pytest.approx(-0.5, abs=1e-3)


def test_a_broken_frame_is_a_gap_and_stops_nothing() -> None:
    sung = chirp(SAMPLE_RATE)
    packets = opus_packets(sung, frames_each=1)
    hurt = packets[25]
    packets[25] = Packet(kind=hurt.kind, seat=3, epoch=0, position=hurt.position, frames=(b"\xff\xff\xff",))
    stem = decode_stem(packets, span(START, START + SAMPLE_RATE))
    assert stem.gaps == (hurt.span,)
    assert set(stem.marks) == {"gaps", "broken"}
    assert abs(lag_samples(stem.sound[26_000:, 0], sung[26_000:])) < 5


def test_nothing_sung_and_unsure_stems_are_marked() -> None:
    whole = span(START, START + 5000)
    nothing = decode_stem([], whole)
    assert (nothing.sound.shape, nothing.gaps, nothing.marks) == ((5000, 1), (whole,), ("silent",))
    unsure = decode_stem(opus_packets(sine(300, 5000), unsure=True), whole)
    assert unsure.marks == ("unsure",)
    assert decode_stem([], span(START, START)).sound.shape == (0, 1)
    one = decode_stem(pcm_packets(sine(300, FRAME_SAMPLES)), span(START + 7, START + 8))
    assert one.sound.shape == (1, 1)


def test_elsewhere_costs_nothing_and_mischief_is_bounded() -> None:
    far = pcm_packets(sine(300, 40 * FRAME_SAMPLES), start=START + 10_000_000)
    assert decode_stem(far, span(START, START + 9600)).marks == ("silent",)

    def flood() -> Iterator[Packet]:
        frame = b"\x10\x00" * FRAME_SAMPLES
        for epoch in range(2000):
            for shift in range(5):
                yield Packet(
                    kind=Kind.VOICE,
                    seat=1,
                    epoch=epoch,
                    position=Position(START + shift),
                    frames=(frame,),
                    codec=Codec.PCM,
                )

    stem = decode_stem(flood(), span(START, START + 9600))
    assert np.all(np.abs(stem.sound) <= 0.001)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-700, 3000), st.integers(1, 1500)), max_size=8))
def test_splice_owns_every_sample_once(cuts: list[tuple[int, int, int]]) -> None:
    """Runs of ones, of any epochs, places and lengths: never above one, and silent in the gaps only."""
    within = span(0, 2500)
    runs = [Run(epoch=epoch, start=start, sound=np.ones((size, 1), dtype=np.float32)) for epoch, start, size in cuts]
    sound, gaps = splice(runs, within)
    covered = np.zeros(2500, dtype=bool)
    for run in runs:
        covered[max(run.start, 0) : max(run.stop, 0)] = True
    silent = np.zeros(2500, dtype=bool)
    for gap in gaps:
        silent[gap.start : gap.stop] = True
    assert np.array_equal(silent, ~covered)
    assert not np.any(sound[silent])
    assert np.all(sound[covered] > 0) or not runs
    assert np.max(sound, initial=0) <= 1.0001
