"""The simulated network is like a real one: TCP loses nothing, stalls, slows down, comes back; air is as it says."""

import random
from itertools import pairwise

import numpy as np
import pytest

from tests.sim.air import Air, Path
from tests.sim.tcp import SEGMENT_BYTES, Tcp
from tests.sim.world import World

FRAME_MS, FRAME_BYTES = 20.0, 200


def voice_over(air: Air, *, seed: int, seconds: float = 30.0) -> list[tuple[int, float]]:
    """(number, how long it took in ms) of each message of a voice, as they arrived."""
    world, chance = World(), random.Random(seed)
    arrived: list[tuple[int, float]] = []
    there, back = (Path(air, random.Random(chance.random())) for _ in range(2))
    tcp: Tcp[int] = Tcp(world, there, back, lambda number: arrived.append((number, world.now_ms - number * FRAME_MS)))
    for number in range(round(seconds * 1000 / FRAME_MS)):
        world.at(number * FRAME_MS, lambda number=number: tcp.send(number, FRAME_BYTES))  # type: ignore[misc]
    world.run(seconds * 1000 + 60_000)
    return arrived


def bulk_kbps(air: Air, *, seed: int, seconds: float = 60.0) -> float:
    """What a transfer that never ends gets through."""
    world, chance = World(), random.Random(seed)
    got = [0]

    def count(size: int) -> None:
        got[0] += size

    tcp = Tcp(world, Path(air, random.Random(chance.random())), Path(air, random.Random(chance.random())), count)

    def fill() -> None:
        for _ in range(50):
            if tcp.unsent_bytes < 100_000:
                tcp.send(1000, 1000)

    world.every(10.0, fill)
    world.run(seconds * 1000)
    return got[0] * 8 / seconds / 1000


@pytest.mark.parametrize(
    "air", [Air(), Air(loss=0.2), Air(loss=0.05, burst_ms=60, jitter_ms=300, reordered=0.2, doubled=0.2)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_doubled_or_overtaken(air: Air, seed: int) -> None:
    assert [number for number, _ in voice_over(air, seed=seed, seconds=20.0)] == list(range(1000))


def test_a_lost_segment_holds_up_what_follows_for_a_round_trip() -> None:
    lost_at = 5_000.0
    took = dict(voice_over(Air(base_ms=40, dead_ms=((lost_at, lost_at + 1),)), seed=1, seconds=10.0))
    held_up = [number for number, ms in took.items() if ms > 41]
    assert held_up[0] == lost_at / FRAME_MS
    assert 3 <= len(held_up) <= 10
    assert 80 + 40 <= took[held_up[0]] <= 80 + 40 + 2 * FRAME_MS + 20
    assert all(a > b for a, b in pairwise(took[number] for number in held_up))


def test_a_way_that_is_dead_for_five_seconds_comes_back_by_itself() -> None:
    took = dict(voice_over(Air(dead_ms=((5_000, 10_000),)), seed=1, seconds=20.0))
    assert 5_000 <= max(took.values()) <= 10_000
    assert all(took[number] < 20 for number in took if number * FRAME_MS > 15_000)


def test_loss_shrinks_the_throughput_as_the_square_root_has_it() -> None:
    """Mathis et al. 1997: about 1.2 segments / sqrt(loss) a round trip; CUBIC loses less at each loss."""
    for loss in (0.003, 0.01, 0.03):
        kbps = np.mean([bulk_kbps(Air(base_ms=50, loss=loss), seed=seed) for seed in (1, 2)])
        told = 1.22 / loss**0.5 * SEGMENT_BYTES * 8 / 100
        assert 0.5 * told < kbps < 2.5 * told


@pytest.mark.parametrize("burst_ms", [0.0, 60.0])
def test_air_loses_as_much_as_it_says_and_in_bursts_if_it_says_so(burst_ms: float) -> None:
    path = Path(Air(loss=0.1, burst_ms=burst_ms), random.Random(4))
    came = np.array([bool(path.arrivals(10.0 * number, 100)) for number in range(60_000)])
    assert 0.09 < 1 - came.mean() < 0.11
    after_loss = 1 - came[1:][~came[:-1]].mean()
    assert (0.75 < after_loss < 0.95) if burst_ms else (0.07 < after_loss < 0.13)


def test_jitter_is_distributed_as_stated_and_nothing_overtakes_unless_it_is_said() -> None:
    calm = Path(Air(base_ms=20, jitter_ms=100), random.Random(5))
    took = np.array([calm.arrivals(1000.0 * number, 100)[0] - 1000.0 * number for number in range(20_000)])
    assert took.min() >= 20
    assert took.max() <= 220
    assert np.quantile(took, 0.95) - 20 == pytest.approx(100, abs=5)
    assert np.quantile(took, 0.5) - 20 == pytest.approx(100 * np.log(2) / np.log(20), abs=2)
    times = [calm.arrivals(1e8 + number, 100)[0] for number in range(1000)]
    assert times == sorted(times)
    wild = Path(Air(jitter_ms=5, reordered=0.2, doubled=0.1), random.Random(6))
    wild_times = [time for number in range(1000) for time in wild.arrivals(5.0 * number, 100)]
    assert len(wild_times) > 1050
    assert wild_times != sorted(wild_times)


def test_a_narrow_link_queues_and_then_drops() -> None:
    path = Path(Air(base_ms=0, rate_kbps=100, queue_ms=500), random.Random(7))
    took = [path.arrivals(0.0, 190) for _ in range(100)]
    assert took[0] == [pytest.approx(20.0)]
    assert took[1] == [pytest.approx(40.0)]
    assert 24 <= sum(map(len, took)) <= 27
