"""`python -m bench rooms`: twenty courtyards of eight, all singing at once. Figures as in bench/capacity.py."""

from typing import Any

from bench.capacity import Scenario, measure


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench; `--long` sings for a minute."""
    return measure(Scenario(rooms=20, singers=8, seconds=60.0 if long else 20.0, seed=seed))
