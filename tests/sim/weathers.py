"""The weathers in which evenings are tried out. Times are of an evening: the song begins at about 22 s."""

from __future__ import annotations

from typing import Final

from tests.sim.air import Air
from tests.sim.evening import Evening
from tests.sim.line import Weather

SINGERS: Final = 4
"""The host, who leads, and three behind; a listener comes too."""

FAIR: Final = Weather.both("fair", Air())
MIDST_MS: Final = (30_000.0, 60_000.0)
"""In the midst of the first song of twenty seconds, and of the second."""
STALLS_MS: Final = tuple((begins_ms, begins_ms + 5_000.0) for begins_ms in MIDST_MS)

EVERYBODY: Final = (
    FAIR,
    Weather.both("wireless", Air(jitter_ms=20, loss=0.002)),
    Weather.both("jitter 100 ms", Air(jitter_ms=100)),
    Weather.both("loss 5 %, jitter 100 ms", Air(loss=0.05, jitter_ms=100)),
    Weather.both("bursty loss 5 %, jitter 100 ms", Air(loss=0.05, burst_ms=60, jitter_ms=100)),
    Weather.both("jitter 300 ms", Air(jitter_ms=300)),
    Weather.both("loss 20 %", Air(loss=0.2)),
    Weather.both("reordered and doubled", Air(jitter_ms=30, reordered=0.1, doubled=0.1)),
    Weather.both("stall of 5 s", Air(dead_ms=STALLS_MS)),
    Weather.both("address changes", Air(jitter_ms=10), moves_ms=MIDST_MS),
    Weather(name="narrow uplink", up=Air(rate_kbps=256, jitter_ms=10), down=Air(rate_kbps=1000, jitter_ms=10)),
)
"""Everybody's, leader and listener included, each drawn for itself."""

DATAGRAMS: Final = Weather.both("datagrams, loss 5 %, jitter 100 ms", Air(loss=0.05, jitter_ms=100), datagrams=True)
"""Sound as datagrams, as no transport of the program sends it yet."""

ONE_IN_A_STORM: Final = "one in a storm, others fair"
NAMES: Final = (*(weather.name for weather in EVERYBODY), ONE_IN_A_STORM)


def evening(name: str, *, seed: int, singers: int = SINGERS) -> Evening:
    """An evening in the weather of this name."""
    if name == ONE_IN_A_STORM:
        storm = Weather.both("storm", Air(loss=0.1, jitter_ms=150, dead_ms=STALLS_MS))
        return Evening([*[FAIR] * (singers - 1), storm, FAIR], seed=seed)
    weather = next(weather for weather in (*EVERYBODY, DATAGRAMS) if weather.name == name)
    return Evening([weather] * (singers + 1), seed=seed)
