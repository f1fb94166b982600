"""The bench's ruler against sounds put in place by arithmetic."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from bench import lags
from unisono.units import SAMPLE_RATE

SECOND = lags.RULER_HZ


def noise(seed: int, seconds: float) -> NDArray[np.float64]:
    """Pink-like noise at 48 kHz in gusts, so that it has onsets as music has; seed fixed."""
    rng = np.random.default_rng(seed)
    raw = signal.lfilter([1.0], [1.0, -0.95], rng.standard_normal(int(seconds * SAMPLE_RATE)))
    gusts = np.repeat(rng.uniform(0, 1, int(seconds * 8) + 1), SAMPLE_RATE // 8)[:len(raw)]
    return np.asarray(raw * gusts, np.float64)


def late(sound: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """`sound` later by so many of the ruler's samples, moved at 48 kHz."""
    return lags.shifted(sound, -by * lags.STEP, len(sound))


@pytest.mark.parametrize("lag", [0.0, 0.04, -0.6, 5.3, -7.0])
def test_two_sources_at_different_lags_are_told_apart(lag: float) -> None:
    first, second = noise(1, 8), noise(2, 8)
    recording = lags.in_band(0.5 * late(first, lag) + 2.0 * late(second, -lag / 2))
    sources = [lags.in_band(first), lags.in_band(second)]
    fit = lags.refine(sources, recording, SECOND, 5 * SECOND, [round(lag), -round(lag / 2)])
    assert fit.lags_samples == pytest.approx((lag, -lag / 2), abs=0.003)
    assert fit.gains == pytest.approx((0.5, 2.0), rel=0.01)
    assert fit.explained > 0.999


def test_noise_lowers_confidence_but_not_truth() -> None:
    source = noise(3, 8)
    recording = lags.in_band(late(source, 2.05) + 0.5 * noise(4, 8))
    fit = lags.refine([lags.in_band(source)], recording, SECOND, 5 * SECOND, [2.0])
    assert fit.lags_samples[0] == pytest.approx(2.05, abs=0.05)
    assert 0.5 < fit.explained < 0.95
    assert 0 < fit.spread_samples[0] < 0.1


@pytest.mark.parametrize("lag", [0, 2_800, -3_500])
def test_coarse_search_finds_a_far_lag_beside_a_louder_stranger(lag: int) -> None:
    source = noise(5, 8)
    recording = lags.in_band(late(source, lag) + noise(6, 8))
    found, clear = lags.coarse_lag_samples(lags.in_band(source), recording, -4_000, 4_000)
    assert abs(found - lag) <= 1
    assert clear > lags.CLEAR


def test_a_stranger_is_not_recognised() -> None:
    _, clear = lags.coarse_lag_samples(lags.in_band(noise(7, 8)), lags.in_band(noise(8, 8)), -4_000, 4_000)
    assert clear < lags.CLEAR


def test_silence_has_no_lag() -> None:
    assert lags.coarse_lag_samples(lags.in_band(noise(9, 2)), np.zeros(2 * SECOND), -100, 100) == (0, 1.0)


def test_the_band_keeps_what_it_should_where_it_was() -> None:
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    kept = lags.in_band(np.sin(2 * np.pi * 1_000 * time_s) + np.sin(2 * np.pi * 5_000 * time_s))
    assert len(kept) == SECOND
    assert kept[800:-800] == pytest.approx(np.sin(2 * np.pi * 1_000 * time_s[::lags.STEP])[800:-800], abs=0.01)


def test_shifting_by_whole_samples_is_slicing() -> None:
    source = noise(10, 1)
    assert lags.shifted(source, 100, 500) == pytest.approx(source[100:600], abs=1e-9)
    assert lags.shifted(source, -10, 20)[:10] == pytest.approx(np.zeros(10), abs=1e-9)
