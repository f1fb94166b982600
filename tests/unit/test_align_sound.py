"""A take is put where its guide's sound says, to a fraction of a sample; what cannot be known is not certain."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from unisono.studio import bleed, line, whiten
from unisono.studio.align import Guide, align
from unisono.studio.alignment import Alignment, Lag, Piece, at_offset
from unisono.studio.arrival import FINE_SAMPLES, first_arrival
from unisono.studio.retime import placed
from unisono.studio.stretch import stretched
from unisono.units import SAMPLE_RATE, Audio

SECOND = SAMPLE_RATE


def music(seconds: float, seed: int) -> Audio:
    """Notes of random pitch and length over a little noise."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.003, round(seconds * SECOND))
    at = 0
    while at < len(sound):
        length = min(int(rng.uniform(0.1, 0.4) * SECOND), len(sound) - at)
        time = np.arange(length) / SECOND
        pitch = 220 * 2 ** (rng.integers(0, 24) / 12)
        tone = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 12))
        sound[at : at + length] += 0.1 * tone * np.exp(-4 * time)
        at += length
    return sound.astype(np.float32)


GUIDE = music(20, 1)
VOICE = music(20, 2)


def said(take: Audio, guide: Audio = GUIDE) -> Alignment:
    return align(take, Guide(sound=guide))


@pytest.mark.parametrize("start", [5_000, 48_001, -30_000])
def test_a_take_begins_after_or_before_its_guide(start: int) -> None:
    take = GUIDE[start : start + 8 * SECOND] if start >= 0 else np.pad(GUIDE, (-start, 0))[: 8 * SECOND]
    found = said(take)
    assert found.certain
    assert found.method == "bleed"
    assert found.offset_samples == pytest.approx(start, abs=0.5)


def test_bleed_thirty_decibels_under_a_voice_is_found_and_its_sign_is_right() -> None:
    found = said(VOICE[: 12 * SECOND] + np.float32(0.03) * GUIDE[3 * SECOND : 15 * SECOND])
    assert found.certain
    assert found.offset_samples == pytest.approx(3 * SECOND, abs=5)
    assert found.estimates[0].bleed_db == pytest.approx(20 * np.log10(0.03), abs=3)


def test_a_fraction_of_a_sample_is_told() -> None:
    finer = soxr.resample(GUIDE, SAMPLE_RATE, 4 * SAMPLE_RATE, quality="VHQ")
    take = np.ascontiguousarray(finer[4 * 9_000 + 1 :: 4])[: 8 * SECOND]
    assert said(take).offset_samples == pytest.approx(9_000.25, abs=0.1)


def test_drift_is_told_and_taken_out() -> None:
    take = soxr.resample(GUIDE, SAMPLE_RATE, SAMPLE_RATE * (1 + 70e-6), quality="VHQ")[SECOND:]
    found = said(take)
    assert found.drift_ppm == pytest.approx(70, abs=1)
    laid = placed(take, found, len(GUIDE))
    middle = slice(10 * SECOND, 12 * SECOND)
    assert np.sqrt(np.mean((laid[middle] - GUIDE[middle]) ** 2)) < 0.02 * np.sqrt(np.mean(GUIDE[middle] ** 2))


def test_a_dropped_buffer_is_found_where_it_was_and_closed() -> None:
    take = np.concatenate([GUIDE[: 9 * SECOND], GUIDE[9 * SECOND + 960 :]])
    found = said(take)
    assert len(found.pieces) == 2
    assert found.pieces[1].take_start == pytest.approx(9 * SECOND, abs=0.05 * SECOND)
    assert found.guide_position(15 * SECOND) == pytest.approx(15 * SECOND + 960, abs=1)


def test_the_direct_sound_counts_and_not_a_louder_reflection() -> None:
    room = np.zeros(2_000)
    room[0], room[700], room[1_500] = 1, -1.4, 0.5
    take = signal.oaconvolve(GUIDE, room)[4_000 : 4_000 + 10 * SECOND].astype(np.float32)
    assert said(take).offset_samples == pytest.approx(4_000, abs=5)


def test_turned_polarity_stereo_and_cancelling_channels_are_the_same_take() -> None:
    take = GUIDE[20_000 : 20_000 + 8 * SECOND]
    for sound in (-take, np.stack([take, np.zeros_like(take)], axis=1), np.stack([take, -take], axis=1)):
        assert said(sound).offset_samples == pytest.approx(20_000, abs=1)


def test_what_is_no_number_does_no_harm() -> None:
    take = GUIDE[20_000 : 20_000 + 8 * SECOND].copy()
    take[1_000:1_050] = np.nan
    take[90_000] = np.inf
    assert said(take).offset_samples == pytest.approx(20_000, abs=1)


@pytest.mark.parametrize("samples", [0, 1, 100, 20_000])
def test_a_very_short_take_is_unsure_and_no_error(samples: int) -> None:
    found = said(GUIDE[30_000 : 30_000 + samples])
    assert not found.certain
    assert found.method == "none"
    assert found.confidence == 0


@pytest.mark.parametrize("seed", range(3))
def test_another_song_is_not_certain(seed: int) -> None:
    assert not said(music(10, 50 + seed)).certain


def test_silence_and_a_silent_guide_are_not_certain() -> None:
    silence = np.zeros(5 * SECOND, dtype=np.float32)
    hiss = np.random.default_rng(0).normal(0, 1e-4, 5 * SECOND).astype(np.float32)
    assert not said(silence).certain
    assert not said(hiss).certain
    assert not said(GUIDE[: 5 * SECOND], silence).certain


def test_a_guide_that_repeats_itself_exactly_leaves_a_take_unsure() -> None:
    guide = np.tile(GUIDE[: 2 * SECOND], 8)
    assert not said(guide[4 * SECOND : 8 * SECOND], guide).certain


def test_a_clock_that_the_sound_contradicts_is_not_certain_and_one_it_bears_out_is() -> None:
    take = GUIDE[20_000 : 20_000 + 8 * SECOND]
    assert align(take, Guide(sound=GUIDE), clock_offset_samples=20_010).certain
    contradicted = align(take, Guide(sound=GUIDE), clock_offset_samples=24_000)
    assert not contradicted.certain
    assert contradicted.method == "clock"
    assert contradicted.spread_samples == pytest.approx(4_000, abs=2)
    assert align(take, Guide(), clock_offset_samples=24_000).certain


def looks(seed: int, drift: float, steps: tuple[tuple[int, float], ...], outliers: float) -> list[Lag]:
    rng = np.random.default_rng(seed)
    at = np.arange(1, 61) * SECOND
    lag = 500 + drift * 1e-6 * at + rng.normal(0, 2, 60)
    for after, height in steps:
        lag[after:] += height
    wrong = rng.random(60) < outliers
    lag[wrong] += rng.uniform(-30_000, 30_000, int(wrong.sum()))
    return [Lag(at=float(a), lag_samples=float(b), confidence=1.0) for a, b in zip(at, lag, strict=True)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), drift=st.floats(-150, 150), outliers=st.sampled_from([0.0, 0.2, 0.4]))
def test_a_line_is_found_among_outliers_with_its_steps(seed: int, drift: float, outliers: float) -> None:
    found = line.fit(looks(seed, drift, ((20, -960), (40, -480)), outliers), 61 * SECOND)
    assert found is not None
    assert len(found.pieces) == 3
    assert found.drift_ppm == pytest.approx(drift / (1 - drift * 1e-6), abs=6)
    heights = [piece.take_start - piece.guide_start - drift * 1e-6 * piece.take_start for piece in found.pieces]
    assert heights == pytest.approx([500, -460, -940], abs=16)


def test_looks_off_the_line_are_kept_unused() -> None:
    some = looks(1, 0, (), 0.0)
    some[7] = Lag(at=some[7].at, lag_samples=9_000, confidence=1)
    found = line.fit(some, 61 * SECOND)
    assert found is not None
    assert len(found.lags) == 60
    assert [i for i, look in enumerate(found.lags) if not look.used] == [7]


def test_chance_is_no_evidence() -> None:
    assert line.fit([], SECOND) is None
    noise = np.random.default_rng(3).normal(0, 0.1, 20 * SECOND).astype(np.float32)
    heard = bleed.find(noise, GUIDE)
    assert heard is None or heard.estimate.confidence < 0.3


def test_whitening_delays_nothing() -> None:
    sound = whiten.mono(GUIDE)
    both = whiten.correlated(whiten.whitened(sound, 1.0), sound)
    assert int(np.abs(both).argmax()) == len(sound) - 1


def test_the_first_of_two_arrivals_is_the_direct_sound() -> None:
    response = np.random.default_rng(0).normal(0, 0.01, 2 * FINE_SAMPLES + 1)
    response[FINE_SAMPLES], response[FINE_SAMPLES - 150] = 1, -0.6
    assert first_arrival(response) == pytest.approx(-150, abs=0.6)
    noisier = response + np.random.default_rng(1).normal(0, 0.08, len(response))
    assert first_arrival(noisier) == pytest.approx(-150, abs=1)


@pytest.mark.parametrize("drift_ppm", [0.0, 83.0, -240.0])
@pytest.mark.parametrize("start", [0.0, 1_200.5, -700.25])
def test_clicks_land_where_the_alignment_says(drift_ppm: float, start: float) -> None:
    take = np.zeros((6 * SECOND, 2), dtype=np.float32)
    clicks = np.arange(1, 6) * SECOND + 77
    take[clicks, 0] = 1
    piece = Piece(take_start=0, take_stop=len(take), guide_start=start, drift_ppm=drift_ppm)
    laid = placed(take, Alignment(method="bleed", pieces=(piece,), confidence=1, certain=True), 6 * SECOND)
    assert laid.shape == (6 * SECOND, 2)
    assert not laid[:, 1].any()
    for click in clicks:
        wanted = piece.guide_position(float(click))
        near = np.arange(round(wanted) - 200, round(wanted) + 200)
        energy = np.square(laid[near, 0], dtype=np.float64)
        assert float((near * energy).sum() / energy.sum()) == pytest.approx(wanted, abs=0.5)


def test_a_gap_is_silence_and_a_join_has_no_click() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(2 * SECOND) / SECOND).astype(np.float32)
    pieces = (
        Piece(take_start=0, take_stop=SECOND, guide_start=0.0),
        Piece(take_start=SECOND, take_stop=2 * SECOND, guide_start=SECOND + 4_800.0),
    )
    laid = placed(tone, Alignment(method="bleed", pieces=pieces, confidence=1, certain=True), 3 * SECOND)
    assert not laid[SECOND : SECOND + 4_800].any()
    assert np.abs(np.diff(laid)).max() < 0.04
    assert placed(tone, at_offset(len(tone), 10.0 * SECOND), SECOND).tolist() == [0.0] * SECOND


def test_a_time_map_moves_clicks_and_keeps_pitch() -> None:
    knots = [(0.0, 1_000.0), (2.0 * SECOND, 1_000 + 2.2 * SECOND), (4.0 * SECOND, 1_000 + 4.0 * SECOND)]
    clicks = np.zeros((4 * SECOND, 1), dtype=np.float32)
    clicks[[SECOND, 3 * SECOND]] = 1
    start, laid = stretched(clicks, knots)
    for click in (SECOND, 3 * SECOND):
        wanted = round(np.interp(click, *np.array(knots).T)) - start
        near = np.abs(laid[wanted - 2_000 : wanted + 2_000, 0])
        assert abs(int(near.argmax()) - 2_000) < 0.015 * SECOND
    tone = np.sin(2 * np.pi * 440 * np.arange(4 * SECOND) / SECOND).astype(np.float32)
    sung = placed(
        tone,
        Alignment(method="warp", pieces=at_offset(len(tone), 0).pieces, warp=tuple(knots), confidence=1, certain=True),
        4 * SECOND,
    )
    spectrum = np.abs(np.fft.rfft(sung[SECOND : 3 * SECOND] * np.hanning(2 * SECOND)))
    assert int(spectrum.argmax()) / 2 == pytest.approx(440, abs=1)
