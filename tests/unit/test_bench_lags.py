"""The bench's ruler against sounds put in place by arithmetic."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from bench import lags

SECOND = lags.RATE_HZ


def noise(seed: int, seconds: float) -> NDArray[np.float64]:
    """Pink-like noise in gusts, so that it has onsets as music has; seed fixed."""
    rng = np.random.default_rng(seed)
    raw = signal.lfilter([1.0], [1.0, -0.95], rng.standard_normal(int(seconds * SECOND)))
    gusts = np.repeat(rng.uniform(0, 1, int(seconds * 8) + 1), SECOND // 8)[:len(raw)]
    return np.asarray(lags.in_band(raw) * gusts, np.float64)


@pytest.mark.parametrize("lag", [0.0, 0.25, -3.5, 31.4, -40.0])
def test_two_sources_at_different_lags_are_told_apart(lag: float) -> None:
    first, second = noise(1, 8), noise(2, 8)
    recording = 0.5 * lags.shifted(first, -lag, len(first)) + 2.0 * lags.shifted(second, lag / 2, len(second))
    fit = lags.refine([first, second], recording, SECOND, 5 * SECOND, [round(lag) + 3, -round(lag / 2) - 3])
    assert fit.lags_samples == pytest.approx((lag, -lag / 2), abs=0.02)
    assert fit.gains == pytest.approx((0.5, 2.0), rel=0.01)
    assert fit.explained > 0.999


def test_noise_lowers_confidence_but_not_truth() -> None:
    source = noise(3, 8)
    recording = lags.shifted(source, -12.3, len(source)) + 0.5 * noise(4, 8)
    fit = lags.refine([source], recording, SECOND, 5 * SECOND, [10.0])
    assert fit.lags_samples[0] == pytest.approx(12.3, abs=0.5)
    assert 0.5 < fit.explained < 0.95
    assert 0 < fit.spread_samples[0] < 1


@pytest.mark.parametrize("lag", [0, 17_000, -21_000])
def test_coarse_search_finds_a_far_lag_beside_a_louder_stranger(lag: int) -> None:
    source = noise(5, 8)
    recording = lags.shifted(source, -lag, len(source)) + noise(6, 8)
    found, clear = lags.coarse_lag_samples(source, recording, -24_000, 24_000)
    assert abs(found - lag) <= 2
    assert clear > lags.CLEAR


def test_a_stranger_is_not_recognised() -> None:
    _, clear = lags.coarse_lag_samples(noise(7, 8), noise(8, 8), -24_000, 24_000)
    assert clear < lags.CLEAR


def test_silence_has_no_lag() -> None:
    assert lags.coarse_lag_samples(noise(9, 2), np.zeros(2 * SECOND), -100, 100) == (0, 1.0)


def test_shifting_by_whole_samples_is_slicing() -> None:
    source = noise(10, 1)
    assert lags.shifted(source, 100, 500) == pytest.approx(source[100:600], abs=1e-9)
    assert lags.shifted(source, -10, 20)[:10] == pytest.approx(np.zeros(10), abs=1e-9)
