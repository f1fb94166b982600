"""Pulse: the only reader of clocks. A room's position is how many samples its monotonic clock counts since it opened.

The anchor says where zero is. It is kept in the ledger, so that a room goes on counting after the server restarts: to
the sample while the machine has not rebooted (the same boot id, the same CLOCK_MONOTONIC), else by the pages that still
sing (live/waking.py) or by the wall clock, and never back behind what the room has counted already.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from unisono.store.records import Anchor
from unisono.units import SAMPLE_RATE, Position

_NANOSECONDS = 1_000_000_000


@cache
def boot_id() -> str:
    """What names this boot of this machine; empty where the system does not say, which no anchor ever matches."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def anchor_now() -> Anchor:
    """A room opened now."""
    return Anchor(boot_id=boot_id(), monotonic_ns=time.monotonic_ns(), wall_ns=time.time_ns())


def again_from(kept: Anchor, *, reached: Position) -> Anchor:
    """The anchor to count from in this process, for a room that had counted up to at least `reached` before."""
    if is_sure(kept):
        return kept
    passed_ns = max(time.time_ns() - kept.wall_ns, reached * _NANOSECONDS // SAMPLE_RATE)
    return Anchor(boot_id=boot_id(), monotonic_ns=time.monotonic_ns() - passed_ns, wall_ns=time.time_ns() - passed_ns)


def is_sure(kept: Anchor) -> bool:
    """Whether `again_from` is exact: the machine counts on since the anchor was kept."""
    return bool(kept.boot_id) and kept.boot_id == boot_id()


def anchor_at(zero_ns: float) -> Anchor:
    """The anchor of a room whose zero lay at `zero_ns` on this boot's monotonic clock."""
    wall_ns = time.time_ns() - (time.monotonic_ns() - int(zero_ns))
    return Anchor(boot_id=boot_id(), monotonic_ns=int(zero_ns), wall_ns=wall_ns)


def now_ns() -> int:
    """The monotonic clock, for what is told before its room's clock is known."""
    return time.monotonic_ns()


class Pulse:
    """One room's clock."""

    __slots__ = ("_zero_ns",)

    def __init__(self, anchor: Anchor) -> None:
        self._zero_ns = anchor.monotonic_ns

    def correct(self, anchor: Anchor) -> None:
        """The zero lies elsewhere; only before anybody was told the room's position."""
        self._zero_ns = anchor.monotonic_ns

    def now(self) -> Position:
        """The room's position, whole samples."""
        return Position((time.monotonic_ns() - self._zero_ns) * SAMPLE_RATE // _NANOSECONDS)

    def exactly(self) -> float:
        """The room's position with its fraction: what echoes carry."""
        return (time.monotonic_ns() - self._zero_ns) * SAMPLE_RATE / _NANOSECONDS

    def seconds_until(self, position: Position) -> float:
        """How long to sleep until then; 0 if it has passed."""
        return max(0.0, (position - self.exactly()) / SAMPLE_RATE)
