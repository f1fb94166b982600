"""A clock learnt from echoes: right within what its network allows, and not fooled for long by a clock that was set."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.clock import RoomClock

SPEC: dict[str, Any] = json.loads((Path(__file__).parents[2] / "spec" / "clock.json").read_text())


def echo_at(
    local_ms: float, *, up_ms: float, down_ms: float, ppm: float = 0.0, ahead_ms: float = 0.0
) -> dict[str, float]:
    """An echo whose probe left at `local_ms`, in a room that was at 0 when the peer's clock showed -`ahead_ms`."""
    there_ms = local_ms + up_ms
    return {
        "sent_ms": local_ms,
        "position": 48 * (1 + ppm * 1e-6) * (there_ms + ahead_ms),
        "received_ms": there_ms + down_ms,
    }


@pytest.mark.parametrize("case", SPEC["cases"], ids=lambda case: case["name"])
def test_the_clock_comes_as_near_as_the_spec_demands(case: dict[str, Any]) -> None:
    clock = RoomClock()
    for sent_ms, position, received_ms in case["echoes"]:
        clock.add(sent_ms=sent_ms, position=position, received_ms=received_ms)
    assert clock.position_at(case["at_ms"]) == pytest.approx(case["position"], abs=case["tolerance_samples"])
    assert clock.drift_ppm == pytest.approx(case["drift_ppm"], abs=case["drift_tolerance_ppm"])
    assert clock.local_ms_at(clock.position_at(case["at_ms"])) == pytest.approx(case["at_ms"], abs=1e-3)


def test_a_clock_that_heard_nothing_says_so() -> None:
    clock = RoomClock()
    assert not clock.ready
    for ask in ("drift_ppm", "round_trip_ms"):
        with pytest.raises(ValueError, match="no echo"):
            getattr(clock, ask)
    with pytest.raises(ValueError, match="no echo"):
        clock.position_at(0.0)
    with pytest.raises(ValueError, match="before it left"):
        clock.add(sent_ms=2.0, position=0.0, received_ms=1.0)
    with pytest.raises(ValueError, match="before it left"):
        clock.add(sent_ms=2.0, position=0.0, received_ms=float("nan"))
    assert not clock.ready


def test_one_echo_is_enough_to_begin() -> None:
    clock = RoomClock()
    clock.add(**echo_at(1000.0, up_ms=4.0, down_ms=4.0))
    assert clock.ready
    assert clock.round_trip_ms == pytest.approx(8.0)
    assert clock.position_at(2000.0) == pytest.approx(96_000.0)
    assert clock.drift_ppm == pytest.approx(0.0)


@given(st.lists(st.tuples(st.floats(1, 500), st.floats(1, 500)), min_size=1, max_size=60), st.floats(-200, 200))
def test_the_quickest_echo_bounds_the_error(ways: list[tuple[float, float]], ppm: float) -> None:
    """Within one second, whatever the weather: never further off than half the quickest round trip."""
    clock = RoomClock()
    for index, (up_ms, down_ms) in enumerate(ways):
        clock.add(**echo_at(index * 1.0, up_ms=up_ms, down_ms=down_ms, ppm=ppm))
    error_ms = abs(clock.position_at(500.0) - 48 * (1 + ppm * 1e-6) * 500.0) / 48
    assert clock.round_trip_ms == pytest.approx(min(up + down for up, down in ways), abs=1e-6)
    assert error_ms <= clock.round_trip_ms / 2 + 0.3


def test_one_wild_echo_changes_nothing() -> None:
    clock = RoomClock()
    for second in range(20):
        clock.add(**echo_at(second * 1000.0, up_ms=5.0, down_ms=5.0))
    before = clock.position_at(30_000.0)
    clock.add(**echo_at(20_000.0, up_ms=5.0, down_ms=5.0, ahead_ms=5_000.0))
    assert clock.position_at(30_000.0) == before
    clock.add(**echo_at(21_000.0, up_ms=5.0, down_ms=5.0))
    assert clock.position_at(30_000.0) == pytest.approx(before, abs=0.1)


def test_wild_echoes_now_and_then_never_add_up_to_a_step() -> None:
    clock = RoomClock()
    for second in range(40):
        wild = second % 4 == 3
        clock.add(**echo_at(second * 1000.0, up_ms=5.0, down_ms=5.0, ahead_ms=5_000.0 if wild else 0.0))
    assert clock.position_at(40_000.0) == pytest.approx(48 * 40_000.0, abs=0.1)


def test_a_clock_that_slept_is_learnt_anew_within_a_few_echoes() -> None:
    clock = RoomClock()
    for second in range(60):
        clock.add(**echo_at(second * 1000.0, up_ms=5.0, down_ms=5.0))
    for second in range(60, 63):
        clock.add(**echo_at(second * 1000.0, up_ms=5.0, down_ms=5.0, ahead_ms=90_000.0))
    assert clock.position_at(63_000.0) == pytest.approx(48 * 153_000.0, abs=0.1)
    assert clock.drift_ppm == pytest.approx(0.0, abs=0.1)


def test_old_echoes_are_forgotten_so_that_a_changing_drift_is_followed() -> None:
    clock, position = RoomClock(), 0.0
    for second in range(400):
        position += 48_000 * (1 + (50e-6 if second < 200 else -50e-6))
        local_ms = (second + 1) * 1000.0
        clock.add(sent_ms=local_ms - 4, position=position, received_ms=local_ms + 4)
    assert clock.drift_ppm == pytest.approx(-50.0, abs=1.0)
    assert clock.position_at(400_000.0) == pytest.approx(position, abs=1.0)
