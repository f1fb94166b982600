"""`python -m bench soak`: does the memory stay flat? Twenty sing for a minute, `--long` for ten; it ends by itself.

memory_mb_per_hour   the slope of the resident memory over the second half of the song, by least squares. A song's stems
                     are on disk; what grows with a song is a bounded piece of bookkeeping for each seat.
"""

from typing import Any

from bench.capacity import Scenario, measure


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench."""
    return measure(Scenario(singers=20, seconds=600.0 if long else 60.0, seed=seed))
