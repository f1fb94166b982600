"""Packing: frames that travel together, in a large room two to a packet; its server has half as many to take in then.

Pure; the twin of the page's engine/packing.js.
"""

from __future__ import annotations

from unisono.core.wire import Packet, bundled


class Packing:
    """What a seat sends live. `frames_a_packet` is as the room says with each song."""

    def __init__(self) -> None:
        self.frames_a_packet = 1
        self._waiting: list[Packet] = []

    def add(self, packet: Packet) -> list[Packet]:
        """What is to be sent now that this packet of one frame is there."""
        self._waiting.append(packet)
        return [] if len(self._waiting) < self.frames_a_packet else self.flush()

    def flush(self) -> list[Packet]:
        """What still waits for more."""
        waiting, self._waiting = self._waiting, []
        return bundled(waiting)

    def clear(self) -> None:
        """Whatever waits is sent some other way."""
        self._waiting.clear()
