"""Lights: who sounds how loud, gathered by position and told ten times a second."""

from __future__ import annotations

from unisono.core.messages import Levels
from unisono.core.wire import LEVEL_SILENT
from unisono.units import SAMPLE_RATE, Position

WINDOW_SAMPLES = SAMPLE_RATE // 10
_WINDOWS_MAX = 64
_DARK_LEVEL = 70
"""Softer than -70 dBFS is a room's own noise: its balcony stays dark."""


class Lights:
    """The loudest level of each seat in each tenth of a second of the axis, until told."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[int, int]] = {}
        self._told_at = 0
        self._last: dict[int, int] = {}

    @property
    def waiting(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._windows)

    def sounded(self, seat: int, position: Position, level: int) -> None:
        """A frame of this seat, `level` in -dBFS, stands at `position`; who goes back in time lights nothing."""
        if position < self._last.get(seat, 0):
            return
        self._last[seat] = position
        if level >= min(_DARK_LEVEL, LEVEL_SILENT):
            return
        window = self._windows.setdefault(position // WINDOW_SAMPLES, {})
        window[seat] = min(level, window.get(seat, LEVEL_SILENT))
        if len(self._windows) > _WINDOWS_MAX:
            del self._windows[next(iter(self._windows))]

    def tell(self, now: Position) -> list[Levels]:
        """One message for each tenth of a second that sounded, at most every tenth of a second; then begin anew."""
        if not self._windows or now < self._told_at + WINDOW_SAMPLES:
            return []
        told = [
            Levels(position=index * WINDOW_SAMPLES, levels=dict(levels))
            for index, levels in sorted(self._windows.items())
        ]
        self._windows.clear()
        self._told_at = now
        return told
