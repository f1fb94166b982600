"""`python -m bench listeners`: a thousand listeners beside thirty singers in one room. Figures as in bench/capacity.py.

Listeners get ten frames at a time, of the leader and of the mix; one encode serves them all.
"""

from typing import Any

from bench.capacity import Scenario, measure


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench; `--long` sings for a minute."""
    return measure(Scenario(singers=30, listeners=1000, seconds=60.0 if long else 15.0, seed=seed))
