"""The hop bench's arithmetic: stages of two pages' traces joined, late frames of each song by itself."""

import math
from typing import Any

from bench.hop import DOWN, UP, late_shares, stages


def trace(up_ms: float, down_ms: float) -> dict[str, Any]:
    """A page's trace in which every stage takes the same."""
    return {"late_frames": 0, "up": {name: {"mean": up_ms} for name in UP},
            "down": {name: {"mean": down_ms} for name in DOWN}}


def test_a_hop_is_the_way_up_of_one_row_and_the_way_down_of_the_next() -> None:
    way = stages(trace(10.0, 1000.0), trace(1000.0, 3.0))
    assert way["sum"] == 10.0 * len(UP) + 3.0 * len(DOWN)
    assert (way["network_up"], way["network_down"]) == (10.0, 3.0)
    assert len(way) == len(UP) + len(DOWN) + 1


def test_what_a_page_does_not_know_is_no_figure() -> None:
    before = trace(10.0, 0.0)
    before["up"]["network"] = None
    assert math.isnan(stages(before, trace(0.0, 3.0))["sum"])


def page(heard: int, late: int, missed: int) -> dict[str, Any]:
    counts = {"frames_heard": {"leader": heard, "before": 0, "talk": 9}, "frames_late": {"leader": late, "before": 0}}
    return {**counts, "trace": {**trace(0.0, 0.0), "late_frames": missed}}


def test_each_songs_late_frames_are_its_own() -> None:
    """Pages count on from song to song; what was too late to be mixed is counted anew in each."""
    first = {0: page(0, 0, 0), 1: page(100, 4, 0), 2: page(100, 0, 2)}
    second = {0: page(0, 0, 0), 1: page(300, 5, 0), 2: page(300, 0, 0)}
    assert late_shares([first, second]) == [(4 + 2) / 200, 1 / 400]
