"""Gains, places and the limiter of live mixes; goldens are arithmetic."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unisono.core.mix import (
    LIMIT_CEILING,
    LIMIT_KNEE,
    LIMIT_RELEASE_MS,
    WIDTH,
    Limiter,
    crowd_gain,
    pan_gains,
    pans,
    pans_of_seats,
    wire_level,
)
from unisono.units import SAMPLE_RATE, Audio, samples_of_ms


def sine(peak: float, samples: int, *, hertz: float = 440.0) -> Audio:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE)).astype(np.float32)


def both(left: Audio, right: Audio) -> Audio:
    return np.column_stack((left, right)).astype(np.float32)


@given(st.floats(-1, 1))
def test_every_place_has_the_same_power(pan: float) -> None:
    left, right = pan_gains(pan)
    assert left**2 + right**2 == pytest.approx(1.0)
    assert min(left, right) >= -1e-12


def test_left_is_left() -> None:
    assert pan_gains(-1.0) == pytest.approx((1.0, 0.0))
    assert pan_gains(1.0) == pytest.approx((0.0, 1.0))
    assert pan_gains(0.0) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    assert pan_gains(-7.0) == pan_gains(-1.0)
    left, right = pan_gains(-0.5)
    assert left > right


def test_balconies_stand_from_left_to_right() -> None:
    assert pans(0) == ()
    assert pans(1) == (0.0,)
    assert pans(2) == pytest.approx((-WIDTH / 2, WIDTH / 2))
    assert pans(3) == pytest.approx((-WIDTH, 0.0, WIDTH))
    many = pans(40)
    assert all(a < b for a, b in itertools.pairwise(many))
    assert sum(many) == pytest.approx(0.0)
    assert pans_of_seats([9, 4, 6]) == {9: -WIDTH, 4: 0.0, 6: WIDTH}
    assert pans_of_seats([]) == {}


def test_a_crowd_is_as_loud_as_one() -> None:
    rng = np.random.default_rng(5)
    crowd = sum(crowd_gain(16) * rng.normal(0, 0.1, 48_000) for _ in range(16))
    assert float(np.std(crowd)) == pytest.approx(0.1, rel=0.02)
    assert crowd_gain(0) == crowd_gain(1) == 1.0


@pytest.mark.parametrize(
    ("frame", "level"),
    [
        (sine(1.0, 960, hertz=500.0), 3),
        (np.ones(960), 0),
        (np.full(960, 0.1), 20),
        (np.full(960, 8.0), 0),
        (np.zeros(960), 127),
        (np.full(960, np.nan), 127),
        (np.full(960, np.inf), 127),
    ],
    ids=["sine", "square", "a-tenth", "too-loud", "silence", "no-number", "beyond-numbers"],
)
def test_levels_are_those_of_arithmetic(frame: Audio, level: int) -> None:
    assert wire_level(frame.astype(np.float32)) == level


LOUD = arrays(np.float32, st.tuples(st.integers(1, 600), st.just(2)), elements=st.floats(-8, 8, width=32))


@given(LOUD, st.data())
def test_the_limiter_does_not_care_how_the_mix_is_cut(mix: Audio, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(mix)), max_size=8)) | {0, len(mix)})
    limiter = Limiter()
    in_blocks = np.concatenate([limiter.process(mix[a:b]) for a, b in itertools.pairwise(cuts)])
    np.testing.assert_allclose(in_blocks, Limiter().process(mix), atol=1e-6)


@given(LOUD)
def test_the_limiter_never_lets_anything_over_its_ceiling(mix: Audio) -> None:
    limited = Limiter().process(mix)
    assert limited.dtype == np.float32
    assert limited.shape == mix.shape
    assert np.abs(limited).max() <= np.float32(LIMIT_CEILING)
    assert np.all(np.abs(limited) <= np.abs(mix) + 1e-6), "it only ever turns down"
    assert np.all(limited * mix >= 0), "and turns nothing round"


def test_what_is_quiet_passes_untouched() -> None:
    quiet = both(sine(LIMIT_KNEE, 4800), 0.5 * sine(LIMIT_KNEE, 4800, hertz=300))
    np.testing.assert_allclose(Limiter().process(quiet), quiet, atol=1e-6)


def test_both_sides_are_turned_down_together() -> None:
    limited = Limiter().process(both(sine(4.0, 4800), sine(0.4, 4800)))
    ratio = np.abs(limited[200:, 0]).max() / np.abs(limited[200:, 1]).max()
    assert ratio == pytest.approx(10.0, rel=1e-3)


def test_after_a_peak_the_loudness_comes_back_within_the_release() -> None:
    limiter = Limiter()
    limiter.process(both(sine(4.0, 4800), sine(4.0, 4800)))
    quiet = both(sine(0.4, 48_000), sine(0.4, 48_000))
    after = limiter.process(quiet)
    held = samples_of_ms(LIMIT_RELEASE_MS / 10)
    back = samples_of_ms(LIMIT_RELEASE_MS * (1 + math.log(4.0)))
    assert np.abs(after[:held]).max() < 0.2
    np.testing.assert_allclose(after[back:], quiet[back:], atol=1e-6)


def test_a_steady_loud_tone_is_turned_down_and_hardly_bent() -> None:
    """Harmonics of a limited sine stay 40 dB below it once the gain has settled."""
    limited = Limiter().process(both(sine(4.0, 96_000), sine(4.0, 96_000)))[48_000:, 0]
    spectrum = np.abs(np.fft.rfft(limited * np.hanning(len(limited))))
    tone = round(440 * len(limited) / SAMPLE_RATE)
    harmonics = [spectrum[tone * n - 3 : tone * n + 4].max() for n in range(2, 20)]
    assert 20 * np.log10(max(harmonics) / spectrum[tone]) < -40


def test_broken_numbers_do_not_stay_in_the_limiter() -> None:
    limiter = Limiter()
    broken = np.array([[np.nan, np.inf], [-np.inf, 0.25]], dtype=np.float32)
    assert limiter.process(broken).tolist() == [[0.0, 0.0], [0.0, 0.25]]
    assert limiter.process(np.zeros((0, 2), dtype=np.float32)).shape == (0, 2)
    np.testing.assert_allclose(limiter.process(np.full((10, 2), 0.25, dtype=np.float32)), 0.25)
