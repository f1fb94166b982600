"""Twice: which packets of a page have come already, where the same sound travels on two lines (live/session.py)."""

from __future__ import annotations

from typing import Final

from unisono.core.wire import Packet

_REMEMBERED: Final = 1024
"""Twenty seconds of frames: no line is that far behind the other and still of use."""


class Twice:
    """Remembers the last packets by what they are and where they belong."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, int], None] = {}

    def again(self, packet: Packet) -> bool:
        """Whether this one has come before; what is repaired is asked for, and counts each time."""
        if packet.repair:
            return False
        key = (packet.kind, packet.epoch, packet.position)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False
