"""How long to wait: enough for all but the share that may be late, whatever the ways are like."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.client.sights import ROUGH_MS, Probing, Sights
from unisono.core.lateness import OUTAGE_SAMPLES, Lateness, wait_for, wait_for_sum, without_lone_stall
from unisono.units import SAMPLE_RATE

SPEC = json.loads((Path(__file__).parents[2] / "spec/jitter.json").read_text())
WAYS: dict[str, Callable[[random.Random], float]] = {
    "even": lambda chance: chance.uniform(10, 110),
    "exponential": lambda chance: 15 + chance.expovariate(1 / 30),
    "now and then a stall": lambda chance: 15 + (chance.uniform(50, 200) if chance.random() < 0.02 else 0.0),
}


@pytest.mark.parametrize("case", SPEC["wait_for"], ids=lambda case: case["name"])
def test_the_waits_both_sides_agree_on(case: dict[str, list[float]]) -> None:
    assert wait_for(case["late"], rough=ROUGH_MS) == pytest.approx(case["wait"], abs=1e-9)


@pytest.mark.parametrize("case", SPEC["without_lone_stall"], ids=lambda case: case["name"])
def test_one_stall_is_not_waited_for_and_two_are(case: dict[str, Any]) -> None:
    late = [float(ms) for ms, frames in case["late"] for _ in range(frames)]
    kept = [float(ms) for ms, frames in case["kept"] for _ in range(frames)]
    assert list(without_lone_stall(late, stall=150)) == kept
    told = Lateness()
    for number, ms in enumerate(late):
        told.add(ms * 48, now=number * 960)
    assert told.wait_samples == pytest.approx(48 * wait_for(kept, rough=ROUGH_MS))


@pytest.mark.parametrize(("name", "late_share"), [("even", 0.0), ("exponential", 3e-4), ("now and then a stall", 3e-3)])
def test_of_what_follows_hardly_anything_is_late_and_nobody_waits_for_ever(name: str, late_share: float) -> None:
    """Stalls that come alone are the least foreseeable: their tail is no exponential one."""
    way = WAYS[name]
    chance = random.Random(3)
    wait = wait_for((way(chance) for _ in range(3000)), rough=ROUGH_MS)
    after = sorted(way(chance) for _ in range(300_000))
    assert sum(value > wait for value in after) <= late_share * len(after)
    assert wait < 2 * after[-1]


@pytest.mark.parametrize("case", SPEC["ways"], ids=lambda case: case["name"])
def test_what_probes_tell_the_page_and_the_client_library_alike(case: dict[str, Any]) -> None:
    sights = Sights()
    for sent, received, position, telling in case["echoes"]:
        sights.probed(sent, telling=telling)
        if received is not None:
            sights.echoed(sent, received, position)
    up, down = (ways(lambda ms: (ms - 500.0) * 48) for ways in (sights.up_ms, sights.down_ms))
    assert up == pytest.approx(case["up_ms"], abs=1e-6)
    assert down == pytest.approx(case["down_ms"], abs=1e-6)
    assert wait_for_sum(up, [5, 9, 6], rough=ROUGH_MS) == pytest.approx(case["wait_up"], abs=1e-6)
    assert wait_for_sum(down, [2], rough=ROUGH_MS) == pytest.approx(case["wait_down"], abs=1e-6)


@pytest.mark.parametrize("case", SPEC["probing"], ids=lambda case: case["name"])
def test_when_probes_go_from_page_and_client_library_alike(case: dict[str, Any]) -> None:
    probing = Probing(at_first_ms=120.0)
    for sings, rough, telling, wait_ms in case["steps"]:
        assert probing.next(sings=sings, rough=rough) == (telling, wait_ms)


def test_trains_last_as_long_as_they_should_and_their_end_tells_nothing() -> None:
    probing = Probing(at_first_ms=30.0)
    steps = [probing.next(sings=True, rough=number > 40) for number in range(100)]
    assert steps[:12] == [(False, 30.0)] * 12
    trains = "".join("+" if telling else "-" for telling, _ in steps[13:])
    assert trains.startswith(("+" * 7 + "---") * 3 + "+" * 47 + "---")
    assert sum(wait for _, wait in steps[13:23]) == 2000.0
    assert sum(wait for _, wait in steps[43:93]) == 2000.0


def test_two_ways_one_after_the_other_are_waited_for_together() -> None:
    """No shorter than what is hardly ever exceeded, and shorter than both waits added."""
    chance = random.Random(5)
    some, others = ([10 + chance.expovariate(1 / 20) for _ in range(size)] for size in (500, 300))
    wait = wait_for_sum(some, others, rough=ROUGH_MS)
    sums = sorted(20 + chance.expovariate(1 / 20) + chance.expovariate(1 / 20) for _ in range(100_000))
    assert sum(value > wait for value in sums) <= 5e-4 * len(sums)
    assert wait < wait_for(some, rough=ROUGH_MS) + wait_for(others, rough=ROUGH_MS) - 30
    assert math.isnan(wait_for_sum([], some, rough=ROUGH_MS))


def test_where_nothing_jitters_nobody_waits_longer() -> None:
    assert wait_for([42.0] * 300, rough=ROUGH_MS) == 42.0
    assert wait_for([42.0], rough=ROUGH_MS) == 42.0
    assert math.isnan(wait_for([], rough=ROUGH_MS))


@given(st.lists(st.floats(0, 1e5), min_size=2), st.floats(-1e4, 1e4))
def test_a_longer_way_is_waited_for_by_just_so_much_longer(late: list[float], more: float) -> None:
    moved = wait_for((value + more for value in late), rough=ROUGH_MS)
    assert moved == pytest.approx(wait_for(late, rough=ROUGH_MS) + more, rel=1e-6, abs=1e-3)


@given(st.lists(st.floats(0, 1e5), min_size=2, max_size=100), st.randoms())
def test_the_order_does_not_matter_and_the_usual_is_always_waited_for(late: list[float], chance: random.Random) -> None:
    wait = wait_for(late, rough=ROUGH_MS)
    shuffled = late[:]
    chance.shuffle(shuffled)
    assert wait_for(shuffled, rough=ROUGH_MS) == wait
    assert wait >= sorted(late)[len(late) // 2 - 1]


def test_an_outage_and_what_comes_in_its_wake_tell_nothing() -> None:
    stream = Lateness()
    for number in range(600):
        stream.add(4800.0 + number % 7, now=960 * number)
    calm = stream.wait_samples
    now = 960 * 600
    for late in range(OUTAGE_SAMPLES * 3, 4800, -960):
        stream.add(float(late), now=now + (OUTAGE_SAMPLES * 3 - late) // 100)
    assert stream.wait_samples == calm
    stream.add(9600.0, now=now + 2 * SAMPLE_RATE)
    assert stream.wait_samples > calm


def test_the_mean_is_of_the_last_minute() -> None:
    stream = Lateness()
    for number in range(7000):
        stream.add(float(number % 11), now=960 * number)
    assert stream.mean_samples == pytest.approx(sum(number % 11 for number in range(4000, 7000)) / 3000)
