"""A film waits for pictures that are on their way, not for those who went home."""

from __future__ import annotations

import random

import pytest

from unisono.live.arrivals import STILL_S, TOGETHER_S, WAIT_S_MAX, Arrivals


def waits_until_s(arrivals: Arrivals, now_s: float) -> float:
    """When the film of "p" begins if nothing comes any more."""
    while (wait_s := arrivals.wait_s("p", now_s)) > 0:
        now_s += wait_s
    return now_s


def test_a_film_without_pictures_on_their_way_begins_at_once() -> None:
    arrivals = Arrivals()
    arrivals.moved("another", 1, "a", 100)
    arrivals.due("p", 100)
    assert arrivals.wait_s("p", 100) == 0


def test_it_waits_for_what_moves_and_a_moment_for_what_is_not_announced_yet() -> None:
    arrivals = Arrivals()
    arrivals.due("p", 100)
    arrivals.moved("p", 1, "a", 100)
    arrivals.moved("p", 2, "b", 101)
    arrivals.came("p", 1, "a", 103)
    assert arrivals.wait_s("p", 103) == pytest.approx(101 + STILL_S - 103)
    arrivals.came("p", 2, "b", 104)
    assert waits_until_s(arrivals, 104) == pytest.approx(104 + TOGETHER_S)


def test_who_went_home_in_mid_way_is_not_waited_for() -> None:
    arrivals = Arrivals()
    arrivals.moved("p", 1, "a", 100)
    arrivals.due("p", 101)
    assert waits_until_s(arrivals, 101) == pytest.approx(100 + STILL_S)


def test_what_is_withdrawn_is_not_waited_for() -> None:
    arrivals = Arrivals()
    for seat, name in ((1, "a"), (1, "b"), (2, "c")):
        arrivals.moved("p", seat, name, 100)
    arrivals.due("p", 100)
    arrivals.gone("p", 1)
    assert arrivals.wait_s("p", 100) == STILL_S
    arrivals.gone("p", 2, "c")
    assert arrivals.wait_s("p", 100) == 0


def test_however_slow_a_line_is_the_film_begins_within_the_limit_and_the_next_one_waits_anew() -> None:
    arrivals = Arrivals()
    arrivals.due("p", 100)
    now_s = 100.0
    while now_s < 100 + WAIT_S_MAX:
        arrivals.moved("p", 1, "a", now_s)
        arrivals.due("p", now_s)  # another mix meanwhile does not begin the wait anew
        assert arrivals.wait_s("p", now_s) > 0
        now_s += 5
    assert arrivals.wait_s("p", now_s) == 0
    arrivals.begun("p")
    arrivals.came("p", 1, "a", now_s + 100)
    arrivals.due("p", now_s + 100)
    assert waits_until_s(arrivals, now_s + 100) == pytest.approx(now_s + 100 + TOGETHER_S)


@pytest.mark.parametrize("seed", range(5))
def test_many_cameras_of_one_song_make_one_film(seed: int) -> None:
    """Files set out within a second and come, block by block, over half a minute: no gap between two of them."""
    rng = random.Random(seed)
    events = []
    for seat in range(8):
        begin_s = rng.uniform(0, 1)
        end_s = begin_s + rng.uniform(1, 30)
        blocks = [begin_s + (end_s - begin_s) * share / 20 for share in range(20)]
        events += [(at_s, seat, "moved") for at_s in blocks] + [(end_s, seat, "came")]
    last_s = max(events)[0]
    arrivals = Arrivals()
    made_s: list[float] = []
    due = events_at = 0
    for tick in range(60 * 20):
        now_s = tick / 20
        for at_s, seat, what in sorted(events)[events_at:]:
            if at_s > now_s:
                break
            events_at += 1
            getattr(arrivals, what)("p", seat, "file", at_s)
            due |= what == "came"
        if tick == 40:
            due = 1  # the mix is there
        if due:
            arrivals.due("p", now_s)
            if arrivals.wait_s("p", now_s) == 0:
                arrivals.begun("p")
                made_s.append(now_s)
                due = 0
    assert len(made_s) == 1
    assert last_s < made_s[0] <= last_s + TOGETHER_S + 0.1
