"""HDR against the standards' own numbers: paper white is 203 nits, which is 58 % in PQ and 75 % in HLG (BT.2408)."""

from __future__ import annotations

import numpy as np
import pytest

from unisono.studio.film.hdr import bt709_signal, hlg_light, pq_light, rolled_off


def grey(value: float) -> np.ndarray:
    return np.full((1, 1, 3), value, np.float32)


def test_paper_is_paper_in_both() -> None:
    assert pq_light(grey(0.5807)).mean() == pytest.approx(1.0, rel=0.01)
    assert hlg_light(grey(0.75)).mean() == pytest.approx(1.0, rel=0.02)


def test_the_brightest_pq_is_ten_thousand_nits() -> None:
    assert pq_light(grey(1.0)).mean() == pytest.approx(10_000 / 203, rel=0.001)


def test_bright_parts_are_rolled_off_in_order_and_hues_stay() -> None:
    shown = [float(rolled_off(grey(light)).mean()) for light in (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 50.0)]
    assert shown == sorted(shown)
    assert shown[-1] <= 1.0
    assert 0.75 < shown[3] < 0.95
    red = rolled_off(np.array([[[2.0, 1.0, 0.5]]], np.float32))[0, 0]
    assert red[0] / red[1] == pytest.approx(2.0, rel=0.01)


def test_half_of_the_light_is_70_percent_of_the_signal() -> None:
    assert bt709_signal(grey(0.5)).mean() == pytest.approx(1.099 * 0.5**0.45 - 0.099)
