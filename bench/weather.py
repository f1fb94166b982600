"""`python -m bench weather`: songs in bad weather, on simulated networks and clocks; nothing here waits or makes sound.

Real: the room and all of core, the desk's mixing, the leader's forwarding, every message and packet. Simulated: the
network (tests/sim/air.py, TCP in tests/sim/tcp.py), the page (tests/sim/page.py, after its JavaScript), its sound card,
which is exact, and the codec. Four sing, each in a row of their own if the weather allows it, and one listens; the room
chooses the rows' delays by what the pages measured in the 20 s before, and for the second song by the first.

error_ms            how far a frame of a stem is from where its sound belongs; all frames of all stems.
lost_ms             sung, and in no stem when the song was declared complete; all singers together.
breaks_per_minute   at the worst ear: stretches of more than 20 ms in which a voice is missing or invented.
missing_share       at the worst ear: share of the song in which a voice is missing.
hop_ms              from the ears of one row to the ears of the next.
delays_ms           how far behind the room's clock each row heard, from row 0 on; `listener_delay_ms` for listeners.
"""

from typing import Any

import numpy as np

from tests.sim.evening import BEFORE_MS, Outcome
from tests.sim.weathers import DATAGRAMS, NAMES, evening

SONG_S, SONGS, SEEDS = 20.0, 2, 1
LONG_SONG_S, LONG_SEEDS = 120.0, 5
_PAUSE_MS = 5_000.0


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench: two songs in each weather; `--long` more minutes and seeds."""
    seconds, seeds = (LONG_SONG_S, LONG_SEEDS) if long else (SONG_S, SEEDS)
    weathers = {name: _weather(name, seconds, range(seed, seed + seeds)) for name in NAMES}
    worst = {
        key: max(weather[key] for weather in weathers.values())
        for key in ("error_ms_p95", "lost_ms", "breaks_per_minute", "hop_ms_p95")
    }
    datagrams = {DATAGRAMS.name: _weather(DATAGRAMS.name, seconds, range(seed, seed + seeds))}
    return {
        **worst,
        "seconds_of_song": seconds * SONGS * seeds,
        "seed": seed,
        "weathers": weathers,
        "not_yet_in_the_program": datagrams,
    }


def _weather(name: str, seconds: float, seeds: range) -> dict[str, Any]:
    """Figures of one weather: of all its songs, and what was better in the second, whose rows know the first."""
    songs = [_songs(name, seconds, seed) for seed in seeds]
    every = [outcome for pair in songs for outcome in pair]
    last = every[-1]
    return {
        "error_ms_p95": _p95([np.abs(outcome.error_ms) for outcome in every]),
        "lost_ms": round(sum(outcome.lost_ms for outcome in every), 1),
        "breaks_per_minute": _mean([outcome.worst_breaks for outcome in every]),
        "breaks_per_minute_second_song": _mean([pair[1].worst_breaks for pair in songs]),
        "missing_share": _mean([max(outcome.missing_share) for outcome in every]),
        "hop_ms_p95": _p95([outcome.hop_ms for outcome in every]),
        "hop_ms_p95_second_song": _p95([pair[1].hop_ms for pair in songs]),
        "delays_ms": list(last.delays_ms[:-1]),
        "listener_delay_ms": last.delays_ms[-1],
        "unsung_ms": round(sum(outcome.unsung_ms for outcome in every), 1),
        "complete_after_s": round(max(outcome.complete_after_s for outcome in every), 1),
        "repaired_frames": last.repaired_frames,
        "reconnections": last.reconnections,
    }


def _songs(name: str, seconds: float, seed: int) -> list[Outcome]:
    """Two songs of one evening."""
    night = evening(name, seed=seed)
    night.wait(BEFORE_MS)
    sung = []
    for _ in range(SONGS):
        sung.append(night.sing(seconds))
        night.wait(_PAUSE_MS)
    return sung


def _p95(parts: list[Any]) -> float:
    return round(float(np.percentile(np.concatenate(parts), 95)), 4)


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)
