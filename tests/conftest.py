"""What all tests share: browser tests carry the mark `browser`, to run last; Hypothesis has no stopwatch.

Tests in real time, on real sockets or real sound, get a second and a third chance: on a shared machine a sound system
or a thread is now and then held up for longer than any bound that would still mean something. A rerun is printed.
Tests of the core, on simulated time, get none.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

BROWSER = Path(__file__).parent / "browser"
LIVE = Path(__file__).parent / "live"

# How long an example takes says how busy the machine is, nothing else. A failure prints what repeats it.
settings.register_profile("unisono", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unisono")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")
        if {BROWSER, LIVE} & set(item.path.parents):
            item.add_marker(pytest.mark.flaky(reruns=2))
