"""What all tests share: browser tests carry the mark `browser`, to run last; Hypothesis has no stopwatch."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

BROWSER = Path(__file__).parent / "browser"

# How long an example takes says how busy the machine is, nothing else. A failure prints what repeats it.
settings.register_profile("unisono", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unisono")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")
