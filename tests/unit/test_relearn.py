"""Where a room stands after a reboot: what most pages say, as the quickest of them said it."""

from __future__ import annotations

import pytest

from unisono.core.relearn import AHEAD_SAMPLES_MAX, NANOSECONDS, Report, agreed_zero_ns, believable
from unisono.units import SAMPLE_RATE

ZERO_NS = 5_000_000_000


def report(late_ms: float, *, heard_s: float = 100.0) -> Report:
    """A page that is right; its message took `late_ms` longer than it thought."""
    heard_ns = ZERO_NS + round(heard_s * NANOSECONDS)
    return Report(position=(heard_s - late_ms / 1000) * SAMPLE_RATE, heard_ns=heard_ns)


def zero_ms(*reports: Report, guess_ms: float = 0.0) -> float:
    return (agreed_zero_ns(reports, guess_ns=ZERO_NS + guess_ms * 1e6) - ZERO_NS) / 1e6


def test_the_quickest_message_is_nearest_to_the_truth() -> None:
    assert zero_ms(report(7), report(0.5, heard_s=100.2), report(31)) == pytest.approx(0.5)


def test_one_page_is_believed_though_the_wall_clock_says_otherwise() -> None:
    assert zero_ms(report(2), guess_ms=3_600_000) == pytest.approx(2)


def test_a_page_that_is_wrong_moves_no_room_in_which_two_are_right() -> None:
    assert zero_ms(report(-40_000), report(3), report(1), report(90_000)) == pytest.approx(1)


def test_where_two_disagree_the_wall_clock_decides() -> None:
    assert zero_ms(report(0), report(5_000), guess_ms=300) == pytest.approx(0)
    assert zero_ms(report(0), report(5_000), guess_ms=4_800) == pytest.approx(5_000)


def test_without_a_page_the_wall_clock_must_do() -> None:
    assert zero_ms(guess_ms=12.0) == 12.0


@pytest.mark.parametrize(
    ("position", "is_so"),
    [(999, False), (1000, True), (1000 + AHEAD_SAMPLES_MAX, True), (1001 + AHEAD_SAMPLES_MAX, False)],
)
def test_no_room_goes_back_or_far_ahead(position: int, *, is_so: bool) -> None:
    assert believable(position, reached=1000) == is_so
