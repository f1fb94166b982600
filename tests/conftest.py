"""What all tests share: tests/live and tests/browser carry their marks, to run apart; Hypothesis has no stopwatch."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

APART = ("live", "browser")

# How long an example takes says how busy the machine is, nothing else. A failure prints what repeats it.
settings.register_profile("unisono", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unisono")

# A shell's background jobs ignore Ctrl-C, and all that they start: programs under test would not be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in APART:
            item.add_marker(folder)
